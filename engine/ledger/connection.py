"""Opens the ledger's file: for its writer, and for readers whatever state the file is in."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from engine.failures import UserError
from engine.ledger import schema
from engine.ledger.faults import fault_of
from engine.ledger.lock import LedgerLocked, Lock
from engine.workspace import Workspace

OLDEST_SQLITE = (3, 37, 0)
"""The first with STRICT tables."""
_CACHE_KIB = 32 * 1024
_WAL_LIMIT_BYTES = 64 << 20
"""A longer write-ahead log is cut back to this when it has been written back."""
_BUSY_TIMEOUT_S = 10.0


def connect_for_writing(path: Path) -> sqlite3.Connection:
    """Makes the file or migrates it; the caller holds the lock. Raises UserError for a ledger that is damaged or
    was made by a later photostat."""
    try:
        connection = _connect(path, "rwc")
    except sqlite3.DatabaseError as error:
        raise _unusable(path, error) from error
    try:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("PRAGMA recursive_triggers = ON")
        connection.execute(f"PRAGMA cache_size = {-_CACHE_KIB}")
        connection.execute(f"PRAGMA journal_size_limit = {_WAL_LIMIT_BYTES}")
        schema.migrate(connection, path)
    except sqlite3.DatabaseError as error:
        connection.close()
        raise _unusable(path, error) from error
    except BaseException:
        connection.close()
        raise
    return connection


def _unusable(path: Path, error: sqlite3.Error) -> UserError:
    return fault_of(error, path) or UserError(f"{path}: {error}")


def upgrade(workspace: Workspace) -> None:
    """Migrates the ledger under its lock. Raises LedgerLocked, and UserError as `connect_for_writing` does."""
    lock = Lock.acquire(workspace.lock_path, "upgrade")
    try:
        connect_for_writing(workspace.ledger_path).close()
    finally:
        lock.release()


class ReadOnlyConnection:
    """A connection that is opened anew when the file has become another one. Not for several threads at once.

    A ledger that does not exist yet reads as an empty one. If nobody has it open, and the reader may not write
    into the workspace (where SQLite would have to make the WAL's files), the file is read as it stands.
    """

    def __init__(self, workspace: Workspace) -> None:
        """Raises UserError for a ledger that is damaged, of a later photostat, or of an earlier one and in use."""
        self._workspace = workspace
        self._path = workspace.ledger_path
        self._valid_for: tuple[int, ...] | None = None
        """The files' marks while this connection serves only as long as they stay so; else None."""
        self._is_pinned = False
        self._connection = self._open()

    @contextmanager
    def one_view(self) -> Iterator[None]:
        """All that is read inside is of one moment, whatever is written meanwhile; within another one it joins that."""
        if self._is_pinned:
            yield
            return
        connection = self.current()
        connection.execute("BEGIN")
        connection.execute("SELECT count(*) FROM sqlite_schema")  # the first reading fixes the moment
        self._is_pinned = True
        try:
            yield
        finally:
            self._is_pinned = False
            connection.execute("ROLLBACK")

    def current(self) -> sqlite3.Connection:
        if self._is_pinned:
            return self._connection
        if self._valid_for is not None and self._valid_for != self._marks():
            self._connection.close()
            self._connection = self._open()
        return self._connection

    def close(self) -> None:
        self._connection.close()

    def _open(self) -> sqlite3.Connection:
        marks = self._marks()
        connection, version = self._connect()
        try:
            schema.check_version(version, self._path)
            if connection is None:
                self._valid_for = marks
                connection = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
                schema.migrate(connection, self._path)
            else:
                self._valid_for = marks if _is_immutable(connection) else None
                if not schema.is_current(version):
                    self._upgrade(connection)
        except BaseException:
            if connection is not None:
                connection.close()
            raise
        connection.execute("PRAGMA query_only = ON")
        connection.execute(f"PRAGMA cache_size = {-_CACHE_KIB}")
        return connection

    def _connect(self) -> tuple[sqlite3.Connection | None, int]:
        """With the ledger's version; None and 0 if there is nothing in it yet."""
        if not self._path.exists():
            return None, 0
        try:
            return _connect_with_version(self._path, "ro")
        except sqlite3.OperationalError as error:
            if self._wal.exists():
                raise _unusable(self._path, error) from error
        except sqlite3.DatabaseError as error:
            raise _unusable(self._path, error) from error
        try:
            return _connect_with_version(self._path, "ro&immutable=1")
        except sqlite3.DatabaseError as error:
            raise _unusable(self._path, error) from error

    @property
    def _wal(self) -> Path:
        return self._path.with_name(self._path.name + "-wal")

    def _marks(self) -> tuple[int, ...]:
        """Times and sizes of the ledger's files: they differ once somebody has written."""
        marks = []
        for path in (self._path, self._wal):
            try:
                found = path.stat()
            except FileNotFoundError:
                marks += [0, 0]
            else:
                marks += [found.st_mtime_ns, found.st_size]
        return tuple(marks)

    def _upgrade(self, connection: sqlite3.Connection) -> None:
        """Whoever comes first migrates a ledger of an earlier photostat, if nobody is writing it."""
        try:
            upgrade(self._workspace)
        except LedgerLocked as error:
            if not schema.is_current(schema.version(connection)):
                raise UserError(f"the ledger is of an earlier photostat, and in use: {error}") from error


def _connect(path: Path, mode: str) -> sqlite3.Connection:
    """`mode` is that of SQLite's URIs: ro, rw or rwc. Transactions are begun by hand."""
    if sqlite3.sqlite_version_info < OLDEST_SQLITE:
        raise UserError(f"photostat needs SQLite 3.37 or later; this Python has {sqlite3.sqlite_version}")
    uri = f"{path.absolute().as_uri()}?mode={mode}"
    connection = sqlite3.connect(
        uri,
        uri=True,
        isolation_level=None,
        check_same_thread=False,
        timeout=_BUSY_TIMEOUT_S,
        cached_statements=256,
    )
    connection.row_factory = sqlite3.Row
    return connection


def _connect_with_version(path: Path, mode: str) -> tuple[sqlite3.Connection | None, int]:
    connection = _connect(path, mode)
    try:
        found = schema.version(connection)
    except BaseException:
        connection.close()
        raise
    if found == 0:  # somebody is making it this moment
        connection.close()
        return None, 0
    return connection, found


def _is_immutable(connection: sqlite3.Connection) -> bool:
    """Whether the file was opened with immutable=1: one in WAL mode then has another journal mode."""
    mode: str = connection.execute("PRAGMA journal_mode").fetchone()[0]
    return mode != "wal"
