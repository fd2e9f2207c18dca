"""Opens the ledger for reading whatever state its file is in: in use, left by a dead engine, closed, not there yet."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from engine.failures import UserError
from engine.ledger import schema
from engine.ledger.lock import LedgerLocked
from engine.workspace import Workspace


class ReadOnly:
    """A connection that is opened anew where the file has become another: not for several threads at once.

    A ledger that is not there yet reads as an empty one. One that is closed, for somebody who may not write
    into the workspace (SQLite would have to make the files of the WAL there), is read as it stands.
    """

    def __init__(self, workspace: Workspace) -> None:
        """Raises UserError for a ledger that is damaged, of a later photostat, or of an earlier one and in use."""
        self._workspace = workspace
        self._path = workspace.ledger_path
        self._passing: tuple[int, ...] | None = None
        """What the files were like, while another connection is due as soon as they are not so any more."""
        self._connection = self._open()

    def connection(self) -> sqlite3.Connection:
        if self._passing is not None and self._passing != self._marks():
            self._connection.close()
            self._connection = self._open()
        return self._connection

    def close(self) -> None:
        self._connection.close()

    def _open(self) -> sqlite3.Connection:
        marks = self._marks()
        connection, found = self._connect()
        try:
            schema.check_version(found, self._path)
            self._passing = marks if connection is None or self._is_still(connection) else None
            if connection is None:
                connection = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
                schema.migrate(connection, self._path)
            elif found < len(schema.MIGRATIONS):
                self._bring_up_to_date(connection)
        except BaseException:
            if connection is not None:
                connection.close()
            raise
        connection.execute("PRAGMA query_only = ON")
        connection.execute("PRAGMA cache_size = -32768")  # KiB
        return connection

    def _connect(self) -> tuple[sqlite3.Connection | None, int]:
        """With the version of the ledger; None and 0 where nothing is in it yet."""
        if not self._path.exists():
            return None, 0
        try:
            return _with_version(self._path, "ro")
        except sqlite3.OperationalError as error:
            if self._wal.exists():
                raise UserError(f"{self._path}: {error}") from error
        except sqlite3.DatabaseError as error:
            raise UserError(f"{self._path}: {error}") from error
        try:
            return _with_version(self._path, "ro&immutable=1")
        except sqlite3.DatabaseError as error:
            raise UserError(f"{self._path}: {error}") from error

    @property
    def _wal(self) -> Path:
        return self._path.with_name(self._path.name + "-wal")

    @staticmethod
    def _is_still(connection: sqlite3.Connection) -> bool:
        """Opened as immutable: a file in WAL mode then says it is in none."""
        mode: str = connection.execute("PRAGMA journal_mode").fetchone()[0]
        return mode != "wal"

    def _marks(self) -> tuple[int, ...]:
        marks = []
        for path in (self._path, self._wal):
            try:
                found = path.stat()
            except FileNotFoundError:
                marks += [0, 0]
            else:
                marks += [found.st_mtime_ns, found.st_size]
        return tuple(marks)

    def _bring_up_to_date(self, connection: sqlite3.Connection) -> None:
        """A ledger of an earlier photostat is migrated by whoever comes first; only a writer can."""
        from engine.ledger.writer import Ledger

        try:
            Ledger.open(self._workspace, "upgrade").close()
        except LedgerLocked as error:
            if schema.version(connection) < len(schema.MIGRATIONS):
                raise UserError(f"the ledger is of an earlier photostat, and in use: {error}") from error


def _with_version(path: Path, mode: str) -> tuple[sqlite3.Connection | None, int]:
    connection = schema.connect(path, mode)
    try:
        found = schema.version(connection)
    except BaseException:
        connection.close()
        raise
    if found == 0:  # somebody is about to make it
        connection.close()
        return None, 0
    return connection, found
