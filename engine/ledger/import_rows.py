"""Brings an export's rows into the ledger: new, known or changed, and which of them collide.

The rules, in this order, within the row's batch. A row of the export

1. equal in every column to an image of the ledger, or to an earlier row of the same export, is *known*; of a row
   that the export has more than once the lines are told;
2. is a *changed* image where exactly one image that no row of this export equals fits it, and no other row fits that
   image: by UUID, name and source (another barcode, record, type or checksum); else, where the export is evidently
   a new version of an earlier one, by UUID, name and record (another source); else by UUID and source (another
   name, and so another target);
3. is *new* otherwise.

An export is a new version where one of the same file name was added to the batch before, or some row of it in this
batch is in the ledger already. Otherwise another source, or another name, is another image: with the same target it
collides, and is in the account, instead of taking the place of the first without a word.

A changed image takes the row's values, and its history has the old ones. Where source, name or checksum differ it is
pending again, unless it was accepted, which stays so. An image that is done was made from the old values and keeps
them: the row is *kept*, which is told with its line; barcode, record and type are corrected there too.

Two images with one target collide: all of them are failed with `target-collision`, except those that are done, which
keep the target, and those that are accepted, which do not want it. Images that collided with one that has got
another name now, and with no other, are pending again. Targets that differ in case alone are told, no more: an
object store keeps them apart, a file system or share that folds case does not.
"""

# ruff: noqa: S608 - the SQL is of this package's own words; every value is a parameter

from __future__ import annotations

import hashlib
import os
import sqlite3
import time
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from engine.ledger import collisions
from engine.ledger.collisions import fail_collisions, free
from engine.ledger.requeue import FRESH

TOLD = 1000
"""Of each kind of remark, so many are kept word for word; all are counted."""


class ExportRow(NamedTuple):
    """A well-formed row; `line` is where it begins in the export, from 1."""

    line: int
    batch: str
    uuid: str
    barcode: str
    record: str
    name: str
    type: str
    source: str
    checksum: str
    target: str


@dataclass(frozen=True)
class BatchCounts:
    """The well-formed rows of one batch: their number is new + known + changed + kept."""

    batch: str
    new: int
    known: int
    changed: int
    kept: int
    colliding: int
    """Of all these, the rows whose image is failed because of its target."""


@dataclass(frozen=True)
class Remark:
    line: int
    message: str


@dataclass(frozen=True)
class Imported:
    batches: tuple[BatchCounts, ...]
    collisions: tuple[Remark, ...]
    changed: tuple[Remark, ...]
    """Images that have another source, name or checksum now, and what they had."""
    kept: tuple[Remark, ...]
    repeated: tuple[Remark, ...]
    """Rows wholly equal to an earlier one of the same export."""
    alike: tuple[Remark, ...]
    """Targets that differ in case alone."""
    alike_count: int
    freed: int
    """Images pending again because nothing has their target any more."""


def target_key(target: str) -> int:
    """The same for targets that are equal once case and Unicode composition are folded; 64 bits, signed."""
    folded = target.lower() if target.isascii() else unicodedata.normalize("NFC", target).casefold()
    return int.from_bytes(hashlib.blake2b(folded.encode(), digest_size=8).digest(), "little", signed=True)


def import_rows(db: sqlite3.Connection, rows: Iterable[ExportRow], export: str = "") -> Imported:
    """Inside a transaction of the caller's; 430,057 rows take seconds and little memory (temporary tables).

    `export` is the name of the file the rows are from."""
    is_first = db.execute("SELECT count(*) FROM batches").fetchone()[0] == 0
    for statement in _TABLES:
        db.execute(statement)
    db.executemany(
        "INSERT INTO temp.incoming (line, batch, uuid, barcode, record, name, type, source, checksum, target, key) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        _with_keys(rows, _Batches(db)),
    )
    db.execute("CREATE INDEX temp.incoming_by_key ON incoming (key, source)")
    if not is_first:
        _match_equal(db)
    _match_repeats(db)
    if not is_first:
        _find_versions(db, export)
        _match_changed(db)
    now = time.time()
    _note_export(db, export, now)
    changed = _changed(db)
    _update_changed(db, now)
    _insert_new(db, now)
    fail_collisions(db, now, is_first=is_first)
    freed = free(db, now)
    result = Imported(
        batches=_counts(db),
        collisions=_collisions(db),
        changed=changed,
        kept=_kept(db),
        repeated=_repeated(db),
        alike=_alike(db),
        alike_count=db.execute("SELECT count(*) FROM temp.alike").fetchone()[0],
        freed=freed,
    )
    for name in _TABLE_NAMES:
        db.execute(f"DROP TABLE temp.{name}")
    return result


_MANY = 50
"""So many rows with one target are a mistake in the export or in the settings: no use in looking which is which."""
_SAME = "i.batch = n.batch AND i.uuid = n.uuid"
_EQUAL = (
    f"i.target_key = n.key AND {_SAME} AND i.name = n.name AND i.source = n.source AND i.barcode = n.barcode "
    "AND i.record = n.record AND i.type = n.type AND i.checksum = n.checksum"
)
_NEW_VERSION = "n.batch IN (SELECT batch FROM temp.versions)"
_FITS = (
    f"i.target_key = n.key AND {_SAME} AND i.name = n.name AND i.source = n.source",
    f"i.target_key = n.key AND {_SAME} AND i.name = n.name AND i.record = n.record "
    f"AND i.target_key NOT IN (SELECT key FROM temp.incoming GROUP BY key HAVING count(*) > {_MANY}) "
    f"AND {_NEW_VERSION}",
    f"{_SAME} AND i.source = n.source AND {_NEW_VERSION}",
)
_OTHER_IMAGE = "(i.source <> n.source OR i.name <> n.name OR i.checksum <> n.checksum)"
_TABLE_NAMES = ("incoming", "versions", *collisions.TABLE_NAMES)
_TABLES = (
    *(f"DROP TABLE IF EXISTS temp.{name}" for name in _TABLE_NAMES),
    # how: known, changed, kept or new
    "CREATE TEMP TABLE incoming (line INTEGER PRIMARY KEY, batch INTEGER, uuid TEXT, barcode TEXT, record TEXT, "
    "name TEXT, type TEXT, source TEXT, checksum TEXT, target TEXT, key INTEGER, image INTEGER, how TEXT)",
    "CREATE TEMP TABLE versions (batch INTEGER PRIMARY KEY)",  # batches of which this is a new version of an export
    *collisions.TABLES,
)


class _Batches:
    """Batch numbers by name; a batch comes into being with its first row."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db
        self._known = {name: number for number, name in db.execute("SELECT id, name FROM batches")}

    def __getitem__(self, name: str) -> int:
        number = self._known.get(name)
        if number is None:
            cursor = self._db.execute("INSERT INTO batches (name, added) VALUES (?, ?)", (name, time.time()))
            number = self._known[name] = int(cursor.lastrowid or 0)
        return number


def _with_keys(rows: Iterable[ExportRow], batches: _Batches) -> Iterator[tuple[object, ...]]:
    for row in rows:
        line, batch, *rest = row
        yield (line, batches[batch], *rest, target_key(row.target))


def _match_equal(db: sqlite3.Connection) -> None:
    db.execute(
        f"WITH equal AS MATERIALIZED (SELECT n.line, i.id FROM main.images i CROSS JOIN temp.incoming n ON {_EQUAL}) "
        "UPDATE temp.incoming AS m SET how = 'known', image = equal.id FROM equal WHERE m.line = equal.line"
    )


def _match_repeats(db: sqlite3.Connection) -> None:
    """A row equal to an earlier one of the same export says nothing new."""
    db.execute(
        "WITH shared AS MATERIALIZED (SELECT key FROM temp.incoming GROUP BY key HAVING count(*) > 1) "
        "UPDATE temp.incoming AS m SET how = 'known' WHERE m.how IS NULL AND m.key IN (SELECT key FROM shared) "
        "AND m.line NOT IN (SELECT min(line) FROM temp.incoming WHERE how IS NULL AND key IN (SELECT key FROM shared) "
        "GROUP BY key, source, batch, uuid, name, barcode, record, type, checksum)"
    )


def _find_versions(db: sqlite3.Connection, export: str) -> None:
    db.execute(
        "INSERT INTO temp.versions SELECT batch FROM main.exports WHERE name = ? "
        "UNION SELECT batch FROM temp.incoming WHERE how = 'known' AND image IS NOT NULL",
        (export,),
    )


def _note_export(db: sqlite3.Connection, export: str, now: float) -> None:
    if export:
        db.execute(
            "INSERT OR REPLACE INTO main.exports SELECT DISTINCT batch, ?, ? FROM temp.incoming",
            (export, now),
        )


def _match_changed(db: sqlite3.Connection) -> None:
    """Rule 2: what is left over on both sides and fits one to one."""
    left = "n.image IS NULL AND n.how IS NULL"
    if not db.execute(f"SELECT EXISTS (SELECT 1 FROM temp.incoming n WHERE {left})").fetchone()[0]:
        return
    db.execute("CREATE INDEX temp.incoming_by_image ON incoming (image) WHERE image IS NOT NULL")
    db.execute("CREATE INDEX temp.incoming_by_source ON incoming (source) WHERE image IS NULL")
    for fits in _FITS:
        db.execute(
            "WITH pairs AS MATERIALIZED (SELECT n.line, i.id FROM main.images i "
            f"CROSS JOIN temp.incoming n ON {fits} WHERE {left} "
            "AND NOT EXISTS (SELECT 1 FROM temp.incoming c WHERE c.image = i.id)), "
            "fit AS (SELECT line, id, count(*) OVER (PARTITION BY line) AS images, "
            "count(*) OVER (PARTITION BY id) AS rows FROM pairs) "
            "UPDATE temp.incoming AS m SET how = 'changed', image = fit.id FROM fit "
            "WHERE m.line = fit.line AND fit.images = 1 AND fit.rows = 1"
        )


def _update_changed(db: sqlite3.Connection, now: float) -> None:
    _note_changed(db, now)
    db.execute(
        "UPDATE temp.incoming AS n SET how = 'kept' FROM main.images AS i "
        f"WHERE n.how = 'changed' AND n.image = i.id AND i.state = 'done' AND {_OTHER_IMAGE}"
    )
    db.execute(
        "INSERT OR IGNORE INTO temp.freed SELECT i.target_key FROM temp.incoming n "
        "JOIN main.images i ON i.id = n.image WHERE n.how = 'changed' AND i.target <> n.target"
    )
    changed = f"FROM temp.incoming AS n WHERE n.how = 'changed' AND n.image = i.id AND {_OTHER_IMAGE}"
    db.execute(
        f"UPDATE main.images AS i SET {FRESH}, updated = ? {changed} "
        "AND i.state IN ('pending', 'in_flight', 'failed')",
        (now,),
    )
    db.execute(
        "UPDATE main.images AS i SET name = n.name, source = n.source, checksum = n.checksum, "
        f"target = n.target, target_key = n.key {changed}"
    )
    db.execute(
        "UPDATE main.images AS i SET barcode = n.barcode, record = n.record, type = n.type, updated = ? "
        "FROM temp.incoming AS n WHERE n.how IN ('changed', 'kept') AND n.image = i.id",
        (now,),
    )


def _note_changed(db: sqlite3.Connection, now: float) -> None:
    db.execute(
        "INSERT INTO events (time, level, kind, message, image, pid) SELECT ?, 'info', 'changed', "
        "iif(i.state = 'done', 'done already, so kept as it is; the export now has ', 'the export now has ') "
        "|| 'source ' || n.source || ', name ' || n.name || iif(n.checksum = '', '', ', checksum ' || n.checksum) "
        "|| '; before: source ' || i.source || ', name ' || i.name "
        "|| iif(i.checksum = '', '', ', checksum ' || i.checksum), "
        "i.id, ? FROM temp.incoming n JOIN main.images i ON i.id = n.image "
        f"WHERE n.how = 'changed' AND {_OTHER_IMAGE}",
        (now, os.getpid()),
    )


def _insert_new(db: sqlite3.Connection, now: float) -> None:
    db.execute(
        "INSERT INTO main.images "
        "(batch, uuid, barcode, record, name, type, source, checksum, target, target_key, updated) "
        "SELECT batch, uuid, barcode, record, name, type, source, checksum, target, key, ? FROM temp.incoming "
        "WHERE how IS NULL ORDER BY line",
        (now,),
    )
    db.execute("UPDATE temp.incoming SET how = 'new' WHERE how IS NULL")


_COLLIDING = (
    "(n.how = 'new' AND n.target IN (SELECT target FROM temp.clash) "
    "OR ifnull(n.image, 0) IN (SELECT id FROM main.images WHERE state = 'failed' AND cause = 'target-collision'))"
)


def _counts(db: sqlite3.Connection) -> tuple[BatchCounts, ...]:
    rows = db.execute(
        "SELECT b.name, sum(n.how = 'new'), sum(n.how = 'known'), sum(n.how = 'changed'), sum(n.how = 'kept'), "
        f"sum({_COLLIDING}) FROM temp.incoming n JOIN main.batches b ON b.id = n.batch GROUP BY b.id ORDER BY b.id"
    )
    return tuple(BatchCounts(*row) for row in rows)


def _collisions(db: sqlite3.Connection) -> tuple[Remark, ...]:
    rows = db.execute(
        "SELECT n.line, n.target, i.message, c.* FROM temp.incoming n LEFT JOIN temp.clash c ON c.target = n.target "
        f"LEFT JOIN main.images i ON i.id = n.image WHERE {_COLLIDING} ORDER BY n.line LIMIT ?",
        (TOLD,),
    )
    return tuple(
        Remark(row["line"], row["message"] or collisions.told(row, own_line=row["line"])) for row in rows
    )


def _changed(db: sqlite3.Connection) -> tuple[Remark, ...]:
    """Before the images take their new values."""
    rows = db.execute(
        "SELECT n.line, i.target, i.source, n.source, i.name, n.name, i.checksum, n.checksum "
        f"FROM temp.incoming n JOIN main.images i ON i.id = n.image WHERE n.how = 'changed' AND {_OTHER_IMAGE} "
        "AND i.state <> 'done' ORDER BY n.line LIMIT ?",
        (TOLD,),
    )
    return tuple(_told_change(*row) for row in rows)


def _told_change(line: int, target: str, *values: str) -> Remark:
    pairs = zip(("source", "name", "checksum"), values[::2], values[1::2], strict=True)
    said = [f"{what} {new or 'none'} instead of {old or 'none'}" for what, old, new in pairs if old != new]
    return Remark(line, f"{target}: {', '.join(said)}")


def _repeated(db: sqlite3.Connection) -> tuple[Remark, ...]:
    same = "key, source, batch, uuid, name, barcode, record, type, checksum"
    rows = db.execute(
        "WITH shared AS MATERIALIZED (SELECT key FROM temp.incoming GROUP BY key HAVING count(*) > 1), "
        f"lines AS (SELECT line, min(line) OVER (PARTITION BY {same}) AS first FROM temp.incoming "
        "WHERE key IN (SELECT key FROM shared)) "
        "SELECT line, first FROM lines WHERE line > first ORDER BY line LIMIT ?",
        (TOLD,),
    )
    return tuple(Remark(line, f"wholly equal to line {first}: one image") for line, first in rows)


def _kept(db: sqlite3.Connection) -> tuple[Remark, ...]:
    rows = db.execute(
        "SELECT n.line, i.target, i.source FROM temp.incoming n JOIN main.images i ON i.id = n.image "
        "WHERE n.how = 'kept' ORDER BY n.line LIMIT ?",
        (TOLD,),
    )
    return tuple(
        Remark(line, f"{target} is done already, from {source}: kept as it is")
        for line, target, source in rows
    )


def _alike(db: sqlite3.Connection) -> tuple[Remark, ...]:
    rows = db.execute(
        "SELECT min(n.line), min(i.target), max(i.target) FROM temp.alike a JOIN temp.incoming n ON n.key = a.key "
        "JOIN main.images i ON i.target_key = a.key GROUP BY a.key ORDER BY 1 LIMIT ?",
        (TOLD,),
    )
    return tuple(
        Remark(line, f"{one} and {other} differ in case alone: one file where a file system folds case")
        for line, one, other in rows
    )
