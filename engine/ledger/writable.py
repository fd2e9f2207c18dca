"""The ledger's file as its one writer has it: the lock, transactions, and whether it is still in place.

Durability: WAL with synchronous=NORMAL. A commit survives the death of the process at any moment; a power cut may
take the last commits, and leaves a consistent earlier state. Nothing is lost by that: images done since then are
converted again to the same bytes, and the store recognises them. `add`, `requeue` and `accept`, which carry out what
a person decided, commit with synchronous=FULL.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self

from engine.config import SourcePaths
from engine.failures import UserError
from engine.ledger import orders
from engine.ledger.connection import connect_for_writing
from engine.ledger.faults import ledger_faults
from engine.ledger.lock import ENGINE_COMMAND, Lock
from engine.ledger.plan import AttachedPlan
from engine.ledger.queries import LedgerQueries, Values
from engine.ledger.work_queue import WorkQueue
from engine.workspace import Workspace


class WritableLedger(LedgerQueries):
    """Open in one process at a time; every call is its own transaction unless inside `transaction()`."""

    def __init__(
        self, connection: sqlite3.Connection, lock: Lock, workspace: Workspace, sources: SourcePaths
    ) -> None:
        self._db = connection
        self._lock = lock
        self._source_paths = sources
        self._lock_path, self._path = workspace.lock_path, workspace.ledger_path
        self._file = self._path.stat()
        self.queue = WorkQueue(connection, sources)
        self.has_orders = orders.are_open(connection)
        """Whether some are in hand."""
        self._folds_after = 0
        """What an earlier engine met is not told as one with what this one meets."""
        self._aged = 0
        """Up to this event nothing is left to remove."""
        self._plan: AttachedPlan | None = None
        """Of the import that is being carried out."""

    @classmethod
    def open(cls, workspace: Workspace, command: str = ENGINE_COMMAND) -> Self:
        """Takes the lock, and makes or migrates the file. Raises LedgerLocked, or UserError for a ledger that is
        damaged or of a later photostat."""
        sources = workspace.source_paths(workspace.config())
        lock = Lock.acquire(workspace.lock_path, command)
        try:
            connection = connect_for_writing(workspace.ledger_path)
        except BaseException:
            lock.release()
            raise
        return cls(connection, lock, workspace, sources)

    def publish_socket(self, socket: Path) -> None:
        """Clients find in the lock where its holder answers."""
        self._lock.publish_socket(socket)

    def publish_pause(self, by: tuple[str, ...], since: float) -> None:
        """The lock says who has paused its holder; nobody, if `by` is empty."""
        self._lock.publish_pause(by, since)

    def publish_outside_hours(self, until: float) -> None:
        """The lock says until when a person wants its holder to work outside its hours, Unix time, s."""
        self._lock.publish_outside_hours(until)

    def check_in_place(self) -> None:
        """Raises UserError if somebody deleted or replaced its file or its lock: what is written then is lost.

        A directory that cannot be read now shows nothing; writing shows what is wrong with it."""
        try:
            if self._lock.is_at(self._lock_path) and os.path.samestat(self._file, self._path.stat()):
                return
        except OSError as error:
            if not isinstance(error, FileNotFoundError | NotADirectoryError):
                return
        raise UserError(
            f"{self._path} or its lock was deleted or replaced while the engine ran: the engine ends here"
        )

    def close(self, why: str = "") -> None:
        """Writes the WAL back if no reader is in the way, and frees the lock. `why` is what ended an engine."""
        try:
            with contextlib.suppress(sqlite3.Error):  # the next one who opens it writes the WAL back
                self._db.close()
        finally:
            self._lock.release(why)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @contextmanager
    def transaction(self, *, power_safe: bool = False) -> Iterator[None]:
        """All or nothing; inside another one it joins that. `power_safe` waits for the disk.

        Raises LedgerFault if it cannot begin, or if what was changed in it cannot be written."""
        if self._db.in_transaction:
            yield
            return
        with ledger_faults(self._path):
            if power_safe:
                self._db.execute("PRAGMA synchronous = FULL")
            try:
                self._db.execute("BEGIN IMMEDIATE")
                yield
                self._db.execute("COMMIT")
            except BaseException:
                self._roll_back()
                raise
            finally:
                if power_safe:
                    self._db.execute("PRAGMA synchronous = NORMAL")

    def _roll_back(self) -> None:
        """SQLite may have done so itself."""
        with contextlib.suppress(sqlite3.Error):
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")

    def _select(self, sql: str, values: Values = ()) -> list[sqlite3.Row]:
        return self._db.execute(sql, values).fetchall()

    @property
    def _sources(self) -> SourcePaths:
        return self._source_paths
