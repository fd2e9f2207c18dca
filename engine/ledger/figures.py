"""The figures that a snapshot shows beside the account: bytes, failures by cause, and what is still to do."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from engine.ledger import queries
from engine.ledger.account import LedgerFigures, Outstanding


def figures(db: sqlite3.Connection) -> LedgerFigures:
    """A read of a handful of rows."""
    sizes = db.execute("SELECT total(source_bytes), total(jpeg_bytes) FROM batches").fetchone()
    causes = db.execute(
        "SELECT cause, sum(images) AS n FROM failures GROUP BY cause HAVING n > 0 ORDER BY n DESC, cause"
    ).fetchall()
    return LedgerFigures(
        queries.account(db), int(sizes[0]), int(sizes[1]), tuple((cause, count) for cause, count in causes)
    )


def outstanding(db: sqlite3.Connection, batches: Sequence[str] | None) -> Outstanding:
    """What is pending in these batches. Reads an index row an image: some tens of milliseconds for 400,000."""
    surveyed = unsurveyed = 0
    pixels = 0.0
    for number, name, pending in db.execute("SELECT id, name, pending FROM batches WHERE pending > 0"):
        if batches is not None and name not in batches:
            continue
        known, sum_of_pixels = db.execute(
            "SELECT count(*), total(pixels) FROM images WHERE batch = ? AND state = 'pending' AND surveyed = 1",
            (number,),
        ).fetchone()
        surveyed += known
        unsurveyed += pending - known
        pixels += sum_of_pixels
    return Outstanding(surveyed, pixels / 1e6, unsurveyed)
