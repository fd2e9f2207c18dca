"""The versions on which the bytes of a JPEG depend: hosts of one run have the same."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from importlib.metadata import PackageNotFoundError, version

from engine import __version__

_DECISIVE = ("glymur", "numpy", "pillow", "pyvips", "pyvips-binary", "jpylyzer", "distributed")


@cache
def libraries() -> tuple[tuple[str, str], ...]:
    """Names and versions in this process. Finding them takes 12 ms, and every host that wants to join is compared."""
    return (("photostat", __version__), *((name, _version(name)) for name in _DECISIVE))


def difference(engine: Iterable[tuple[str, str]], host: Iterable[tuple[str, str]]) -> str | None:
    """The first that differs, one line; None if none does."""
    theirs = dict(host)
    for name, ours in engine:
        if theirs.get(name) != ours:
            return (
                f"{name} {theirs.get(name, 'unknown')} is there, and {ours} where the engine is: the same image could "
                "become other bytes. Install the same version on both"
            )
    return None


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"
