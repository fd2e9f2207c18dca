"""The ledger as the poller reads it: its account when no engine runs, and its events."""

from __future__ import annotations

import sqlite3

from engine.control.without_engine import snapshot_of_ledger
from engine.failures import UserError
from engine.ledger.models import Event
from engine.ledger.reader import LedgerReader
from engine.workspace import Workspace
from tui.state.status import EngineStatus

EVENTS = 40
"""The last events that a status has, and the last notable ones: more than a dashboard shows."""


class OfflineLedger:
    """Reads for one thread."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._reader: LedgerReader | None = None

    def status(self) -> EngineStatus:
        """Made from the ledger; without a snapshot and with the reason if it cannot be read."""
        try:
            reader = self._open()
            snapshot = snapshot_of_ledger(self._workspace, reader)
        except (UserError, sqlite3.Error) as error:
            self.close()
            return EngineStatus(problem=f"The ledger cannot be read: {error}.")
        return EngineStatus(snapshot=snapshot, events=self.events(), notable=self.events(notable=True))

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
