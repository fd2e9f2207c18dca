"""Other machines as they were seen last, which an engine knows also of those before it."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from enum import StrEnum

from msgspec import Struct, structs

from engine.ledger.statements import statements

_SQL = statements("hosts")
_NOT_BACK = "the engine ended then, and it has not come back to this one"


class Parting(StrEnum):
    """How a machine went."""

    LOST = "lost"
    LEFT = "left"
    ENGINE_ENDED = "engine-ended"
    """It was there when the engine ended, and nobody has seen it since."""


class HostRecord(Struct, frozen=True):
    name: str
    joined: float
    """When it came last, Unix time, s."""
    cores: int
    address: str
    """What the machine calls itself in its network."""
    version: str
    gone: float | None = None
    """Since when it is not there, Unix time, s; None while it is."""
    how: Parting | None = None
    why: str = ""
    images: int = 0
    """That it had when it went and that were not in the store."""


def all_hosts(select: Callable[[str], list[sqlite3.Row]]) -> list[HostRecord]:
    """As they joined."""
    rows = map(dict, select(_SQL["hosts"]))
    return [HostRecord(**{**row, "how": Parting(row["how"]) if row["how"] else None}) for row in rows]


def keep(db: sqlite3.Connection, host: HostRecord) -> None:
    """Over what was known of it before."""
    db.execute(_SQL["keep"], structs.asdict(host))


def forget(db: sqlite3.Connection, name: str) -> None:
    db.execute(_SQL["forget"], {"name": name})


def engine_ended(db: sqlite3.Connection) -> bool:
    """For an engine that begins: those that were there have not come back yet. Returns whether its run goes on."""
    db.execute(_SQL["engine_ended"], {"why": _NOT_BACK})
    return not db.execute(_SQL["run_is_over"]).fetchone()[0]
