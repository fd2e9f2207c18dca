"""Images with one target: found after an import by the target's key, failed together, freed when that is over."""

# ruff: noqa: S608 - the SQL is of this package's own words; every value is a parameter

from __future__ import annotations

import os
import sqlite3

from engine.ledger.requeue import COLLIDES, FRESH

TABLE_NAMES = ("shared", "clash", "alike", "freed")
TABLES = (
    "CREATE TEMP TABLE shared (key INTEGER PRIMARY KEY)",  # keys that several images have
    "CREATE TEMP TABLE clash (target TEXT PRIMARY KEY, images INTEGER, first INTEGER, last INTEGER, "
    "first_line INTEGER, last_line INTEGER)",
    "CREATE TEMP TABLE alike (key INTEGER PRIMARY KEY)",  # keys with several targets
    "CREATE TEMP TABLE freed (key INTEGER PRIMARY KEY)",  # keys that renamed images had before
)
"""Made by the import, beside its `incoming`."""


def fail_collisions(db: sqlite3.Connection, now: float, *, is_first: bool) -> None:
    """Looks at the targets that the import brought; fills `clash` and `alike`.

    `is_first`: there was nothing in the ledger before, so the export alone has to be looked at."""
    if is_first:
        shared = "SELECT key FROM temp.incoming GROUP BY key HAVING count(*) > 1"
    else:
        shared = (
            "SELECT target_key FROM main.images "
            "WHERE target_key IN (SELECT key FROM temp.incoming WHERE how IN ('new', 'changed')) "
            "GROUP BY target_key HAVING count(*) > 1"
        )
    db.execute(f"INSERT INTO temp.shared {shared}")
    db.execute(
        "INSERT INTO temp.clash SELECT target, count(*), coalesce(min(iif(state = 'done', id, NULL)), min(id)), "
        "max(id), NULL, NULL FROM main.images "
        "WHERE target_key IN (SELECT key FROM temp.shared) AND state <> 'accepted' "
        "GROUP BY target HAVING count(*) > 1"
    )
    db.execute(
        "INSERT INTO temp.alike SELECT target_key FROM main.images "
        "WHERE target_key IN (SELECT key FROM temp.shared) GROUP BY target_key HAVING count(DISTINCT target) > 1"
    )
    db.execute(
        "UPDATE temp.clash AS c SET first_line = n.first, last_line = n.last FROM "
        "(SELECT target, min(line) AS first, max(line) AS last FROM temp.incoming "
        "WHERE key IN (SELECT key FROM temp.shared) AND (how <> 'known' OR image IS NOT NULL) GROUP BY target) AS n "
        "WHERE n.target = c.target"
    )
    _fail(db, now)


_MESSAGE = (
    "'image ' || o.id || ' has the same target (from ' || o.source || ')' "
    "|| iif(c.images > 2, ', and ' || (c.images - 2) || ' more', '')"
)


def _fail(db: sqlite3.Connection, now: float) -> None:
    colliding = (
        "main.images AS o, temp.clash AS c WHERE i.target_key IN (SELECT key FROM temp.shared) "
        "AND c.target = i.target AND o.id = iif(i.id = c.first, c.last, c.first) "
        "AND i.state IN ('pending', 'in_flight', 'failed')"
    )
    db.execute(
        "INSERT INTO events (time, level, kind, message, image, pid) "
        f"SELECT ?, 'error', 'failed', 'target-collision: ' || {_MESSAGE}, i.id, ? FROM main.images AS i, {colliding} "
        "AND i.cause IS NOT 'target-collision'",
        (now, os.getpid()),
    )
    db.execute(
        "UPDATE main.images AS i SET state = 'failed', stage = 'manifest', cause = 'target-collision', hint = '', "
        f"storing = 0, scratch_path = NULL, updated = ?, message = {_MESSAGE} FROM {colliding}",
        (now,),
    )


def told(clash: sqlite3.Row, own_line: int) -> str:
    """What the report says of a row in `clash`."""
    other_line = clash["last_line"] if own_line == clash["first_line"] else clash["first_line"]
    if other_line != own_line:
        other, more = f"line {other_line}", clash["images"] - 2
    else:
        other, more = f"image {clash['first']}, which is in the ledger already", clash["images"] - 2
    return f"{clash['target']} is also the target of {other}" + (f", and {more} more" if more > 0 else "")


def free(db: sqlite3.Connection, now: float) -> int:
    """Images whose target nothing else has any more are pending again; returns how many."""
    return db.execute(
        f"UPDATE main.images AS i SET {FRESH}, updated = ? "
        "WHERE i.target_key IN (SELECT key FROM temp.freed) AND i.state = 'failed' "
        f"AND i.cause = 'target-collision' AND NOT {COLLIDES}",
        (now,),
    ).rowcount
