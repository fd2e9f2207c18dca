"""Machines that only seem to convert: real hosts' processes (`engine.host`) and connections, simulated workers below.

    python -m bench.simulated_hosts DIRECTORY SLOTS SECONDS

One process for each invitation in the directory, with so many workers. These say what real ones say, stage by stage; an
image takes them about so many SECONDS. The uploaders say that it is stored. How long the slots had an image is in the
directory's file `busy`: for each host, when that was noted, and how many seconds by then.
"""

from __future__ import annotations

import argparse
import asyncio
import importlib
import mmap
import os
import random
import signal
import struct
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any
from unittest.mock import patch

from engine.config import StoreSettings
from engine.conversion.specimens import Conversions
from engine.failures import Stage
from engine.hosts.base import UPLOADER, ActivitySample, At
from engine.memory.available import Memory
from engine.messages import (
    Converted,
    Job,
    KnownStore,
    ProbeStore,
    StageChanged,
    Stored,
    StoreProbed,
    StoreRequest,
    WorkerReady,
)
from engine.processes.child import tie_to_parent
from engine.processes.examiner import Alike, Compare
from engine.scratch import Scratch

_GIB = 1 << 30
_STAGES = {Stage.VALIDATING: 0.05, Stage.DECODING: 0.1, Stage.ENCODING: 0.85, Stage.PROVING: 0.9}
"""When in an image's time they begin."""
_SPREAD = 0.25
"""An image takes so much more or less than the mean."""
_STORED_AFTER_S = 0.05
_FIRST_PID = 100_000


class SimulatedMachine:
    """Of this process: how long its slots have been busy, and how long an image takes."""

    def __init__(self, slots: int, mean_s: float, busy: memoryview) -> None:
        self.slots = slots
        self.mean_s = mean_s
        self.pids = iter(range(_FIRST_PID, sys.maxsize))
        self.images = 0
        self._busy = busy
        self._ended_s = 0.0
        self._began: dict[int, float] = {}

    def image_s(self) -> float:
        """The first ones are half done already, so that not all end at once."""
        self.images += 1
        if self.images <= self.slots:
            return random.uniform(0.0, self.mean_s)
        return self.mean_s * random.uniform(1 - _SPREAD, 1 + _SPREAD)

    def begins(self, pid: int) -> None:
        self._began[pid] = time.monotonic()

    def ends(self, pid: int) -> None:
        self._ended_s += time.monotonic() - self._began.pop(pid)

    def note(self) -> None:
        now = time.monotonic()
        busy_s = self._ended_s + sum(now - began for began in self._began.values())
        struct.pack_into("dd", self._busy, 0, now, busy_s)


_here: SimulatedMachine
"""Set in each host's process."""


class SimulatedChild:
    """A worker or an uploader; see ChildProcess."""

    def __init__(self, name: str, wake_up: asyncio.Event, *first: object) -> None:
        self.name = name
        self.pid = next(_here.pids)
        self.killed_at: float | None = None
        self.exit_code: int | None = None
        self.ticks = 0
        self._wake_up = wake_up
        self._says: list[Any] = list(first)
        self._timers: list[asyncio.TimerHandle] = []

    def send(self, message: object) -> None:
        match message:
            case Job():
                self._convert(message, _here.image_s())
            case StoreRequest():
                self._later(_STORED_AFTER_S, Stored(message.image_id, False, _STORED_AFTER_S))
            case ProbeStore():
                self._later(0.0, StoreProbed())

    def _convert(self, job: Job, takes_s: float) -> None:
        _here.begins(self.pid)
        for stage, share in _STAGES.items():
            self._later(takes_s * share, StageChanged(job.image_id, stage))
        source_bytes = Path(job.source_path).stat().st_size
        sizes = (7500, 5200, source_bytes, "md5:" + "ab" * 16, 6_800_000, "cd" * 16)
        done = Converted(
            job.image_id, job.scratch_path, *sizes, 44.5, (), 690 << 20, takes_s, takes_s, job.attempt
        )
        self._later(takes_s, done)

    def _later(self, after_s: float, message: object) -> None:
        self._timers = [timer for timer in self._timers if timer.when() > time.monotonic()]
        self._timers.append(asyncio.get_running_loop().call_later(after_s, self._say, message))

    def _say(self, message: object) -> None:
        if isinstance(message, Converted):
            _here.ends(self.pid)
        self.ticks += 1
        self._says.append(message)
        self._wake_up.set()

    def messages(self) -> Iterator[Any]:
        while self._says:
            yield self._says.pop(0)

    def kill(self) -> None:
        for timer in self._timers:
            timer.cancel()
        self.exit_code = -signal.SIGKILL

    def close(self, timeout_s: float = 5.0) -> bool:
        self.kill()
        return True


class SimulatedChildren:
    """In the place of `engine.hosts.children.Children`."""

    stuck_names: tuple[str, ...] = ()

    def __init__(self, _file: Path, _events: object, wake_up: asyncio.Event) -> None:
        self.wake_up = wake_up

    def take_over(self) -> None: ...

    def start(self, name: str, _main: object, question: object) -> SimulatedChild:
        """An examiner, which finds this machine to be like the engine's."""
        return SimulatedChild(
            name, self.wake_up, Alike() if isinstance(question, Compare) else Conversions((), ())
        )

    def dismiss(self, child: SimulatedChild, at: At | None = None, *, after_s: float = 0.0) -> None:
        child.kill()

    def collect(self, now: float) -> None: ...

    async def close(self) -> None: ...


class SimulatedHost:
    """In the place of `engine.hosts.local.LocalHost`."""

    name = ""
    lost = None
    has_left = False
    ended_late = 0

    def __init__(
        self, children: SimulatedChildren, scratch: Scratch, _store: StoreSettings, _root: Path
    ) -> None:
        self.scratch = scratch
        self.cores = _here.slots
        self._wake_up = children.wake_up

    def memory(self) -> Memory:
        _here.note()
        return Memory(256 * _GIB, 200 * _GIB)

    def rss_bytes(self, child: SimulatedChild) -> int:
        return (400 << 20) + 4096 * (child.pid % 1000)

    def activity(self, child: SimulatedChild) -> ActivitySample:
        child.ticks += 50
        return ActivitySample(child.ticks, child.ticks * 100_000, False)

    def hire(self, name: str) -> SimulatedChild:
        return SimulatedChild(name, self._wake_up, WorkerReady())

    def uploader(self, known: KnownStore) -> SimulatedChild:
        return SimulatedChild(UPLOADER, self._wake_up)

    def dismiss(self, child: SimulatedChild, at: At | None = None, *, after_s: float = 0.0) -> None:
        child.kill()

    def stuck(self, name: str) -> int:
        return 0

    def look_for_kills(self, now: float) -> None: ...

    def was_oom_killed(self, child: SimulatedChild) -> bool:
        return False


def run_hosts(directory: Path, slots: int, mean_s: float) -> None:
    """Until SIGTERM."""
    from engine import host
    from engine.hosts import dask_settings, likeness, session

    dask_settings.configure()
    importlib.import_module("distributed")  # once for all
    invitations = sorted(directory.glob("*.pem"))
    size = struct.calcsize("dd")
    with (directory / "busy").open("w+b") as file:
        file.truncate(size * len(invitations))
        shared = memoryview(mmap.mmap(file.fileno(), 0))
    with ExitStack() as patches:
        patches.enter_context(patch.object(host, "Children", SimulatedChildren))
        patches.enter_context(patch.object(session, "LocalHost", SimulatedHost))
        patches.enter_context(patch.object(likeness, "difference", lambda *_: None))
        for number, invitation in enumerate(invitations):
            if os.fork() == 0:
                busy = shared[number * size : (number + 1) * size]
                _run_host(host.HostOptions(invitation, invitation.with_suffix(""), slots), mean_s, busy)
                os._exit(0)
    for _ in invitations:
        os.wait()


def _run_host(options: Any, mean_s: float, busy: memoryview) -> None:
    global _here
    from engine.host import HostProcess

    random.seed(str(options.invitation))
    tie_to_parent(os.getppid(), killed_first=False)
    _here = SimulatedMachine(options.workers, mean_s, busy)
    with suppress(KeyboardInterrupt):
        asyncio.run(HostProcess(options).run())


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("directory", type=Path)
    parser.add_argument("slots", type=int)
    parser.add_argument("seconds", type=float)
    options = parser.parse_args()
    run_hosts(options.directory, options.slots, options.seconds)
    return 0


if __name__ == "__main__":
    sys.exit(main())
