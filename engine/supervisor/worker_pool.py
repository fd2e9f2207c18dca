"""The worker slots: which image each worker has, since when, how long it may take, and who must go."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass

from engine.control.snapshot import WorkerSnapshot
from engine.failures import Stage
from engine.ledger.models import PendingImage
from engine.messages import Job, Plan, Quit, ReadAhead
from engine.processes.child import Child
from engine.processes.worker import worker_main


@dataclass
class Running:
    """An image in a worker."""

    candidate: PendingImage
    plan: Plan
    attempt: int
    started: float
    """Monotonic, s."""
    deadline: float
    spared: bool = False
    """The engine itself stopped the worker to get its memory back."""
    timed_out: bool = False


@dataclass
class Slot:
    number: int
    child: Child
    stage: Stage = Stage.IDLE
    ready: bool = False
    """Its libraries are loaded and it waits for images."""
    running: Running | None = None
    rss_bytes: int = 0
    leaving: bool = False

    @property
    def free(self) -> bool:
        return self.ready and self.running is None and not self.leaving

    def give(self, job: Job, candidate: PendingImage, timeout_s: float) -> None:
        now = time.monotonic()
        self.running = Running(candidate, job.plan, job.attempt, now, now + timeout_s)
        self.stage = Stage.READING
        self.child.send(job)

    def done(self) -> PendingImage:
        """The worker is free again; returns the image it had."""
        assert self.running is not None
        candidate, self.running, self.stage = self.running.candidate, None, Stage.IDLE
        return candidate

    def read_next(self, candidate: PendingImage) -> None:
        self.child.send(ReadAhead(candidate.source))

    def leave(self) -> None:
        self.leaving = True
        self.child.send(Quit())

    def picture(self, now: float) -> WorkerSnapshot:
        running = self.running
        if running is None:
            return WorkerSnapshot(
                self.number, self.child.pid, Stage.IDLE, None, "", None, None, self.rss_bytes or None, None
            )
        facts = running.candidate
        return WorkerSnapshot(
            slot=self.number,
            pid=self.child.pid,
            phase=self.stage,
            image_id=facts.image_id,
            image=facts.target.rsplit("/", 1)[-1],
            megapixels=facts.megapixels,
            seconds=now - running.started,
            rss_bytes=self.rss_bytes or None,
            predicted_bytes=running.plan.predicted_bytes or None,
            threads=running.plan.threads,
        )


class Slots:
    """The workers there are, and how many are wanted."""

    def __init__(self, wanted: int) -> None:
        self.wanted = wanted
        self._slots: dict[int, Slot] = {}

    def __iter__(self) -> Iterator[Slot]:
        return iter([self._slots[number] for number in sorted(self._slots)])

    @property
    def staying(self) -> list[Slot]:
        return [slot for slot in self if not slot.leaving]

    def retire_surplus(self) -> None:
        """Free workers first; the others leave after their image."""
        staying = self.staying
        for slot in sorted(staying, key=lambda s: (s.running is not None, -s.number)):
            if len(staying) <= self.wanted:
                break
            slot.leave()
            staying.remove(slot)

    def start(self, count: int) -> list[Slot]:
        """So many new workers."""
        fresh: list[Slot] = []
        for _ in range(count):
            number = next(n for n in range(1, len(self._slots) + 2) if n not in self._slots)
            slot = Slot(number, Child(f"photostat-worker-{number}", worker_main))
            self._slots[number] = slot
            fresh.append(slot)
        return fresh

    def remove(self, slot: Slot) -> None:
        del self._slots[slot.number]
        slot.child.close(timeout_s=1.0)

    @property
    def running(self) -> list[Running]:
        return [slot.running for slot in self if slot.running is not None]

    def free(self) -> list[Slot]:
        return [slot for slot in self if slot.free]

    def overdue(self, now: float) -> list[Slot]:
        return [slot for slot in self if slot.running is not None and now > slot.running.deadline]


def time_limit_s(candidate: PendingImage, plan: Plan) -> float:
    """A generous limit for one image: forty times what a lossless image takes on an idle core, and a slow share.

    OpenJPEG needs about 0.2 CPU s a megapixel of lossless RGB (39 megapixels in 7.7 s, measured); strips up to
    twice that. Reading is allowed 1 MB/s.
    """
    samples = candidate.megapixels * max(candidate.surveyed.components, 1) / 3
    return 120.0 + 8.0 * samples * (2.0 if plan.mode == "strips" else 1.0) + candidate.source_bytes / 1e6
