"""The ledger's history: a row for whatever happened to an image or to the engine."""

from __future__ import annotations

import sqlite3
import time

from engine.ledger.statements import statements
from engine.ledger.states import EventKind, EventLevel

_SQL = statements("changes")


def add_event(
    db: sqlite3.Connection,
    level: EventLevel,
    kind: EventKind,
    message: str,
    image_id: int | None,
    pid: int | None,
    at: float | None = None,
) -> None:
    """`at` is Unix time; None is now."""
    values = {"level": level, "kind": kind, "message": message, "image": image_id, "pid": pid}
    db.execute(_SQL["add_event"], {**values, "now": time.time() if at is None else at})
