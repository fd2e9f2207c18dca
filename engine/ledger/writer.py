"""The ledger as its one writer has it: work to give out, and every change of an image's state.

Durability: WAL with synchronous=NORMAL. A commit survives the death of the process at any moment; it is a power
cut that may take the last commits with it, back to a consistent earlier state. Nothing is lost by that: images
done since are converted again to the same bytes, and the store recognises them. `add`, `requeue` and `accept`,
which carry what a person said, commit with synchronous=FULL.
"""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
import time
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import astuple
from pathlib import Path

from engine.failures import Failure, UserError
from engine.ledger import figures, import_rows, neighbours, queries, requeue, schema
from engine.ledger.account import Account, LedgerFigures, Outstanding
from engine.ledger.filters import Selection
from engine.ledger.import_rows import ExportRow, Imported
from engine.ledger.lock import ENGINE_COMMAND, LedgerLocked, Lock
from engine.ledger.models import Candidate, Peak, Recovered, Subject
from engine.messages import Converted, MissingSource, NotConverted, Surveyed, SurveyRequest
from engine.workspace import Workspace

__all__ = ["Candidate", "Ledger", "LedgerLocked", "NotInState", "Recovered", "Selection"]


class NotInState(Exception):
    """A change was asked of an image that is not where the change begins: a fault of the caller."""


class Ledger:
    """Held by one process at a time; every call is its own transaction unless inside `transaction()`."""

    def __init__(
        self, connection: sqlite3.Connection, lock: Lock, workspace: Workspace, sources: Path
    ) -> None:
        self._db = connection
        self._lock = lock
        self._sources = sources
        self._lock_path, self._path = workspace.lock_path, workspace.ledger_path
        self._file = self._path.stat()

    @classmethod
    def open(cls, workspace: Workspace, command: str = ENGINE_COMMAND) -> Ledger:
        """Takes the lock, makes or migrates the file. Raises LedgerLocked, or UserError for a ledger that is
        damaged or of a later photostat."""
        source_dir = workspace.source_dir(workspace.config())
        lock = Lock.acquire(workspace.lock_path, command)
        try:
            connection = _open(workspace.ledger_path)
        except BaseException:
            lock.release()
            raise
        return cls(connection, lock, workspace, source_dir)

    def listens_at(self, socket: Path) -> None:
        """Clients find in the lock where its holder answers."""
        self._lock.listens_at(socket)

    def check_in_place(self) -> None:
        """UserError where somebody deleted or replaced its file or its lock: what is written then is lost."""
        with contextlib.suppress(FileNotFoundError):
            if self._lock.is_at(self._lock_path) and os.path.samestat(self._file, self._path.stat()):
                return
        raise UserError(
            f"{self._path} or its lock was deleted or replaced while the engine ran: it ends here"
        )

    def close(self) -> None:
        """Writes the WAL back where no reader is in the way, and lets go of the lock."""
        try:
            self._db.close()
        finally:
            self._lock.release()

    def __enter__(self) -> Ledger:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def identity(self) -> str:
        """Told from every other ledger's, but not from that of a copy of this one."""
        return queries.identity(self._db)

    def source_within(self, directory: str) -> str | None:
        """One of the sources that lie in this directory or below it, as the export has it."""
        return queries.source_within(self._db, directory, self._sources)

    def doubt_about(self, request: SurveyRequest) -> MissingSource:
        """A source that could not be read, with others to judge by whether its share is there."""
        return neighbours.doubt_about(self._db, request, self._sources)

    @contextmanager
    def transaction(self, *, power_safe: bool = False) -> Iterator[None]:
        """All or nothing; inside another one it joins that. `power_safe` waits for the disk."""
        if self._db.in_transaction:
            yield
            return
        if power_safe:
            self._db.execute("PRAGMA synchronous = FULL")
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            raise
        else:
            self._db.execute("COMMIT")
        finally:
            if power_safe:
                self._db.execute("PRAGMA synchronous = NORMAL")

    # What there is to do

    def to_survey(
        self, batches: Sequence[str] | None, limit: int, exclude: Collection[int] = ()
    ) -> list[SurveyRequest]:
        """Pending images whose header nobody has looked at, batch after batch, as the export has them."""
        return queries.to_survey(self._db, batches, limit, exclude, self._sources)

    def candidates(
        self, batches: Sequence[str] | None, limit: int, exclude: Collection[int] = ()
    ) -> list[Candidate]:
        """Images that may start: batch after batch, the largest first."""
        return queries.candidates(self._db, batches, limit, exclude, self._sources)

    def peaks(self, limit: int) -> list[Peak]:
        """Predicted and measured memory of the last attempts, newest first."""
        return queries.peaks(self._db, limit)

    def subject(self, image_id: int) -> Subject:
        """What a log line says of an image."""
        return queries.subject(self._db, image_id, self._sources)

    def unfinished(self, uuid: str) -> int:
        """Images of this representation that are pending, in flight or failed."""
        return queries.unfinished(self._db, uuid)

    def account(self) -> dict[str, Account]:
        """By batch, in the order they were added; a read of a handful of rows."""
        return queries.account(self._db)

    def figures(self) -> LedgerFigures:
        """The sums that a snapshot shows; a read of a handful of rows."""
        return figures.figures(self._db)

    def outstanding(self, batches: Sequence[str] | None) -> Outstanding:
        """What is pending in these batches; some tens of milliseconds for 400,000 images."""
        return figures.outstanding(self._db, batches)

    # An image's way

    def recover(self) -> list[Recovered]:
        """After a dead engine: what it had converted and not stored; all else in flight is pending again."""
        with self.transaction():
            return queries.recover(self._db, self._sources)

    def surveyed(self, found: Sequence[Surveyed]) -> None:
        """Keeps the headers' facts; an image that is not pending any more is left alone."""
        with self.transaction():
            self._db.executemany(
                "UPDATE images SET surveyed = 1, source_bytes = ?, width = ?, height = ?, components = ?, bits = ?, "
                "tile_width = ?, tile_height = ?, levels = ?, colour = ?, code_block_samples = ?, updated = ? "
                "WHERE id = ? AND state = 'pending'",
                [
                    (*astuple(facts)[1:], time.time(), facts.image_id)  # the fields are in the columns' order
                    for facts in found
                ],
            )

    def start(self, image_id: int, pid: int, predicted_bytes: int, lane: str, correction: float = 1.0) -> int:
        """pending → in_flight; returns the attempt's number in this round, from 1.

        `correction` is the factor in the prediction that earlier images taught.
        """
        now = time.time()
        with self.transaction():
            self._change(
                image_id,
                "state = 'in_flight', attempts = attempts + 1, updated = ?",
                [now],
                "pending",
            )
            number, round_ = self._db.execute(
                "SELECT attempts, round FROM images WHERE id = ?", (image_id,)
            ).fetchone()
            self._db.execute(
                "INSERT INTO attempts (image, round, number, pid, lane, predicted_bytes, correction, started) "
                "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (image_id, round_, number, pid, lane, predicted_bytes, correction, now),
            )
            return int(number)

    def converted(self, result: Converted) -> None:
        """A proved JPEG lies on scratch: the image stays in flight until it is stored."""
        now = time.time()
        with self.transaction():
            self._change(
                result.image_id,
                "storing = 1, scratch_path = ?, source_bytes = ?, source_digest = ?, jpeg_bytes = ?, jpeg_width = ?, "
                "jpeg_height = ?, md5 = ?, psnr = ?, warnings = ?, peak_rss_bytes = ?, updated = ?",
                [
                    result.scratch_path,
                    result.source_bytes,
                    result.source_digest,
                    result.jpeg_bytes,
                    result.width,
                    result.height,
                    result.md5,
                    result.psnr_db,
                    json.dumps(result.warnings, ensure_ascii=False),
                    result.peak_rss_bytes,
                    now,
                ],
                "in_flight",
            )
            self._close_attempt(result.image_id, "converted", None, result)

    def done(self, image_id: int, existed: bool) -> None:
        """in_flight → done: the object is in the store, now or (`existed`) already before."""
        self._change(
            image_id,
            "state = 'done', storing = 0, scratch_path = NULL, updated = ?",
            [time.time()],
            "in_flight",
            also="storing = 1",
        )

    def failed(self, image_id: int, failure: Failure, facts: NotConverted | None = None) -> None:
        """pending or in_flight → failed; `facts` has what the attempt took."""
        with self.transaction():
            values: list[object] = [
                failure.stage.value,
                failure.cause.value,
                failure.message,
                failure.hint,
                time.time(),
            ]
            settings = (
                "state = 'failed', stage = ?, cause = ?, message = ?, hint = ?, storing = 0, scratch_path = NULL, "
                "updated = ?"
            )
            if facts is not None:
                settings += ", warnings = ?, peak_rss_bytes = ?"
                values += [json.dumps(facts.warnings, ensure_ascii=False), facts.peak_rss_bytes]
            self._change(image_id, settings, values, "pending", "in_flight")
            self._close_attempt(image_id, "failed", failure, facts)

    def back_to_pending(
        self, image_id: int, reason: str, counts: bool, facts: NotConverted | None = None
    ) -> None:
        """in_flight → pending, to be tried again. `counts=False` gives the attempt back: not the image's fault."""
        with self.transaction():
            self._change(
                image_id,
                "state = 'pending', storing = 0, scratch_path = NULL, attempts = max(0, attempts - ?), updated = ?",
                [int(not counts), time.time()],
                "in_flight",
            )
            self._close_attempt(
                image_id, "again" if counts else "put-back", facts.failure if facts else None, facts
            )
            if facts is None:
                queries.note_attempt(self._db, image_id, reason)

    def event(
        self, level: str, kind: str, message: str, image_id: int | None = None, pid: int | None = None
    ) -> None:
        """A line of the history."""
        queries.event(self._db, level, kind, message, image_id, pid)

    # What a person says

    def import_rows(self, rows: Iterator[ExportRow], export: str = "") -> Imported:
        """An export's rows, in one transaction: whole or, where `rows` raises, not at all.

        `export` is its file's name."""
        with self.transaction(power_safe=True):
            queries.recover(self._db, self._sources)
            return import_rows.import_rows(self._db, rows, export)

    def requeue(self, selection: Selection) -> int:
        """failed → pending for another round of attempts; returns how many.

        Images whose target another image has that is not accepted stay as they are. UserError for ids that
        are not in the ledger: then nothing is changed."""
        with self.transaction(power_safe=True):
            return requeue.requeue(self._db, selection)

    def accept(self, ids: Sequence[int], reason: str) -> int:
        """failed → accepted, out of the account's open items; returns how many. Others are left alone.

        UserError for an empty reason and for ids that are not in the ledger."""
        with self.transaction(power_safe=True):
            return requeue.accept(self._db, ids, reason)

    def convert_again(self, ids: Sequence[int], reason: str) -> int:
        """done → pending, for images whose object is not in the store any more; returns how many."""
        with self.transaction(power_safe=True):
            return requeue.convert_again(self._db, ids, reason)

    def _change(
        self, image_id: int, settings: str, values: Sequence[object], *states: str, also: str = "TRUE"
    ) -> None:
        """Raises NotInState unless the image is in one of `states`, and `also` holds."""
        marks = ", ".join("?" * len(states))
        done = self._db.execute(
            f"UPDATE images SET {settings} WHERE id = ? AND state IN ({marks}) AND {also}",  # noqa: S608 (our own words)
            [*values, image_id, *states],
        )
        if done.rowcount != 1:
            found = self._db.execute("SELECT state FROM images WHERE id = ?", (image_id,)).fetchone()
            raise NotInState(
                f"image {image_id} is {found[0] if found else 'not there'}, not {' or '.join(states)}"
            )

    def _close_attempt(
        self,
        image_id: int,
        outcome: str,
        failure: Failure | None,
        facts: Converted | NotConverted | None,
    ) -> None:
        """The latest attempt of this round ends thus; one that ended as converted may end once more."""
        self._db.execute(
            "UPDATE attempts SET ended = ?, outcome = ?, stage = ?, cause = ?, message = ?, "
            "peak_rss_bytes = coalesce(?, peak_rss_bytes), cpu_s = coalesce(?, cpu_s), "
            "wall_s = coalesce(?, wall_s) "
            "WHERE id = (SELECT max(a.id) FROM attempts a JOIN images i ON i.id = a.image "
            "WHERE a.image = ? AND a.round = i.round) AND (outcome IS NULL OR outcome = 'converted')",
            (
                time.time(),
                outcome,
                failure and failure.stage.value,
                failure and failure.cause.value,
                failure and failure.message,
                facts and facts.peak_rss_bytes,
                facts and facts.cpu_s,
                facts and facts.wall_s,
                image_id,
            ),
        )


def _open(path: Path) -> sqlite3.Connection:
    connection = schema.connect(path, "rwc")
    try:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("PRAGMA recursive_triggers = ON")
        connection.execute("PRAGMA cache_size = -32768")  # KiB
        connection.execute("PRAGMA journal_size_limit = 67108864")
        schema.migrate(connection, path)
    except sqlite3.DatabaseError as error:
        connection.close()
        raise UserError(f"{path}: {error}") from error
    except BaseException:
        connection.close()
        raise
    return connection
