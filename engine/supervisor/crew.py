"""What converts and stores on one host: its workers, its uploader, and what keeps that host from working."""

from __future__ import annotations

import time

from engine.supervisor.candidates import Candidates
from engine.supervisor.context import HostContext
from engine.supervisor.converting import Converting
from engine.supervisor.disk_checks import probe_disk
from engine.supervisor.dispatch import Dispatch
from engine.supervisor.progress import Finished, Progress
from engine.supervisor.recent_memory import RecentMemory
from engine.supervisor.storing import Storing, WaitingJpeg
from engine.supervisor.surveying import DiagnoseSource

_LOOKS_EVERY_S = 0.25


class Crew:
    """Its loop is the supervisor's: at every turn that is due it receives, updates its holds, and gives out work."""

    def __init__(
        self,
        context: HostContext,
        workers: int,
        candidates: Candidates,
        progress: Progress,
        diagnose: DiagnoseSource,
    ) -> None:
        self.context = context
        self.holds = context.holds
        self.progress = Progress(time.monotonic())
        """Of this host alone."""
        self.recent_memory = RecentMemory()
        self.joined = time.time()
        self._compares = False
        """Whether its sources are being compared, because it holds for them."""
        self.leaving: str | None = None
        """Why it gets nothing new: it finishes what it has, and then its host leaves."""
        self._of_run = progress
        self._due_at = float("-inf")
        self.storing = Storing(context, self._finished)
        self.converting = Converting(context, workers, self.storing, diagnose)
        self.dispatch = Dispatch(context, self.converting, candidates)

    def is_due(self, now: float) -> bool:
        """Whether it has something to do in this turn: its host has said something, or that was not so for a while.

        With many hosts, most turns are about a few of them."""
        if not self.context.host.has_news() and now < self._due_at:
            return False
        self._due_at = now + _LOOKS_EVERY_S
        return True

    def receive(self) -> None:
        """Take what the workers and the uploader have sent."""
        self.converting.receive()
        self.storing.receive()

    def _finished(self, image: Finished, by_this_engine: bool) -> None:
        """What an earlier engine has converted says nothing of the rates."""
        self._of_run.count(image)
        if by_this_engine:
            self.progress.add(image)
            self._of_run.add(image)

    def update_holds(self, now: float) -> None:
        self.progress.pass_time(now)
        if self.recent_memory.is_due(at := time.time()):
            memory = self.dispatch.snapshot()
            self.recent_memory.look(at, memory.total - memory.available)
        self.holds.tick(now)
        self.context.hung_images.tick(now)
        self.holds.scratch_used(self.storing.on_scratch_bytes, now)
        probe_disk(self.context)
        if self.context.host.name:
            self._probe_source(now)

    def _probe_source(self, now: float) -> None:
        """No surveyor is on another machine: it compares what it sees with the engine's; then the next image shows
        whether the share is there."""
        likeness = self.holds.likeness
        if not self.holds.source_wants_probe():
            self._compares = False
        elif likeness is not None and not self._compares:
            self._compares = likeness.is_doubted = True
        elif likeness is None or not likeness.is_doubted:
            self.holds.source_probed(None, now)

    def work(self, now: float, *, may_start: bool, more_to_come: bool) -> None:
        """Start what may start, and as many workers as are missing."""
        may_start = may_start and self.holds.may_start and self.leaving is None
        may_start = may_start and not self.context.gpus.is_starting
        self.dispatch.work(now, may_start=may_start, more_to_come=more_to_come)
        self.converting.adjust_pool(now, self.dispatch.headroom_bytes)

    def let_go(self, why: str) -> list[WaitingJpeg]:
        """Its host has gone: what its workers had is pending again. Returns what was waiting on its scratch."""
        self.converting.stop_all(why)
        return self.storing.let_go()

    @property
    def can_store(self) -> bool:
        """Whether nothing here keeps JPEGs from the store."""
        return self.holds.may_store and self.holds.may_try_store and self.holds.may_try

    @property
    def is_storing(self) -> bool:
        """Whether what waits on scratch is on its way to the store."""
        return bool(self.storing.on_scratch) and self.can_store and self.context.run.holds.may_try

    @property
    def is_busy(self) -> bool:
        """Whether it has images, in workers or on scratch."""
        return bool(self.converting.in_flight or self.storing.on_scratch)

    @property
    def failures(self) -> int:
        """How many images have failed here."""
        return self.converting.failures + self.storing.failures

    def want_workers(self, count: int) -> int:
        """From now on so many, or as many as memory allows; returns how many that are. None only where none convert."""
        self.converting.pool.wanted = self.dispatch.affordable(count) if count else 0
        return self.converting.pool.wanted

    def probe_now(self, *, after_pause: bool) -> None:
        """Probe at once whether what it holds for works again."""
        self.holds.probe_now(time.monotonic(), after_pause=after_pause)
