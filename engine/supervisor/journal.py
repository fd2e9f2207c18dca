"""Every event once: a row in the ledger and a line in the run's log file."""

from __future__ import annotations

import os

from engine.ledger.models import Subject
from engine.ledger.states import EventKind, EventLevel
from engine.ledger.writer import Ledger
from engine.supervisor.event_log import RunLog


class Journal:
    def __init__(self, ledger: Ledger, log: RunLog) -> None:
        self._ledger = ledger
        self._log = log

    def info(
        self, kind: EventKind, what: str, subject: Subject | None = None, pid: int | None = None
    ) -> None:
        self._write(EventLevel.INFO, kind, what, subject, pid)

    def warning(
        self, kind: EventKind, what: str, subject: Subject | None = None, pid: int | None = None
    ) -> None:
        self._write(EventLevel.WARNING, kind, what, subject, pid)

    def error(
        self, kind: EventKind, what: str, subject: Subject | None = None, pid: int | None = None
    ) -> None:
        self._write(EventLevel.ERROR, kind, what, subject, pid)

    def _write(
        self, level: EventLevel, kind: EventKind, what: str, subject: Subject | None, pid: int | None
    ) -> None:
        pid = os.getpid() if pid is None else pid
        self._ledger.event(level, kind, what, subject.image_id if subject else None, pid)
        self._log.write(level, pid, f"{kind}: {what}", subject)
