"""Which images start now: the candidates and the memory put before `admission.decide`, and its decision carried out."""

from __future__ import annotations

import time

from msgspec import structs

from engine.control.snapshot import Hold, HoldReason, MemorySnapshot
from engine.ledger.models import PendingImage
from engine.ledger.states import EventKind
from engine.memory.admission import affordable_workers, decide
from engine.memory.admission_types import (
    AdmissionCandidate,
    AdmissionInput,
    AdmissionState,
    Decision,
    MemoryHold,
    RunningImage,
)
from engine.memory.available import MemoryReader, is_memory_filesystem, parse_floor
from engine.memory.prediction import Calibration, PeakSample, calibrate
from engine.memory.usage import own_tree, tree_bytes
from engine.messages import DecodeMode
from engine.supervisor.context import Run
from engine.supervisor.converting import Converting, subject_of
from engine.supervisor.worker_pool import Slot

_LOOK_AHEAD = 64
_CALIBRATE_EVERY_S = 20.0
_PEAKS = 400


class Dispatch:
    def __init__(self, run: Run, converting: Converting) -> None:
        self._run = run
        self._converting = converting
        self._reader = MemoryReader(run.config.engine.memory_limit)
        self._memory = self._reader.read()
        self._floor = parse_floor(run.config.engine.memory_floor, self._memory.total_bytes)
        self._state = AdmissionState()
        self._calibration = Calibration()
        self._calibrate_at = 0.0
        self._disk_saves_memory: bool | None = None
        self._committed = 0
        self._headroom = 0
        self._read_ahead: set[int] = set()

    def affordable(self, workers: int) -> int:
        """As many of these workers as leave room for images."""
        return affordable_workers(workers, self._memory.total_bytes, self._floor)

    @property
    def headroom_bytes(self) -> int:
        """Above the floor and what running images have been promised; negative when memory is short."""
        return self._headroom

    @property
    def below_floor(self) -> bool:
        """Memory is short, or was a moment ago: nothing is started, of whatever kind."""
        return self._state.holding_since is not None

    def work(self, now: float, *, may_start: bool, more_to_come: bool) -> None:
        """Sample the memory, decide, and do what was decided; asked at every turn of the loop."""
        self._calibrate(now)
        self._memory = self._reader.read(tree_bytes(own_tree()))
        free = self._converting.slots.free()
        wanted = may_start and bool(free)
        candidates = self._candidates() if wanted else []
        inputs = self._admission_input(now, free if wanted else [], candidates, more_to_come)
        self._committed, self._headroom = inputs.committed_bytes, inputs.headroom_bytes
        decision = decide(inputs, self._state, self._calibration)
        self._state = decision.state
        self._hold(decision.hold, now)
        self._carry_out(decision, candidates, free)

    def picture(self) -> MemorySnapshot:
        return MemorySnapshot(
            total=self._memory.total_bytes,
            available=self._memory.available_bytes,
            floor=self._floor,
            committed=self._committed,
            headroom=self._headroom,
        )

    def _candidates(self) -> list[PendingImage]:
        return self._run.ledger.queue.to_convert(self._run.batches, _LOOK_AHEAD)

    def _admission_input(
        self, now: float, free: list[Slot], candidates: list[PendingImage], more_to_come: bool
    ) -> AdmissionInput:
        alone = self._converting.alone
        running = [
            RunningImage(
                image_id=r.candidate.image_id,
                promised_bytes=r.plan.predicted_bytes,
                rss_bytes=slot.rss_bytes,
                started=r.started,
                threads=r.plan.threads,
                alone=r.candidate.image_id in alone,
            )
            for slot in self._converting.slots
            if (r := slot.running) is not None
        ]
        return AdmissionInput(
            now=now,
            total_bytes=self._memory.total_bytes,
            available_bytes=self._memory.available_bytes,
            floor_bytes=self._floor,
            running=running,
            candidates=[
                AdmissionCandidate(
                    c.image_id, c.surveyed, c.image_id in alone, self._run.config.jpeg_for(c.batch)
                )
                for c in candidates
            ],
            idle_rss_bytes=[slot.rss_bytes for slot in free],
            cores=self._converting.slots.wanted,
            more_to_come=more_to_come,
            disk_saves_memory=self._scratch_saves_memory(),
        )

    def _carry_out(self, decision: Decision, candidates: list[PendingImage], free: list[Slot]) -> None:
        by_id = {candidate.image_id: candidate for candidate in candidates}
        slots = sorted(free, key=lambda slot: slot.rss_bytes, reverse=True)
        started: set[int] = set()
        for start, slot in zip(decision.starts, slots, strict=False):
            self._converting.start(slot, by_id[start.image_id], start.plan)
            started.add(start.image_id)
        for never_fits in decision.never_fits:
            candidate, failure = by_id[never_fits.image_id], never_fits.failure()
            self._run.ledger.failed(candidate.image_id, failure)
            self._run.journal.error(
                EventKind.FAILED, f"{failure.cause}: {failure.message}", subject_of(candidate)
            )
            self._converting.failures += 1
        if decision.stop is not None:
            self._converting.preempt(decision.stop)
        self._let_read_ahead([c for c in candidates if c.image_id not in started], len(started))

    def _let_read_ahead(self, waiting: list[PendingImage], starts: int) -> None:
        """For each image that has just started, some worker reads the next source into the page cache."""
        if not starts:
            return
        self._read_ahead &= {candidate.image_id for candidate in waiting}
        slots = [slot for slot in self._converting.slots if slot.running is not None]
        fresh = [c for c in waiting[: 2 * len(slots)] if c.image_id not in self._read_ahead]
        for candidate, slot in zip(fresh[:starts], slots, strict=False):
            self._read_ahead.add(candidate.image_id)
            slot.read_next(candidate)

    def _hold(self, hold: MemoryHold | None, now: float) -> None:
        holds = self._run.holds
        if hold is None:
            if holds.memory is not None:
                self._run.journal.info(EventKind.END_OF_HOLD, "there is memory again")
            holds.memory = None
            return
        since = time.time() - (now - hold.since)
        if holds.memory is None:
            self._run.journal.warning(EventKind.HOLD, hold.detail)
            holds.memory = Hold(HoldReason.MEMORY, hold.detail, since, None)
        else:
            holds.memory = structs.replace(holds.memory, detail=hold.detail)

    def _calibrate(self, now: float) -> None:
        if now >= self._calibrate_at:
            self._calibrate_at = now + _CALIBRATE_EVERY_S
            self._calibration = calibrate(
                PeakSample(DecodeMode(p.mode), p.predicted_bytes, p.peak_rss_bytes)
                for p in self._run.ledger.queue.measured_peaks(_PEAKS)
            )

    def _scratch_saves_memory(self) -> bool:
        if self._disk_saves_memory is None:
            scratch = self._run.scratch.own
            scratch.mkdir(parents=True, exist_ok=True)
            self._disk_saves_memory = not is_memory_filesystem(scratch)
        return self._disk_saves_memory
