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
from tests.support.waiting import LONGEST_WAIT_S

LONGEST_S = 6.0


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
    longest_s: float

    def begin(self) -> None: ...

    def end(self) -> None: ...


class During:
    """A fault of two functions."""

    def __init__(
        self,
        name: str,
        group: Group,
        begin: Callable[[], object],
        end: Callable[[], object] = lambda: None,
        *,
        longest_s: float = LONGEST_S,
    ) -> None:
        self.name, self.group, self.longest_s = name, group, longest_s
        self._begin, self._end = begin, end

    def begin(self) -> None:
        self._begin()

    def end(self) -> None:
        self._end()


class Signalled:
    """One of the run's processes gets a signal at the beginning, and SIGCONT at the end."""

    group, longest_s = Group.ENGINE, LONGEST_S

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
            psutil.wait_procs([engine], timeout=LONGEST_WAIT_S)

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


class Paused:
    """Paused is still: no row leaves pending."""

    name, group, longest_s = "pause, resume", Group.ENGINE, LONGEST_S

    def __init__(self, site: Site) -> None:
        self._site = site
        self._pending: int | None = None

    def begin(self) -> None:
        took_it = self._site.command("pause").code == 0
        self._pending = self._site.status()["totals"]["pending"] if took_it else None

    def end(self) -> None:
        document = self._site.status()
        if self._pending is not None and document["state"] == "paused":
            assert document["totals"]["pending"] >= self._pending, "a paused run has taken up a row"
        self._site.command("resume")


def process_faults(site: Site, luck: random.Random) -> list[Fault]:
    """`a helper` is the process that reads headers, or the one that stores."""
    who = ("a worker", "a helper", "the engine")
    return [
        Signalled(site, luck, what, signum) for what in who for signum in (signal.SIGKILL, signal.SIGSTOP)
    ]


def orders(site: Site, luck: random.Random) -> list[Fault]:
    def requeue() -> None:
        site.command("requeue", "--all")

    def look() -> None:
        for command in (("check",), ("reconcile",), ("list",), ("failures", "--json"), ("report",)):
            site.command(*command)

    return [
        Paused(site),
        During("drain, new run", Group.ENGINE, lambda: site.command("drain")),
        During("stop, new run", Group.ENGINE, lambda: site.command("stop")),
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
