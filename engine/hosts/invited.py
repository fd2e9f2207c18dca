"""Which invitations hold: the last one of each name, until it is withdrawn. A list beside the keys in the workspace."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from msgspec import Struct, json, structs

from engine.failures import UserError, nearest, one_line

_LIST = "invited.json"


class _Invited(Struct, frozen=True):
    holding: dict[str, str] = {}
    """The number of the certificate that holds, by name; empty if it was withdrawn. Hexadecimal, as all numbers."""
    void: tuple[str, ...] = ()
    """Numbers of certificates that do not hold any more."""


class Invited:
    def __init__(self, directory: Path) -> None:
        """`directory` is the workspace's `cluster_dir`. Every question reads the file: other processes write it."""
        self._path = directory / _LIST

    @property
    def names(self) -> list[str]:
        """Whose invitations hold."""
        return sorted(name for name, number in self._read().holding.items() if number)

    @property
    def void(self) -> list[int]:
        """Certificates that do not hold any more."""
        return [serial for number in self._read().void if (serial := int(number, 16))]

    def is_withdrawn(self, name: str) -> bool:
        return self._read().holding.get(name) == ""

    def has_holding(self, name: str) -> bool:
        return bool(self._read().holding.get(name))

    def check_known(self, name: str) -> None:
        """Raises UserError for a name that was never invited; one line with those that were."""
        known, shown = sorted(self._read().holding), one_line(name)
        if name in known:
            return
        if not known:
            raise UserError(f"no host {shown!r}: none was invited; `photostat host invite NAME` invites one")
        meant = nearest(name, known)
        advice = f"did you mean {meant}?" if meant else f"invited are {', '.join(known)}"
        raise UserError(f"no host {shown!r}; {advice}")

    def put(self, name: str, certificate: int | None) -> None:
        """From now on this certificate alone holds for the name; with None, none."""
        kept = self._read()
        former = kept.holding.get(name)
        void = (*kept.void, former) if former else kept.void
        number = "" if certificate is None else f"{certificate:x}"
        changed = structs.replace(kept, holding=kept.holding | {name: number}, void=void)
        self._path.parent.mkdir(mode=0o700, exist_ok=True)
        write_secret(self._path, json.format(json.encode(changed)).decode() + "\n")

    def _read(self) -> _Invited:
        with contextlib.suppress(FileNotFoundError):
            return json.decode(self._path.read_bytes(), type=_Invited)
        return _Invited()


def write_secret(path: Path, text: str) -> None:
    """Whole or not at all, and for its owner alone."""
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    with os.fdopen(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(text)
    unfinished.replace(path)
