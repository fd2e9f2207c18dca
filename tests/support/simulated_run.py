"""A simulated run: images and other programs take the time and memory that the test gives them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from engine.memory.admission import decide
from engine.memory.admission_types import (
    AdmissionCandidate,
    AdmissionInput,
    AdmissionState,
    NeverFits,
    RunningImage,
)
from engine.memory.prediction import slowdown
from engine.messages import Plan, Surveyed

GIB = 2**30
MIB = 2**20
IDLE_WORKER = 60 * MIB
STEP_S = 0.5


def image(image_id: int, megapixels: float, *, tiled: bool = False, components: int = 3) -> Surveyed:
    """An image of this size, as the survey reports it."""
    side = max(1, int((megapixels * 1e6) ** 0.5))
    tile = min(side, 1024) if tiled else side
    compressed = int(side * side * 0.45 * components)
    return Surveyed(image_id, compressed, side, side, components, 8, tile, tile, 5, "srgb")


def core_seconds(facts: Surveyed) -> float:
    """For decoding it whole, about as measured."""
    return 0.25 * facts.width * facts.height / 1e6


def never(now: float) -> int:
    """Another program that takes no memory."""
    return 0


@dataclass
class Worker:
    facts: Surveyed
    plan: Plan
    started: float
    ends: float
    peak_bytes: int

    def rss(self, now: float) -> int:
        """Rises evenly to the peak at half time, and stays."""
        share = min(1.0, (now - self.started) / max(0.001, 0.5 * (self.ends - self.started)))
        return IDLE_WORKER + int(share * max(0, self.peak_bytes - IDLE_WORKER))


@dataclass
class Run:
    """Everything that happened, for the properties to be checked on."""

    total_bytes: int = 4 * GIB
    floor_bytes: int = 410 * MIB
    cores: int = 2
    truth: Callable[[Surveyed, Plan], int] = lambda facts, plan: plan.predicted_bytes
    """What an image really takes, bytes."""
    others: Callable[[float], int] = never
    """What other programs take at a time, bytes."""
    disk_saves_memory: bool = True
    now: float = 0.0
    state: AdmissionState = field(default_factory=AdmissionState)
    workers: dict[int, Worker] = field(default_factory=dict)
    started: dict[int, float] = field(default_factory=dict)
    plans: dict[int, Plan] = field(default_factory=dict)
    done: list[int] = field(default_factory=list)
    stopped: list[int] = field(default_factory=list)
    never_fits: list[NeverFits] = field(default_factory=list)
    held_s: float = 0.0
    least_available: int = 1 << 62
    busy_core_s: float = 0.0

    def available(self) -> int:
        idle = (self.cores - len(self.workers)) * IDLE_WORKER
        ours = idle + sum(worker.rss(self.now) for worker in self.workers.values())
        return max(0, self.total_bytes - self.others(self.now) - ours)

    def step(self, candidates: list[Surveyed], alone: frozenset[int] = frozenset()) -> None:
        """Half a second: images end, the engine decides, images start."""
        self._end()
        available = self.available()
        self.least_available = min(self.least_available, available)
        inputs = AdmissionInput(
            now=self.now,
            total_bytes=self.total_bytes,
            available_bytes=available,
            floor_bytes=self.floor_bytes,
            running=[
                RunningImage(
                    i, w.plan.predicted_bytes, w.rss(self.now), w.started, w.plan.threads, i in alone
                )
                for i, w in self.workers.items()
            ],
            candidates=[
                AdmissionCandidate(facts.image_id, facts, facts.image_id in alone) for facts in candidates
            ],
            idle_rss_bytes=[IDLE_WORKER] * (self.cores - len(self.workers)),
            cores=self.cores,
            disk_saves_memory=self.disk_saves_memory,
        )
        decision = decide(inputs, self.state)
        self.state = decision.state
        facts_of = {facts.image_id: facts for facts in candidates}
        for start in decision.starts:
            self._start(facts_of[start.image_id], start.plan)
        if decision.stop is not None:
            del self.workers[decision.stop]
            self.stopped.append(decision.stop)
        self.never_fits += decision.never_fits
        self.held_s += STEP_S if decision.hold else 0.0
        self.busy_core_s += STEP_S * min(self.cores, sum(w.plan.threads for w in self.workers.values()))
        self.now += STEP_S

    def _start(self, facts: Surveyed, plan: Plan) -> None:
        core_s = core_seconds(facts) * slowdown(facts, plan)
        ends = self.now + core_s / plan.threads
        self.workers[facts.image_id] = Worker(facts, plan, self.now, ends, self.truth(facts, plan))
        self.started[facts.image_id] = self.now
        self.plans[facts.image_id] = plan

    def _end(self) -> None:
        for image_id in [i for i, worker in self.workers.items() if worker.ends <= self.now]:
            del self.workers[image_id]
            self.done.append(image_id)

    def all_of(self, images: list[Surveyed], within_s: float = 1e5) -> None:
        """Runs until every image is done or never fits; fails when that takes longer than `within_s`."""
        for waiting in self._waiting(images):
            assert self.now < within_s, (
                f"no end: {self.state}, {len(waiting)} wait, {self.available()} available"
            )
            self.step(waiting[:64])

    def _waiting(self, images: list[Surveyed]) -> Iterator[list[Surveyed]]:
        order = sorted(images, key=lambda facts: -facts.width * facts.height)
        while len(self.done) + len(self.never_fits) < len(images):
            gone = {*self.done, *self.workers, *(i.image_id for i in self.never_fits)}
            yield [facts for facts in order if facts.image_id not in gone]
