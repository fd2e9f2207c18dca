"""The run's log file: a line an event, tab-separated, for people who grep. The ledger has the same events."""

from __future__ import annotations

import os
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

from engine.failures import one_line
from engine.ledger.models import Subject
from engine.ledger.states import EventLevel


class RunLog:
    """`logs/run-20260131T091500Z.log`: time, level, pid, record, image id, source, target, what happened."""

    def __init__(self, logs_dir: Path) -> None:
        logs_dir.mkdir(parents=True, exist_ok=True)
        self.path = _fresh_path(logs_dir)
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


def _fresh_path(logs_dir: Path) -> Path:
    stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
    path = logs_dir / f"run-{stamp}.log"
    return path if not path.exists() else logs_dir / f"run-{stamp}-{os.getpid()}.log"


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")
