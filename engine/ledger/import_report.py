"""What became of an export's rows in the ledger: counted by batch, and noted line by line."""

from __future__ import annotations

import sqlite3

from msgspec import Struct

from engine.ledger import collisions
from engine.ledger.statements import statements

_SQL = statements("import_report")
NOTES_KEPT = 1000
"""Of each kind of note; all are counted."""
_LIMIT = {"limit": NOTES_KEPT}


class BatchCounts(Struct, frozen=True):
    """The well-formed rows of one batch: their number is new + known + changed + kept."""

    batch: str
    new: int
    known: int
    changed: int
    kept: int
    colliding: int
    """Of all these, the rows whose image is failed because of its target."""


class LineNote(Struct, frozen=True):
    """What there is to say about one row of the export."""

    line: int
    """Where it begins, from 1."""
    message: str


class ImportReport(Struct, frozen=True):
    batches: tuple[BatchCounts, ...]
    collisions: tuple[LineNote, ...]
    changed: tuple[LineNote, ...]
    """Images that have another source, name or checksum now, and what they had."""
    kept: tuple[LineNote, ...]
    """Images that are done and stay as they are, although the export now has other values for them."""
    repeated: tuple[LineNote, ...]
    """Rows equal in every column to an earlier one of the same export."""
    alike: tuple[LineNote, ...]
    """Targets that differ in case or Unicode form alone."""
    alike_count: int
    freed: int
    """Images that are pending again because no other image has their target any more."""
    respelled: int
    """Rows whose UUID has other capitals than its representation's first image."""


def read_report(
    db: sqlite3.Connection, changed: tuple[LineNote, ...], freed: int, respelled: int
) -> ImportReport:
    """From the import's temporary tables, after its last step."""
    return ImportReport(
        batches=tuple(BatchCounts(*row) for row in db.execute(_SQL["counts"])),
        collisions=_collisions(db),
        changed=changed,
        kept=_kept(db),
        repeated=_repeated(db),
        alike=_alike(db),
        alike_count=db.execute(_SQL["alike_count"]).fetchone()[0],
        freed=freed,
        respelled=respelled,
    )


def read_changed(db: sqlite3.Connection) -> tuple[LineNote, ...]:
    """Asked before the images take their new values."""
    return tuple(_changed(*row) for row in db.execute(_SQL["changed"], _LIMIT))


def _changed(line: int, target: str, *values: str) -> LineNote:
    pairs = zip(("source", "name", "checksum"), values[::2], values[1::2], strict=True)
    changes = [f"{what} {new or 'none'} instead of {old or 'none'}" for what, old, new in pairs if old != new]
    return LineNote(line, f"{target}: {', '.join(changes)}")


def _collisions(db: sqlite3.Connection) -> tuple[LineNote, ...]:
    return tuple(
        LineNote(row["line"], row["message"] or collisions.message(row, own_line=row["line"]))
        for row in db.execute(_SQL["collisions"], _LIMIT)
    )


def _repeated(db: sqlite3.Connection) -> tuple[LineNote, ...]:
    rows = db.execute(_SQL["repeated"], _LIMIT)
    return tuple(LineNote(line, f"wholly equal to line {first}: one image") for line, first in rows)


def _kept(db: sqlite3.Connection) -> tuple[LineNote, ...]:
    return tuple(
        LineNote(line, f"{target} is done already, from {source}: kept as it is")
        for line, target, source in db.execute(_SQL["kept"], _LIMIT)
    )


def _alike(db: sqlite3.Connection) -> tuple[LineNote, ...]:
    return tuple(
        LineNote(line, collisions.likeness(one, other))
        for line, one, other in db.execute(_SQL["alike"], _LIMIT)
    )
