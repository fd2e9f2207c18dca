"""Brings an export's rows into the ledger: which are new, known or changed, and which of them collide.

The rules, in this order, within the row's batch. A row of the export

1. is *known* if it equals an image of the ledger, or an earlier row of the same export, in every column; the report
   names the lines of rows that the export has more than once;
2. is a *changed* image if exactly one image fits it that equals no row of this export, and no other row fits that
   image: by UUID, name and source (another barcode, record, type or checksum); else, if the export is a new version
   of an earlier one, by UUID, name and record (another source); else by UUID and source (another name, and so
   another target);
3. is *new* otherwise.

An export is a new version if one of the same file name was added to the batch before, or some row of it in this
batch is in the ledger already. In any other export another source, or another name, is another image: if it has the
target of the first it collides with it, and both stay in the account.

A changed image takes the row's values, and its history has the old ones. If source, name or checksum differ it is
pending again, unless it was accepted, which stays so. An image that is done was made from the old values and keeps
them: the row is *kept*, and the report names its line; barcode, record and type are corrected there too.

A UUID keeps the capitals that the export gives it, but a representation in two spellings is still one: within a batch
all its images have the spelling of the first. So they share a directory, names collide there, and an image that is in
the ledger keeps its target.

Images of one target collide: all of them fail with `target-collision`, except those that are done, which keep the
target, and those that are accepted, which do not need it. An image is pending again once no other one has its
target. Targets that differ in case or Unicode form alone are only reported: an object store keeps them
apart, but a file system or share that folds them does not.
"""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from engine.ledger import chosen, collisions
from engine.ledger.import_report import ImportReport, read_changed, read_report
from engine.ledger.statements import statements

_SQL = statements("import")
_TABLES = ("incoming", "spellings", "versions", "pairs")
_MOST_ROWS_MATCHED = 50
"""More rows with one target are a mistake in the export or in the settings, and not matched by name and record:
every row fits every image there."""


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


def import_rows(
    db: sqlite3.Connection, rows: Iterable[ExportRow], export: str = "", *, keep_tables: bool = False
) -> ImportReport:
    """Inside a transaction of the caller's; 430,057 rows take seconds and little memory (temporary tables).

    `export` is the name of the file that has the rows. `keep_tables` leaves the temporary tables to the caller."""
    now = time.time()
    is_first = not db.execute(_SQL["has_batches"]).fetchone()[0]
    _create_tables(db)
    db.executemany(_SQL["add_incoming"], _with_keys(rows, _Batches(db, now)))
    respelled = _respell(db, is_first=is_first)
    db.execute(_SQL["index_by_key"])
    if not is_first:
        db.execute(_SQL["match_equal"])
    db.execute(_SQL["match_repeated"])
    if not is_first:
        db.execute(_SQL["find_versions"], {"export": export})
        _match_changed(db)
    if export:
        db.execute(_SQL["remember_export"], {"export": export, "now": now})
    db.execute(_SQL["mark_other"])
    changed = read_changed(db)
    _update_changed(db, now)
    db.execute(_SQL["insert_new"], {"now": now})
    db.execute(_SQL["mark_new"])
    collisions.fail_colliding(db, now, is_first=is_first)
    freed = collisions.requeue_freed(db, now)
    collisions.mark_colliding(db)
    report = read_report(db, changed, freed, respelled)
    if not keep_tables:
        _drop_tables(db)
    return report


def _create_tables(db: sqlite3.Connection) -> None:
    _drop_tables(db)
    for table in _TABLES:
        db.execute(_SQL[f"create_{table}"])
    collisions.create_tables(db)


def _drop_tables(db: sqlite3.Connection) -> None:
    for table in (*_TABLES, *collisions.TABLES):
        db.execute(f"DROP TABLE IF EXISTS temp.{table}")


class _Batches:
    """Batch numbers by name; the first row of a batch adds it."""

    def __init__(self, db: sqlite3.Connection, now: float) -> None:
        self._db = db
        self._now = now
        self._known = {name: number for number, name in db.execute(_SQL["batches"])}

    def __getitem__(self, name: str) -> int:
        number = self._known.get(name)
        if number is None:
            cursor = self._db.execute(_SQL["add_batch"], {"name": name, "now": self._now})
            number = self._known[name] = int(cursor.lastrowid or 0)
        return number


def _with_keys(rows: Iterable[ExportRow], batches: _Batches) -> Iterator[tuple[object, ...]]:
    for row in rows:
        line, batch, *rest = row
        yield (line, batches[batch], *rest, collisions.target_key(row.target))


def _respell(db: sqlite3.Connection, *, is_first: bool) -> int:
    """Gives each row the spelling of its representation's first image; returns how many rows had another one."""
    if not db.execute(_SQL["has_capitals"]).fetchone()[0]:
        return 0
    if not is_first:
        db.execute(_SQL["note_known_spellings"])
    db.execute(_SQL["note_new_spellings"])
    return db.execute(_SQL["respell"]).rowcount


def _match_changed(db: sqlite3.Connection) -> None:
    """Rule 2: what is left over on both sides and fits one to one."""
    if not db.execute(_SQL["has_unmatched"]).fetchone()[0]:
        return
    db.execute(_SQL["index_by_image"])
    db.execute(_SQL["index_by_source"])
    for pair in ("pair_by_name_and_source", "pair_by_name_and_record", "pair_by_source"):
        db.execute(_SQL[pair], {"most_rows": _MOST_ROWS_MATCHED})
        db.execute(_SQL["match_changed"])
        db.execute(_SQL["clear_pairs"])


def _update_changed(db: sqlite3.Connection, now: float) -> None:
    db.execute(_SQL["add_changed_events"], {"now": now, "pid": os.getpid()})
    db.execute(_SQL["keep_done"])
    collisions.note_freed(db)
    chosen.clear(db)
    db.execute(_SQL["choose_changed"])
    chosen.start_another_round(db, now)
    db.execute(_SQL["change_origin"])
    db.execute(_SQL["change_description"], {"now": now})
