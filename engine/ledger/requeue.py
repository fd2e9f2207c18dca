"""What a person decides about failures: another round, or out of the account with a reason."""

# ruff: noqa: S608 - the SQL is of this package's own words; every value is a parameter

from __future__ import annotations

import json
import os
import sqlite3
import time
from collections.abc import Sequence

from engine.failures import UserError, one_line
from engine.ledger.filters import Selection

COLLIDES = (
    "EXISTS (SELECT 1 FROM images o WHERE o.target_key = i.target_key AND o.target = i.target "
    "AND o.id <> i.id AND o.state <> 'accepted')"
)
"""Another image has this image's target and is going to be, or was, stored under it."""

_AMONG = "i.id IN (SELECT value FROM json_each(?))"
"""One parameter however many ids."""

FRESH = (
    "state = 'pending', round = round + 1, attempts = 0, surveyed = 0, stage = NULL, cause = NULL, message = NULL, "
    "hint = NULL, reason = NULL, storing = 0, scratch_path = NULL, warnings = '[]', psnr = NULL, md5 = NULL, "
    "jpeg_bytes = NULL, jpeg_width = NULL, jpeg_height = NULL, source_digest = NULL"
)
"""As new, at the beginning of another round; the attempts and events of earlier ones stay."""


_CHOSEN_TWICE = (
    "DELETE FROM temp.chosen WHERE id IN (SELECT i.id FROM temp.chosen c JOIN images i ON i.id = c.id "
    "JOIN images o ON o.target_key = i.target_key AND o.target = i.target AND o.id <> i.id "
    "WHERE o.id IN (SELECT id FROM temp.chosen))"
)
"""Accepted images that share a target with one another must not come back together."""


def requeue(db: sqlite3.Connection, selection: Selection) -> int:
    _check_known(db, selection.ids)
    where, values = selection.condition()
    now = time.time()
    _choose(db, f"{where} AND NOT {COLLIDES}", values)
    db.execute(_CHOSEN_TWICE)
    _note_each(db, "requeue", "requeued", now)
    return _apply(db, FRESH, [], now)


def accept(db: sqlite3.Connection, ids: Sequence[int], reason: str) -> int:
    if not reason.strip():
        raise UserError("accepting needs a reason")
    _check_known(db, ids)
    now = time.time()
    _choose(db, f"i.state = 'failed' AND {_AMONG}", [json.dumps(list(ids))])
    _note_each(db, "accept", f"accepted: {one_line(reason)}", now)
    return _apply(db, "state = 'accepted', reason = ?", [reason.strip()], now)


def convert_again(db: sqlite3.Connection, ids: Sequence[int], reason: str) -> int:
    _check_known(db, ids)
    now = time.time()
    _choose(db, f"i.state = 'done' AND {_AMONG}", [json.dumps(list(ids))])
    _note_each(db, "requeue", f"requeued: {one_line(reason)}", now)
    return _apply(db, FRESH, [], now)


def _choose(db: sqlite3.Connection, where: str, values: Sequence[object]) -> None:
    db.execute("CREATE TEMP TABLE IF NOT EXISTS chosen (id INTEGER PRIMARY KEY)")
    db.execute("DELETE FROM temp.chosen")
    db.execute(f"INSERT INTO temp.chosen SELECT i.id FROM images i WHERE {where}", values)


def _note_each(db: sqlite3.Connection, kind: str, message: str, now: float) -> None:
    db.execute(
        "INSERT INTO events (time, level, kind, message, image, pid) SELECT ?, 'info', ?, ?, id, ? FROM temp.chosen",
        (now, kind, message, os.getpid()),
    )


def _apply(db: sqlite3.Connection, settings: str, values: Sequence[object], now: float) -> int:
    return db.execute(
        f"UPDATE images SET {settings}, updated = ? WHERE id IN (SELECT id FROM temp.chosen)",
        [*values, now],
    ).rowcount


def _check_known(db: sqlite3.Connection, ids: Sequence[int]) -> None:
    known = {
        row[0] for row in db.execute(f"SELECT i.id FROM images i WHERE {_AMONG}", [json.dumps(list(ids))])
    }
    unknown = [str(number) for number in ids if number not in known]
    if unknown:
        shown = ", ".join(unknown[:20]) + (" …" if len(unknown) > 20 else "")
        raise UserError(
            f"no image{'s' if len(unknown) > 1 else ''} {shown} in the ledger; nothing was changed"
        )
