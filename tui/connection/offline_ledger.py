"""The ledger as the poller reads it: its account when no engine runs, and its events."""

from __future__ import annotations

import sqlite3
import time

from engine.control.snapshot import Snapshot
from engine.control.without_engine import snapshot_of_ledger
from engine.failures import UserError
from engine.ledger.lock import find_engine
from engine.ledger.models import Event
from engine.ledger.reader import LedgerReader
from engine.ledger.runs import RunRecord
from engine.run_account.account import RunAccount
from engine.run_account.reading import account_in
from engine.workspace import Workspace
from tui.state.status import EngineStatus

EVENTS = 40
"""The last events that a status has, and the last notable ones: more than a dashboard shows."""

_RECORD_S = 30.0
"""Between two readings of the run's records."""


class OfflineLedger:
    """Reads for one thread."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._reader: LedgerReader | None = None
        self._run: RunAccount | None = None
        self._run_of: tuple[object, ...] | None = None
        """What the ledger was when the account of the run was read, which takes long if many images have failed."""
        self._record: RunRecord | None = None
        self._record_read_s = float("-inf")
        """By the steady clock."""

    def status(self) -> EngineStatus:
        """Made from the ledger; without a snapshot and with the reason if it cannot be read."""
        try:
            reader = self._open()
            snapshot = snapshot_of_ledger(self._workspace, reader)
            before, run = self._run, self._account(reader, snapshot)
            if run is not before:
                self._record_read_s = float("-inf")
        except (UserError, sqlite3.Error) as error:
            self.close()
            return EngineStatus(problem=f"The ledger cannot be read: {error}.")
        return EngineStatus(
            snapshot=snapshot,
            events=self.events(),
            notable=self.events(notable=True),
            run=run,
            record=self.record(),
        )

    def _account(self, reader: LedgerReader, snapshot: Snapshot) -> RunAccount | None:
        """Of the last run. Whatever changes it leaves an event."""
        now = (reader.last_event(), snapshot.totals, find_engine(self._workspace.lock_path) is None)
        if now != self._run_of:
            self._run, self._run_of = account_in(self._workspace, reader), now
        return self._run

    def record(self) -> RunRecord | None:
        """Of the run under way or the last one, read seldom: a curve of hours changes slowly."""
        if time.monotonic() - self._record_read_s >= _RECORD_S:
            self._record_read_s = time.monotonic()
            try:
                self._record = self._open().last_run()
            except (UserError, sqlite3.Error):
                self.close()
        return self._record

    def events(self, *, notable: bool = False) -> tuple[Event, ...]:
        """The newest first; none if the ledger cannot be read now."""
        try:
            return tuple(self._open().events(limit=EVENTS, newest_first=True, notable=notable))
        except (UserError, sqlite3.Error):
            self.close()
            return ()

    def close(self) -> None:
        if self._reader is not None:
            self._reader.close()
            self._reader = None

    def _open(self) -> LedgerReader:
        if self._reader is None:
            self._reader = LedgerReader(self._workspace)
        return self._reader
