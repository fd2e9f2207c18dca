"""What happens in a run: each event becomes a row in the ledger and a line in the run's log file."""

from __future__ import annotations

import os
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

from engine.failures import one_line
from engine.ledger.models import Subject
from engine.ledger.states import EventKind, EventLevel
from engine.ledger.writer import Ledger


class EventLog:
    """Events without a `pid` are the supervisor's own."""

    def __init__(self, ledger: Ledger, file: RunLogFile) -> None:
        self._ledger = ledger
        self._file = file

    def info(
        self, kind: EventKind, message: str, subject: Subject | None = None, pid: int | None = None
    ) -> None:
        self._write(EventLevel.INFO, kind, message, subject, pid)

    def warning(
        self, kind: EventKind, message: str, subject: Subject | None = None, pid: int | None = None
    ) -> None:
        self._write(EventLevel.WARNING, kind, message, subject, pid)

    def error(
        self, kind: EventKind, message: str, subject: Subject | None = None, pid: int | None = None
    ) -> None:
        self._write(EventLevel.ERROR, kind, message, subject, pid)

    def _write(
        self, level: EventLevel, kind: EventKind, message: str, subject: Subject | None, pid: int | None
    ) -> None:
        pid = os.getpid() if pid is None else pid
        self._ledger.event(level, kind, message, subject.image_id if subject else None, pid)
        self._file.write(level, pid, f"{kind}: {message}", subject)


class RunLogFile:
    """`logs/run-20260131T091500Z.log`, tab-separated for people who grep.

    Its columns: time, level, pid, record, image id, source, target, what happened."""

    def __init__(self, logs_dir: Path) -> None:
        logs_dir.mkdir(parents=True, exist_ok=True)
        self.path = _unused_path(logs_dir)
        self._file: IO[str] = self.path.open("x", encoding="utf-8", errors="backslashreplace", buffering=1)
        self._file.write("#time\tlevel\tpid\trecord\timage\tsource\ttarget\twhat\n")

    def write(self, level: EventLevel, pid: int, what: str, subject: Subject | None = None) -> None:
        columns = [_now(), level.value, str(pid)]
        if subject is None:
            columns += ["-", "-", "-", "-"]
        else:
            columns += [subject.record or "-", str(subject.image_id), subject.source, subject.target]
        columns.append(what)
        self._file.write("\t".join(one_line(column) for column in columns) + "\n")

    def close(self) -> None:
        self._file.close()


def _unused_path(logs_dir: Path) -> Path:
    stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
    path = logs_dir / f"run-{stamp}.log"
    return path if not path.exists() else logs_dir / f"run-{stamp}-{os.getpid()}.log"


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")
