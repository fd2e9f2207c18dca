"""What happens to a run in a soak. Each fault begins and ends by real means: signals, mounts, servers, commands."""

from __future__ import annotations

import os
import random
import signal
from collections.abc import Callable
from contextlib import suppress
from enum import Enum, auto
from typing import Protocol

import psutil

from tests.soak.site import Site
from tests.support.engine_runs import wait_for_end
from tests.support.waiting import wait_until


class Group(Enum):
    """Two faults at once are of different groups."""

    ENGINE = auto()
    """Its processes, and orders to it."""
    STORE = auto()
    SOURCES = auto()
    DISK = auto()


class Fault(Protocol):
    name: str
    group: Group

    def begin(self) -> None: ...

    def end(self) -> None: ...


class During:
    """A fault of two functions."""

    def __init__(
        self, name: str, group: Group, begin: Callable[[], object], end: Callable[[], object] = lambda: None
    ) -> None:
        self.name, self.group = name, group
        self._begin, self._end = begin, end

    def begin(self) -> None:
        self._begin()

    def end(self) -> None:
        self._end()


class Signalled:
    """One of the run's processes gets a signal at the beginning, and SIGCONT at the end."""

    group = Group.ENGINE

    def __init__(self, site: Site, luck: random.Random, what: str, signum: signal.Signals) -> None:
        self.name = f"{signum.name} to {what}"
        self._site, self._luck, self._what, self._signum = site, luck, what, signum
        self._process: psutil.Process | None = None

    def begin(self) -> None:
        engine = self._site.engine()
        if engine is None:
            return
        with suppress(psutil.NoSuchProcess):
            candidates = self._candidates(engine)
            if candidates:
                self._process = self._luck.choice(candidates)
                self._process.send_signal(self._signum)
        if self._what == "the engine" and self._signum is signal.SIGKILL:
            psutil.wait_procs([engine], timeout=60)

    def _candidates(self, engine: psutil.Process) -> list[psutil.Process]:
        if self._what == "the engine":
            return [engine]
        workers = {worker["pid"] for worker in self._site.status()["workers"]}
        children = [
            child for child in engine.children() if "resource_tracker" not in " ".join(child.cmdline())
        ]
        return [child for child in children if (child.pid in workers) == (self._what == "a worker")]

    def end(self) -> None:
        if self._process is not None:
            with suppress(psutil.NoSuchProcess):
                self._process.send_signal(signal.SIGCONT)
            self._process = None


def process_faults(site: Site, luck: random.Random) -> list[Fault]:
    """`a helper` is the process that reads headers, or the one that stores."""
    who = ("a worker", "a helper", "the engine")
    return [
        Signalled(site, luck, what, signum) for what in who for signum in (signal.SIGKILL, signal.SIGSTOP)
    ]


def orders(site: Site, luck: random.Random) -> list[Fault]:
    def and_wait(command: str) -> Callable[[], object]:
        def ordered() -> None:
            site.command(command)
            wait_for_end(site.root)

        return ordered

    def requeue() -> None:
        site.command("requeue", "--all")

    def look() -> None:
        for command in (("check",), ("reconcile",), ("list",), ("failures", "--json"), ("report",)):
            site.command(*command, codes=(0, 1, 2))

    def pause() -> None:
        """Paused is still: nothing changes but what was in flight."""
        if site.command("pause").code:
            return
        wait_until(lambda: not site.status()["totals"]["in_flight"] or site.status()["hold"], "the pause")
        before = site.status()["totals"]["pending"]
        site.command("status")
        assert site.status()["totals"]["pending"] == before, "a pause has started something"

    return [
        During("pause, resume", Group.ENGINE, pause, lambda: site.command("resume")),
        During("drain, new run", Group.ENGINE, and_wait("drain")),
        During("stop, new run", Group.ENGINE, and_wait("stop")),
        During("SIGTERM to the engine", Group.ENGINE, lambda: _terminate(site)),
        During("workers N", Group.ENGINE, lambda: site.command("workers", str(luck.randint(1, 3)))),
        During("requeue --all", Group.ENGINE, requeue),
        During("resume", Group.ENGINE, lambda: site.command("resume")),
        During("check, reconcile, list, report", Group.ENGINE, look),
    ]


def _terminate(site: Site) -> None:
    engine = site.engine()
    if engine is not None:
        with suppress(psutil.NoSuchProcess):
            os.kill(engine.pid, signal.SIGTERM)
        wait_for_end(site.root)
