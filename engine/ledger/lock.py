"""The ledger's lock: one process writes, and it says who it is. The kernel frees the lock of a dead holder."""

from __future__ import annotations

import fcntl
import json
import os
import socket
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from engine.failures import UserError

ENGINE_COMMAND = "run"
_PATIENCE_S = 4.0
"""Commands hold the lock for moments, and an engine that has finished takes some to leave: worth waiting for."""
_LOOK_S = 0.02


@dataclass(frozen=True)
class Holder:
    pid: int
    host: str
    command: str
    since: float
    """Unix time, s."""

    @property
    def is_engine(self) -> bool:
        return self.command == ENGINE_COMMAND

    def __str__(self) -> str:
        where = "" if self.host == socket.gethostname() else f" on {self.host}"
        since = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(self.since))
        return f"`photostat {self.command}` (process {self.pid}{where}, since {since})"


class LedgerLocked(UserError):
    """Another process writes the ledger."""

    def __init__(self, holder: Holder | None) -> None:
        self.holder = holder
        who = str(holder) if holder else "another process"
        if holder and holder.is_engine:
            advice = "`photostat drain` lets it finish what is in flight and leave"
        else:
            advice = "try again when it is done"
        super().__init__(f"the ledger is being written by {who}: {advice}")


class Lock:
    """Held from `acquire` until `release` or the process's end, however it ends (flock(2))."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    @classmethod
    def acquire(cls, path: Path, command: str) -> Lock:
        """Raises LedgerLocked when a moment's patience did not help."""
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        deadline = time.monotonic() + _PATIENCE_S
        try:
            while not _try(descriptor):
                if time.monotonic() > deadline:
                    raise LedgerLocked(_read(descriptor))
                time.sleep(_LOOK_S)
            _write(descriptor, Holder(os.getpid(), socket.gethostname(), command, time.time()))
        except BaseException:
            os.close(descriptor)
            raise
        return cls(descriptor)

    def release(self) -> None:
        os.ftruncate(self._descriptor, 0)
        os.close(self._descriptor)


def find_holder(path: Path) -> Holder | None:
    """Who holds the lock now; None where nobody does or it has not said yet."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    try:
        if _try(descriptor, fcntl.LOCK_SH):  # for an instant: `acquire` has patience for that
            return None
        return _read(descriptor)
    finally:
        os.close(descriptor)


def _try(descriptor: int, kind: int = fcntl.LOCK_EX) -> bool:
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _write(descriptor: int, holder: Holder) -> None:
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, json.dumps(asdict(holder)).encode() + b"\n", 0)


def _read(descriptor: int) -> Holder | None:
    """What the holder wrote; None while it is about to."""
    try:
        return Holder(**json.loads(os.pread(descriptor, 4096, 0)))
    except (ValueError, TypeError):
        return None
