"""The ledger's lock: one process writes, and its lock file names it. The kernel frees the lock of a dead holder."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import socket
import time
from pathlib import Path

from msgspec import Struct, structs

from engine import __version__
from engine.failures import UserError
from engine.files.atomic_files import naming
from engine.formatting import date_and_second

ENGINE_COMMAND = "run"
_ACQUIRE_TIMEOUT_S = 4.0
"""Worth waiting for: commands hold the lock for moments, and an engine that has finished needs some to leave."""
_RETRY_EVERY_S = 0.02
_LONGEST_REASON = 500
"""Characters; the file is one block, which it has even if the disk is full."""


class Holder(Struct, frozen=True):
    pid: int
    host: str
    command: str
    since: float
    """Unix time, s."""
    socket: str = ""
    """Where it listens; empty for a command, and for an engine that does not listen yet."""
    version: str = ""
    ended: str = ""
    """Why an engine has left although nobody had ordered it and there was work."""
    paused_by: tuple[str, ...] = ()
    """User, host and terminal of who has paused an engine; empty if it is not paused."""
    paused_since: float = 0.0
    """Unix time, s."""
    outside_hours_until: float = 0.0
    """A person wants an engine to work outside its hours until then, Unix time, s; 0 if nobody does."""
    has_left: bool = False
    """An engine that ended as it should, in a pause that nobody has ended: no more than that is kept of it."""

    @property
    def is_engine(self) -> bool:
        return self.command == ENGINE_COMMAND

    @property
    def is_here(self) -> bool:
        """Whether it runs on this machine: a workspace may be on a share that several machines see."""
        return self.host == socket.gethostname()

    def __str__(self) -> str:
        where = "" if self.is_here else f" on {self.host}"
        return f"`photostat {self.command}` (process {self.pid}{where}, since {date_and_second(self.since)})"


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

    def __init__(self, descriptor: int, holder: Holder, before: Holder | None = None) -> None:
        """`before` is an engine that did not end as it should, of which this holder does not take over."""
        self._descriptor = descriptor
        self._holder = holder
        self._before = before

    def is_at(self, path: Path) -> bool:
        """Whether `path` is still this lock's file: a lock on a deleted file keeps nobody else out."""
        try:
            return os.path.samestat(os.fstat(self._descriptor), path.stat())
        except FileNotFoundError:
            return False

    @classmethod
    def acquire(cls, path: Path, command: str) -> Lock:
        """Waits a few seconds for another holder to leave, then raises LedgerLocked."""
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        deadline = time.monotonic() + _ACQUIRE_TIMEOUT_S
        try:
            while not _try(descriptor):
                if time.monotonic() > deadline:
                    raise LedgerLocked(_read(descriptor))
                time.sleep(_RETRY_EVERY_S)
            found = _read(descriptor)
            before = found if found and found.is_engine and command != ENGINE_COMMAND else None
            holder = Holder(os.getpid(), socket.gethostname(), command, time.time(), version=__version__)
            with naming(path):
                _write(descriptor, holder)
        except BaseException:
            os.close(descriptor)
            raise
        return cls(descriptor, holder, before)

    def publish_socket(self, path: Path) -> None:
        """Writes where the holder listens, so that clients need not derive the path themselves."""
        self._holder = structs.replace(self._holder, socket=str(path))
        _write(self._descriptor, self._holder)

    def publish_pause(self, by: tuple[str, ...], since: float) -> None:
        """Whatever happens to this engine, the next one can know that a person had paused it."""
        self._holder = structs.replace(self._holder, paused_by=by, paused_since=since)
        self._publish()

    def publish_outside_hours(self, until: float) -> None:
        """The same of a person's word to work outside the hours."""
        self._holder = structs.replace(self._holder, outside_hours_until=until)
        self._publish()

    def _publish(self) -> None:
        with contextlib.suppress(OSError):  # its disk is gone or full
            _write(self._descriptor, self._holder)

    def release(self, why: str = "") -> None:
        """`why` is what ended an engine: who asks later finds it in the lock's file, and a pause in which it ended."""
        left = self._before
        if why or self._holder.paused_by:
            left = structs.replace(self._holder, ended=why[:_LONGEST_REASON], has_left=not why)
        try:
            if left is not None:
                _write(self._descriptor, left)
            else:
                os.ftruncate(self._descriptor, 0)
        except OSError:  # its disk is gone or full
            return
        finally:
            os.close(self._descriptor)


def find_holder(path: Path) -> Holder | None:
    """Who holds the lock now; None if nobody does, or if the holder has not written its name yet."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        return None
    try:
        if _try(descriptor, fcntl.LOCK_SH):  # for an instant, and `acquire` waits longer than that
            return None
        return _read(descriptor)
    finally:
        os.close(descriptor)


def find_ended_engine(path: Path) -> Holder | None:
    """The last engine, if it has ended and did not say that all was well: its `ended` says why, or is empty if it was
    killed. None if another one runs."""
    last = _last_engine(path)
    return last if last is not None and not last.has_left else None


def find_paused_engine(path: Path) -> Holder | None:
    """The last engine, if it ended in a pause, however it ended. None if another one runs."""
    last = _last_engine(path)
    return last if last is not None and last.paused_by else None


def _last_engine(path: Path) -> Holder | None:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        found = _read(descriptor) if _try(descriptor, fcntl.LOCK_SH) else None
        return found if found is not None and found.is_engine else None
    finally:
        os.close(descriptor)


def find_engine(path: Path) -> Holder | None:
    """The engine that holds the lock now; None if none does."""
    holder = find_holder(path)
    return holder if holder is not None and holder.is_engine else None


def _try(descriptor: int, kind: int = fcntl.LOCK_EX) -> bool:
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _write(descriptor: int, holder: Holder) -> None:
    line = json.dumps(structs.asdict(holder)).encode() + b"\n"
    os.pwrite(descriptor, line, 0)  # first, so that a reader always finds a line
    os.ftruncate(descriptor, len(line))


def _read(descriptor: int) -> Holder | None:
    """What the holder wrote, even if its photostat is older or newer; None if it has written nothing yet."""
    try:
        written = json.loads(os.pread(descriptor, 8192, 0).partition(b"\n")[0])
        return Holder(
            **{field.name: written[field.name] for field in structs.fields(Holder) if field.name in written}
        )
    except (ValueError, TypeError):
        return None
