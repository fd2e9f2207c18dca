"""How long the work took: sums over the attempts, for reports."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass


@dataclass(frozen=True)
class Times:
    """Of one batch; seconds."""

    converted: int
    """Attempts that gave a JPEG."""
    cpu_s: float
    """Of those."""
    wall_s: float
    first: float
    """When the first attempt of any kind began, Unix time."""
    last: float
    """When the last one ended."""
    busy_s: float
    """Time during which at least one attempt was under way: without pauses and nights."""
    attempts: int
    """Of any outcome."""


def times(db: sqlite3.Connection) -> dict[str, Times]:
    """By batch, for those that were begun."""
    sums = db.execute(
        "SELECT b.name, sum(a.outcome = 'converted'), "
        "total(iif(a.outcome = 'converted', a.cpu_s, 0)), total(iif(a.outcome = 'converted', a.wall_s, 0)), "
        "min(a.started), max(ifnull(a.ended, a.started)), count(*) "
        "FROM attempts a JOIN images i ON i.id = a.image JOIN batches b ON b.id = i.batch GROUP BY b.id"
    ).fetchall()
    busy = _busy(db)
    return {
        name: Times(int(converted), cpu_s, wall_s, first, last, busy.get(name, 0.0), attempts)
        for name, converted, cpu_s, wall_s, first, last, attempts in sums
    }


def _busy(db: sqlite3.Connection) -> dict[str, float]:
    """The length of the union of each batch's attempts; attempts are numbered as they start."""
    total: dict[str, float] = {}
    until: dict[str, float] = {}
    rows = db.execute(
        "SELECT b.name, a.started, a.ended FROM attempts a JOIN images i ON i.id = a.image "
        "JOIN batches b ON b.id = i.batch WHERE a.ended IS NOT NULL ORDER BY a.id"
    )
    for name, started, ended in rows:
        begin = max(started, until.get(name, started))
        total[name] = total.get(name, 0.0) + max(0.0, ended - begin)
        until[name] = max(ended, until.get(name, ended))
    return total


def representations(db: sqlite3.Connection, batch: str | None = None) -> tuple[int, int]:
    """How many representations (UUIDs) there are, and how many of them are complete: all done or accepted."""
    row = db.execute(
        "SELECT count(*), total(complete) FROM (SELECT min(i.state IN ('done', 'accepted')) AS complete "
        "FROM images i JOIN batches b ON b.id = i.batch WHERE ?1 IS NULL OR b.name = ?1 GROUP BY i.uuid)",
        [batch],
    ).fetchone()
    return int(row[0]), int(row[1])
