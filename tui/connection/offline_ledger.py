"""The ledger as the link's threads use it: its account and events, and orders it can take when no engine runs."""

from __future__ import annotations

import sqlite3
import threading
import time

from engine.control.snapshot import Snapshot
from engine.failures import UserError
from engine.ledger.filters import Selection
from engine.ledger.models import Event
from engine.ledger.reader import LedgerReader
from engine.ledger.writer import Ledger
from engine.workspace import Workspace
from tui.connection.engine_commands import EngineCommand
from tui.state.status import EngineStatus

EVENTS = 40
"""The last events that a picture carries: more than a dashboard shows."""


class OfflineLedger:
    """Reads for one thread; `carry_out` may be called from another."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._reader: LedgerReader | None = None
        self._writing = threading.Lock()

    def status(self) -> EngineStatus:
        """The ledger's own account; without a snapshot and with the reason where it cannot be read."""
        try:
            reader = self._open()
            snapshot = Snapshot.from_ledger(reader.figures(), time.time())
        except (UserError, sqlite3.Error) as error:
            self.close()
            return EngineStatus(fault=f"The ledger cannot be read: {error}.")
        return EngineStatus(snapshot=snapshot, events=self.events())

    def events(self) -> tuple[Event, ...]:
        """The newest first; none where the ledger cannot be read just now."""
        try:
            return tuple(self._open().events(limit=EVENTS, newest_first=True))
        except (UserError, sqlite3.Error):
            self.close()
            return ()

    def conversions(self, since: float) -> tuple[float, ...]:
        try:
            return tuple(self._open().conversions(since))
        except (UserError, sqlite3.Error):
            self.close()
            return ()

    def carry_out(self, command: EngineCommand) -> dict[str, int]:
        """What needs no engine is written by this process, under the ledger's lock; raises UserError.

        The reply is as the engine's would be."""
        arguments = command.arguments
        if command.name not in ("requeue", "accept"):
            raise UserError("no engine runs here: s starts it")
        with self._writing, Ledger.open(self._workspace, command=command.name) as ledger:
            if command.name == "requeue":
                count = ledger.requeue(Selection.from_json(arguments["selection"]))
            else:
                count = ledger.accept(arguments["ids"], arguments["reason"])
        return {"count": count}

    def close(self) -> None:
        if self._reader is not None:
            self._reader.close()
            self._reader = None

    def _open(self) -> LedgerReader:
        if self._reader is None:
            self._reader = LedgerReader(self._workspace)
        return self._reader
