"""The ledger's history: a row for whatever happened to an image or to the engine.

Notable events are kept for good; routine ones and those of single images age out, the oldest first. Events that are
alike within a stretch of time are told as one notable row, which is the newest of them, and counts them. Nothing of
that costs more in a run of 40,000 failures than in one of 4.
"""

from __future__ import annotations

import sqlite3
import time

from engine.formatting import HOUR, MINUTE
from engine.ledger.statements import statements
from engine.ledger.states import EventKind, EventLevel, EventRank

_SQL = statements("changes")
KEPT = 500_000
"""At most so many of the newest events are kept that are not notable: a day and a half of 95,000 images a day."""
_GAP_S, _STRETCH_S = 10 * MINUTE, HOUR
"""Events are told as one if none came later than this after the one before, and all within this."""
_FOR_GOOD = frozenset(
    {
        EventKind.ENGINE,
        EventKind.HOLD,
        EventKind.END_OF_HOLD,
        EventKind.WORKER,
        EventKind.SURVEYOR,
        EventKind.UPLOADER,
        EventKind.GPU,
        EventKind.SKIP,
    }
)
"""Notable also if they are about an image: of the engine, its processes and holds, and what a person has ordered."""


def rank_of(kind: EventKind, image_id: int | None) -> EventRank:
    """Of an event that is not told with others as one."""
    return EventRank.NOTABLE if image_id is None or kind in _FOR_GOOD else EventRank.ROUTINE


def add_event(
    db: sqlite3.Connection,
    level: EventLevel,
    kind: EventKind,
    message: str,
    image_id: int | None,
    pid: int | None,
    at: float | None = None,
    fold: str = "",
    host: str = "",
    folds_after: int = 0,
) -> None:
    """`at` is Unix time; None is now. With `fold`, it is told as one with others of its kind that have the same,
    and that came after the event `folds_after`. `host` is the machine that `pid` is on; empty for the engine's own."""
    now = time.time() if at is None else at
    values = {"level": level, "kind": kind, "message": message, "image": image_id, "pid": pid, "now": now}
    values |= {"host": host}
    if not fold:
        db.execute(_SQL["add_event"], {**values, "rank": rank_of(kind, image_id)})
        return
    if image_id is not None:
        db.execute(_SQL["add_event"], {**values, "rank": EventRank.DETAIL})
    values |= {"fold": fold, "last": now - _GAP_S, "first": now - _STRETCH_S, "after": folds_after}
    if db.execute(_SQL["fold_event"], values).rowcount == 0:
        db.execute(_SQL["add_folded_event"], values)


def last_event(db: sqlite3.Connection) -> int:
    """The newest event's id; 0 if there is none."""
    return int(db.execute(_SQL["last_event"]).fetchone()[0])


def age(db: sqlite3.Connection, after: int, most: int, kept: int = KEPT) -> int:
    """Removes up to `most` of the oldest events that are not notable, beyond the newest `kept`.

    `after` is what the last call returned, 0 at first: nothing before it is left to remove."""
    upto = last_event(db) - kept
    if upto <= after:
        return after
    rows = db.execute(_SQL["aged_events"], {"after": after, "upto": upto, "limit": most}).fetchall()
    if not rows:
        return upto
    db.execute(_SQL["age_events"], {"after": after, "upto": rows[-1][0]})
    return int(rows[-1][0])
