"""All processes that the engine has started: listed for the next engine, and ended in bounded time or left behind.

A process that the kernel keeps in a read or a write that never returns cannot be ended. The engine closes its pipe, so
that nothing which it still does counts, says which it is, and goes on without it.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from msgspec import structs

from engine.control.children_file import ChildRecord, record_of, running_children, write_children
from engine.control.process_snapshots import LeftBehind
from engine.formatting import counted
from engine.hosts.base import DIES_WITHIN_S, At, does_not_end
from engine.ledger.states import EventKind
from engine.processes.child import Child

_LOOK_EVERY_S = 0.02
_LOOK_FIRST_S = 0.002
"""Most have ended by then; later it looks less and less often."""


class Journal(Protocol):
    """Where it is told what became of processes."""

    def info(self, kind: EventKind, message: str, /, *, pid: int | None = None) -> None: ...

    def warning(self, kind: EventKind, message: str, /, *, pid: int | None = None) -> None: ...


@dataclass
class _Dismissed:
    child: Child
    at: At
    kill_at: float
    """Monotonic, s."""


class Children:
    def __init__(self, file: Path, events: Journal, wake_up: asyncio.Event) -> None:
        self._file = file
        self._events = events
        self._wake_up = wake_up
        self._records: dict[int, ChildRecord] = {}
        self._dismissed: list[_Dismissed] = []
        self._pipes: set[int] = set()
        self._heard: set[int] = set()
        """Pipes of those that have woken the loop since `collect`."""
        self._wakes = True
        self._left: dict[int, Child | None] = {}
        """By pid; None for a child of an earlier engine."""
        self.ended_late = 0
        """How many of those left behind have ended since: what they waited for has answered."""

    def start(self, name: str, main: Callable[..., None], *args: object) -> Child:
        """A new one, which wakes the loop when it sends something or ends."""
        assert threading.current_thread() is threading.main_thread(), "it dies with the thread that starts it"
        child = Child(name, main, *args)
        self._pipes.add(child.connection.fileno())
        if self._wakes:
            self._listen(child.connection.fileno())
        self._records[child.pid] = record_of(child.pid, name)
        self._write()
        return child

    def wake_the_loop(self, wanted: bool) -> None:
        """Whether those that have sent something do so: what nobody takes would wake it again and again."""
        if self._wakes is wanted:
            return
        self._wakes, loop = wanted, asyncio.get_running_loop()
        self._heard.clear()
        for pipe in self._pipes:
            if wanted:
                self._listen(pipe)
            else:
                loop.remove_reader(pipe)

    def _listen(self, pipe: int) -> None:
        asyncio.get_running_loop().add_reader(pipe, self._hears, pipe)

    def _hears(self, pipe: int) -> None:
        """Once is enough until somebody has taken it."""
        asyncio.get_running_loop().remove_reader(pipe)
        self._heard.add(pipe)
        self._wake_up.set()

    def dismiss(self, child: Child, at: At | None = None, *, after_s: float = 0.0) -> None:
        """Want no more of it: whatever it still does is not heard. It is killed unless it ends within `after_s`."""
        asyncio.get_running_loop().remove_reader(child.connection.fileno())
        self._pipes.discard(child.connection.fileno())
        self._heard.discard(child.connection.fileno())
        child.connection.close()
        if child.exit_code is not None:
            self._forget([child.pid])
            return
        if after_s == 0.0:
            child.kill()
        self._dismissed.append(_Dismissed(child, at or At(), time.monotonic() + after_s))

    def collect(self, now: float) -> None:
        """Take note of those that have ended, and leave behind those that SIGKILL has not ended in time.

        To be called when what they have sent was taken: they wake the loop again from now on."""
        if self._wakes:
            for pipe in self._heard:
                self._listen(pipe)
            self._heard.clear()
        ended = [one.child.pid for one in self._dismissed if one.child.exit_code is not None]
        self._dismissed = [one for one in self._dismissed if one.child.exit_code is None]
        for one in list(self._dismissed):
            if one.child.killed_at is None and now >= one.kill_at:
                one.child.kill()
            if does_not_end(one.child, now):
                self._dismissed.remove(one)
                self._leave(one.child, one.at)
        late = [pid for pid, child in self._left.items() if self._has_ended(pid, child)]
        for pid in late:
            del self._left[pid]
            self._events.info(EventKind.ENGINE, "a process that was left behind has ended", pid=pid)
        self.ended_late += len(late)
        self._forget([*ended, *late])

    async def close(self) -> None:
        """End all of them, in bounded time, and name those that stay."""
        pause_s = _LOOK_FIRST_S
        while self._dismissed:
            self.collect(time.monotonic())
            await asyncio.sleep(pause_s if self._dismissed else 0.0)
            pause_s = min(2 * pause_s, _LOOK_EVERY_S)
        if self._left:
            which = "; ".join(map(str, self.left_behind))
            message = f"{counted(len(self._left), 'process', 'processes')} left behind, which no signal ends: {which}"
            with contextlib.suppress(OSError):  # the disk with logs/ is full
                print(f"photostat: {message}", file=sys.stderr, flush=True)

    def take_over(self) -> None:
        """End what an earlier engine of this workspace left; it does not run any more, for its lock is ours."""
        found = [record for record in running_children(self._file) if record.is_ours]
        for record in found:
            with contextlib.suppress(OSError):
                os.kill(record.pid, signal.SIGKILL)
        deadline = time.monotonic() + DIES_WITHIN_S
        while any(record.runs for record in found if record.left is None) and time.monotonic() < deadline:
            time.sleep(_LOOK_EVERY_S)
        for record in found:
            if not record.runs:
                message = f"{record.name} of an earlier engine was still there, and was ended"
                self._events.warning(EventKind.ENGINE, message, pid=record.pid)
                continue
            self._records[record.pid] = record
            self._leave(None, At(), record)
        self._write()

    def stuck(self, name: str) -> int:
        """How many processes with such a name (of any number) have been killed and have not ended."""
        return sum(1 for one in self.stuck_names if one.startswith(name))

    @property
    def stuck_names(self) -> tuple[str, ...]:
        """Of the processes that have been killed and have not ended."""
        dismissed = (one.child.name for one in self._dismissed)
        return (*(self._records[pid].name for pid in self._left), *dismissed)

    @property
    def left_behind(self) -> tuple[LeftBehind, ...]:
        """Those that no signal ends."""
        return tuple(left for pid in self._left if (left := self._records[pid].left) is not None)

    def _leave(self, child: Child | None, at: At, record: ChildRecord | None = None) -> None:
        record = record or self._records[child.pid if child else 0]
        left = record.left or LeftBehind(
            record.pid, record.name, at.image_id, at.image, at.path, time.time() - DIES_WITHIN_S
        )
        self._records[record.pid] = structs.replace(record, left=left)
        self._left[record.pid] = child
        message = f"left behind, because no signal ends it: {left}. Nothing that it does counts any more"
        self._events.warning(EventKind.ENGINE, message, pid=record.pid)
        self._write()

    def _has_ended(self, pid: int, child: Child | None) -> bool:
        return child.exit_code is not None if child else not self._records[pid].runs

    def _forget(self, pids: Iterable[int]) -> None:
        known = [pid for pid in pids if self._records.pop(pid, None) is not None]
        if known:
            self._write()

    def _write(self) -> None:
        """Best effort: children are tied to this process also without the list."""
        with contextlib.suppress(OSError):
            write_children(self._file, list(self._records.values()))
