"""The list of an engine's processes in its workspace: by it the next engine, and people, find those that outlive it."""

from __future__ import annotations

import contextlib
import os
import re
import socket
from collections.abc import Sequence
from pathlib import Path

import msgspec
from msgspec import Struct

from engine.control.process_snapshots import LeftBehind
from engine.files.atomic_files import replacing

CHILD_MARK = "engine.processes.child"
"""The module that children begin in; their command line shows it."""
_PARENT = re.compile(re.escape(CHILD_MARK).encode() + rb" import spawn_main; spawn_main\(\d+, (\d+)\)")


class ChildRecord(Struct, frozen=True):
    pid: int
    started: int
    """When, in the kernel's clock ticks since boot: no other process has this pid and this start."""
    name: str
    left: LeftBehind | None = None
    """If no signal ends it."""

    @property
    def runs(self) -> bool:
        """Whether this process, and no other with its pid, is still there."""
        found = _process(self.pid)
        return found is not None and found.started == self.started and found.is_alive

    @property
    def is_ours(self) -> bool:
        """Whether its own command line says that it is a child of an engine, and that engine is its parent no more.

        Somebody else may have written the list."""
        found = _process(self.pid)
        written = command_line(self.pid)
        if (
            not written
        ):  # its first thread has ended, and others that no signal ends have not; or it begins just now
            return found is not None and found.has_lost_its_first_thread
        parent = _PARENT.search(written)
        return found is not None and parent is not None and found.parent != int(parent[1])


class _List(Struct, frozen=True):
    host: str
    children: tuple[ChildRecord, ...]


def record_of(pid: int, name: str) -> ChildRecord:
    """Of a process that has just been started."""
    found = _process(pid)
    return ChildRecord(pid, found.started if found else 0, name)


def write_children(path: Path, children: Sequence[ChildRecord]) -> None:
    """Raises OSError."""
    if not children:
        path.unlink(missing_ok=True)
        return
    with replacing(path) as file:
        file.write(msgspec.json.encode(_List(socket.gethostname(), tuple(children))).decode())


def running_children(path: Path) -> list[ChildRecord]:
    """Those of the list that still run on this machine; none if there is no list, or one that cannot be read."""
    with contextlib.suppress(OSError, msgspec.DecodeError):
        found = msgspec.json.decode(path.read_bytes(), type=_List)
        if found.host == socket.gethostname():
            return [child for child in found.children if child.runs]
    return []


def left_behind(path: Path) -> tuple[LeftBehind, ...]:
    """Processes that no signal ends, and that have not ended since."""
    return tuple(child.left for child in running_children(path) if child.left is not None)


def command_line(pid: int) -> bytes:
    """With blanks between its words; empty if there is no such process, or it has none."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ")
    except OSError:
        return b""


class _Process(Struct, frozen=True):
    parent: int
    started: int
    is_alive: bool
    has_lost_its_first_thread: bool


def _process(pid: int) -> _Process | None:
    """From proc_pid_stat(5): fields 3, 4 and 22. None if there is no such process, or the system has no /proc."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
        threads = len(os.listdir(f"/proc/{pid}/task"))  # noqa: PTH208 - names alone
    except (OSError, IndexError):
        return None
    # A thread that the kernel keeps outlives its process's first thread, which is a zombie then.
    first_has_ended = fields[0] in (b"Z", b"X")
    return _Process(int(fields[1]), int(fields[19]), not first_has_ended or threads > 1, first_has_ended)
