"""What happens in a run: each event becomes a row in the ledger and a line in the run's log file."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from engine.failures import one_line
from engine.ledger.models import Subject
from engine.ledger.states import EventKind, EventLevel
from engine.ledger.writer import Ledger

_MOST_UNWRITTEN_BYTES = 8 << 20


class EventLog:
    """Events without a `pid` are the supervisor's own. Those with a `fold` are told as one with others of their kind
    that have the same: a cause, or the reason of a hold."""

    def __init__(self, ledger: Ledger, file: RunLogFile, host: str = "") -> None:
        """`host` is the machine that the processes are on; empty for the engine's own."""
        self._ledger = ledger
        self._file = file
        self._host = host

    def of_host(self, host: str) -> EventLog:
        """The same for what happens on another machine; what no process there has done begins with its name."""
        return EventLog(self._ledger, self._file, host)

    def info(
        self,
        kind: EventKind,
        message: str,
        subject: Subject | None = None,
        pid: int | None = None,
        *,
        fold: str = "",
    ) -> None:
        self._write(EventLevel.INFO, kind, message, subject, pid, fold)

    def warning(
        self,
        kind: EventKind,
        message: str,
        subject: Subject | None = None,
        pid: int | None = None,
        *,
        fold: str = "",
    ) -> None:
        self._write(EventLevel.WARNING, kind, message, subject, pid, fold)

    def error(
        self,
        kind: EventKind,
        message: str,
        subject: Subject | None = None,
        pid: int | None = None,
        *,
        fold: str = "",
    ) -> None:
        self._write(EventLevel.ERROR, kind, message, subject, pid, fold)

    def _write(
        self,
        level: EventLevel,
        kind: EventKind,
        message: str,
        subject: Subject | None,
        pid: int | None,
        fold: str,
    ) -> None:
        if pid is None and self._host:
            message = f"{self._host}: {message}"
        host = "" if pid is None else self._host
        pid = os.getpid() if pid is None else pid
        image_id = subject.image_id if subject else None
        self._ledger.event(level, kind, message, image_id, pid, fold=fold, host=host)
        self._file.write(level, pid, f"{kind}: {message}", subject, host)


class RunLogFile:
    """`logs/run-20260131T091500Z.log`, tab-separated for people who grep.

    Its columns: time, level, pid, record, image id, source, target, what happened. The pid
    of another machine's process follows that machine's name, `conv2:4711`. What cannot be written is kept, in
    its order, and written by a later call; `problem` says why."""

    def __init__(self, logs_dir: Path) -> None:
        self._logs_dir = logs_dir
        self._descriptor: int | None = None
        self._unwritten = bytearray(b"#time\tlevel\tpid\trecord\timage\tsource\ttarget\twhat\n")
        self._left_out = 0
        self.problem = ""
        self.flush()

    def write(
        self, level: EventLevel, pid: int, what: str, subject: Subject | None = None, host: str = ""
    ) -> None:
        columns = [_now(), level.value, f"{host}:{pid}" if host else str(pid)]
        if subject is None:
            columns += ["-", "-", "-", "-"]
        else:
            columns += [subject.record or "-", str(subject.image_id), subject.source, subject.target]
        columns.append(what)
        if len(self._unwritten) < _MOST_UNWRITTEN_BYTES:
            self._add(columns)
        else:
            self._left_out += 1
        self.flush()

    def flush(self) -> None:
        """Write what waits, as far as the disk takes it."""
        try:
            if self._descriptor is None:
                self._descriptor = _open_new(self._logs_dir)
            while self._unwritten:
                del self._unwritten[: os.write(self._descriptor, self._unwritten)]
        except OSError as error:
            self.problem = f"{self._logs_dir}: {error.strerror}"
            return
        self.problem = ""
        if self._left_out:
            what = f"engine: {self._left_out} lines are left out here, and are in the ledger only"
            self._left_out = 0
            self._add([_now(), EventLevel.WARNING.value, str(os.getpid()), "-", "-", "-", "-", what])
            self.flush()

    def close(self) -> None:
        if self._descriptor is not None:
            self.flush()
            os.close(self._descriptor)

    def _add(self, columns: Sequence[str]) -> None:
        line = "\t".join(one_line(column) for column in columns) + "\n"
        self._unwritten += line.encode(errors="backslashreplace")


def _open_new(logs_dir: Path) -> int:
    logs_dir.mkdir(parents=True, exist_ok=True)
    return os.open(
        _unused_path(logs_dir), os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644
    )


def _unused_path(logs_dir: Path) -> Path:
    stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
    path = logs_dir / f"run-{stamp}.log"
    return path if not path.exists() else logs_dir / f"run-{stamp}-{os.getpid()}.log"


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")
