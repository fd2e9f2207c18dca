"""What the snapshot says of the file systems on which store, scratch and ledger lie."""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct

from engine.control.numbers import Count


class VolumeName(StrEnum):
    STORE = "store"
    SCRATCH = "scratch"
    LEDGER = "ledger"


class VolumeSnapshot(Struct, frozen=True):
    """The file system on which something lies. Bytes."""

    name: VolumeName
    path: str = ""
    free: Count | None = None
    """None if nobody knows; `problem` says why."""
    total: Count | None = None
    needed: Count | None = None
    """What the rest of the run will write on this file system; None while nobody can know."""
    enough: bool | None = None
    """Whether that fits; None if nobody knows."""
    problem: str = ""
