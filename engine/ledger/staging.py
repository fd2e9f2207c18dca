"""An import beside an engine: done in a copy of the images, and written down as a plan that the engine carries out.

The copy is a temporary database of this process and is gone with it. The plan is a file beside the ledger: the engine
reads it slice by slice (`engine.ledger.plan`), and removes it at the end.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from msgspec import Struct

from engine.failures import UserError
from engine.ledger import import_rows, schema
from engine.ledger.account import Account
from engine.ledger.events import add_event
from engine.ledger.import_report import ImportReport
from engine.ledger.import_rows import ExportRow
from engine.ledger.plan import plan_name
from engine.ledger.statements import statements
from engine.ledger.states import EventKind, EventLevel
from engine.workspace import Workspace

_SQL = statements("staging")
_COPIES = ("copy_batches", "copy_exports")
_PLAN_TABLES = ("changed", "added", "events", "batches", "exports", "base")
_PLAN = (
    "plan_changed",
    "plan_added",
    "plan_events",
    "index_events",
    "plan_batches",
    "plan_exports",
    "plan_base",
)


class NotChanged(Struct, frozen=True):
    """A row whose image was converted before its new values came."""

    line: int
    batch: str
    target: str
    source: str


class StagedLedger:
    """As much of a ledger as an import needs. One import, then `write_plan`."""

    def __init__(self, workspace: Workspace) -> None:
        """Raises UserError for a ledger of another version."""
        self._ledger_path = workspace.ledger_path
        self._export = ""
        self.summary = ""
        """What the import has noted in the history for all its rows."""
        self._db = sqlite3.connect("", uri=True, isolation_level=None)
        self._db.row_factory = sqlite3.Row
        try:
            self._base = self._copy()
        except BaseException:
            self._db.close()
            raise

    def _copy(self) -> dict[str, int]:
        self._db.execute("PRAGMA journal_mode = OFF")
        schema.migrate(self._db, Path("a copy of the ledger"))
        triggers = self._db.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall()
        for (name,) in triggers:
            self._db.execute(f"DROP TRIGGER {name}")
        with self._attached("ledger", self._ledger_path, "ro"):
            version = self._db.execute("PRAGMA ledger.user_version").fetchone()[0]
            if not schema.is_current(version):
                raise UserError(
                    f"{self._ledger_path} is of another photostat, which its engine runs: use that one"
                )
            self._db.execute("BEGIN")  # one moment of the ledger
            base = dict(self._db.execute(_SQL["base"]).fetchone())
            columns = ", ".join(row[0] for row in self._db.execute(_SQL["stored_columns"]))
            self._db.execute(f"INSERT INTO main.images ({columns}) SELECT {columns} FROM ledger.images")  # noqa: S608
            for statement in _COPIES:
                self._db.execute(_SQL[statement])
            self._db.execute("COMMIT")
        self._db.execute(_SQL["create_touched"])
        self._db.execute(_SQL["watch"])
        return base

    # What an import does with a ledger

    def account(self) -> dict[str, Account]:
        """The batches by name; their counts are not kept here."""
        return {row[0]: Account() for row in self._db.execute("SELECT name FROM batches ORDER BY id")}

    @contextmanager
    def transaction(self, *, power_safe: bool = False) -> Iterator[None]:
        """Nothing lasts here, so nothing has to be undone."""
        self._db.execute("BEGIN")
        yield
        self._db.execute("COMMIT")

    def import_rows(self, rows: Iterator[ExportRow], export: str = "") -> ImportReport:
        self._export = export
        return import_rows.import_rows(self._db, rows, export, keep_tables=True)

    def event(self, level: EventLevel, kind: EventKind, message: str, *, pid: int | None = None) -> None:
        self.summary = message
        add_event(self._db, level, kind, message, None, pid)

    # What comes of it

    def write_plan(self) -> Path:
        """The plan's file, safe from a power cut, under a name of its own beside the ledger."""
        path = self._ledger_path.parent / plan_name(secrets.token_hex(8))
        try:
            with self._attached("plan", path, "rwc"):
                self._db.execute("PRAGMA plan.journal_mode = OFF")
                self._db.execute("BEGIN")
                for table in _PLAN_TABLES:
                    self._db.execute(_SQL[f"create_{table}"])
                for statement in _PLAN:
                    self._db.execute(_SQL[statement], {**self._base, "export": self._export})
                self._db.execute("COMMIT")
            _sync(path)
            _sync(path.parent)
        except BaseException:
            path.unlink(missing_ok=True)
            raise
        return path

    def not_changed(self) -> list[NotChanged]:
        """After the plan was carried out: the rows whose image was being converted, or done, when its turn came."""
        with self._attached("ledger", self._ledger_path, "ro"):
            return [NotChanged(*row) for row in self._db.execute(_SQL["not_changed"])]

    def close(self) -> None:
        self._db.close()

    def __enter__(self) -> StagedLedger:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @contextmanager
    def _attached(self, name: str, path: Path, mode: str) -> Iterator[None]:
        self._db.execute(f"ATTACH ? AS {name}", (f"{path.absolute().as_uri()}?mode={mode}",))
        try:
            yield
        finally:
            with contextlib.suppress(sqlite3.OperationalError):  # a transaction that failed is open
                self._db.execute(f"DETACH {name}")


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
