"""What is said of `[cluster]` in several places, and whether the extra for it is installed."""

from __future__ import annotations

from importlib.util import find_spec

HERE = "here"
"""What people read of the engine's own machine."""
_PARTS = ("distributed", "cryptography")
CONVERTS_NOTHING_HERE = (
    "this machine converts nothing ([cluster] here = false): "
    "`photostat workers N --host NAME` is for the others"
)
INSTALL = (
    "`make cluster` in photostat's directory, or `python3 -m pip install -r requirements-cluster.lock` there"
)


def missing_extra() -> str | None:
    """Looks without loading it: what to do where it is not installed, to follow what needs it; None if it is."""
    if all(find_spec(part) is not None for part in _PARTS):
        return None
    return f"needs the extra photostat[cluster], which is not installed: {INSTALL}"
