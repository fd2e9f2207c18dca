"""Which images start now: reads the memory, lets `admission.decide` decide, and carries its decision out."""

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
from engine.memory.available import parse_floor
from engine.memory.calibration import Calibration, PeakSample, calibrate
from engine.messages import DecodeMode
from engine.supervisor.candidates import Candidates
from engine.supervisor.context import HostContext
from engine.supervisor.converting import Converting
from engine.supervisor.worker_pool import Slot

_CALIBRATE_EVERY_S = 20.0
_CALIBRATION_ATTEMPTS = 400


class Dispatch:
    def __init__(self, context: HostContext, converting: Converting, candidates: Candidates) -> None:
        self._context = context
        self._run, self._host, self._events = context.run, context.host, context.events
        self._converting = converting
        self._candidates = candidates
        self._memory = self._host.memory()
        self._floor_bytes = parse_floor(self._run.config.engine.memory_floor, self._memory.total_bytes)
        self._state = AdmissionState()
        self._calibration = Calibration()
        self._calibrate_at = 0.0
        self._committed_bytes = 0
        self._headroom_bytes = 0
        self._read_ahead: set[int] = set()
        """Waiting images whose sources a worker has read into the page cache."""

    def affordable(self, workers: int) -> int:
        """As many of these workers as leave room for images."""
        return affordable_workers(workers, self._memory.total_bytes, self._floor_bytes)

    @property
    def headroom_bytes(self) -> int:
        """Above the floor and what running images have been promised; negative if memory is short."""
        return self._headroom_bytes

    @property
    def below_floor(self) -> bool:
        """Memory is short, or was a moment ago: nothing of any kind is started."""
        return self._state.holding_since is not None

    def work(self, now: float, *, may_start: bool, more_to_come: bool) -> None:
        """Read the memory, decide, and carry the decision out."""
        self._calibrate(now)
        self._memory = self._host.memory()
        free = self._converting.pool.free
        candidates: list[PendingImage] = []
        if may_start and free and (problem := self._host.scratch.make_directory()) is not None:
            self._context.hold_for_disk(f"nothing can be written on scratch: {problem}")
            may_start = False
        if may_start and free:
            candidates = self._first(now)
        inputs = self._inputs(now, free if may_start else [], candidates, more_to_come)
        self._committed_bytes, self._headroom_bytes = inputs.committed_bytes, inputs.headroom_bytes
        decision = decide(inputs, self._state, self._calibration)
        self._state = decision.state
        self._update_hold(decision.hold, now)
        self._carry_out(decision, candidates, free)

    def snapshot(self) -> MemorySnapshot:
        return MemorySnapshot(
            total=self._memory.total_bytes,
            available=self._memory.available_bytes,
            floor=self._floor_bytes,
            committed=self._committed_bytes,
            headroom=self._headroom_bytes,
        )

    def _first(self, now: float) -> list[PendingImage]:
        """The first images that may start, without those whose sources do not answer."""
        held_back = self._context.hung_images.unreadable(now)
        return self._candidates.of(self._host.name, held_back)

    def _inputs(
        self, now: float, free: list[Slot], candidates: list[PendingImage], more_to_come: bool
    ) -> AdmissionInput:
        run_alone = self._run.run_alone
        return AdmissionInput(
            now=now,
            total_bytes=self._memory.total_bytes,
            available_bytes=self._memory.available_bytes,
            floor_bytes=self._floor_bytes,
            running=[
                RunningImage(
                    image_id=running.image.image_id,
                    promised_bytes=running.plan.predicted_bytes,
                    rss_bytes=slot.rss_bytes,
                    started=running.started,
                    threads=running.plan.threads,
                    alone=running.image.image_id in run_alone,
                    shared_bytes=running.plan.shared_bytes,
                )
                for slot in self._converting.pool
                if (running := slot.running) is not None
            ],
            candidates=[
                AdmissionCandidate(
                    image.image_id,
                    image.surveyed,
                    image.image_id in run_alone,
                    image.jpeg_settings(self._run.config.jpeg_for(image.batch)),
                    self._context.gpus.shareable_bytes(image.surveyed),
                )
                for image in candidates
            ],
            idle_rss_bytes=[slot.rss_bytes for slot in free],
            cores=self._converting.pool.wanted,
            more_to_come=more_to_come,
            disk_saves_memory=self._host.scratch.in_memory is False,
        )

    def _carry_out(self, decision: Decision, candidates: list[PendingImage], free: list[Slot]) -> None:
        images = {image.image_id: image for image in candidates}
        slots = sorted(free, key=lambda slot: slot.rss_bytes, reverse=True)
        started: set[int] = set()
        for start, slot in zip(decision.starts, slots, strict=False):
            self._converting.start(slot, images[start.image_id], start.plan)
            started.add(start.image_id)
        self._candidates.started(started)
        for never_fits in decision.never_fits:
            if self._candidates.fits_nowhere(self._host.name, never_fits.image_id):
                self._converting.fail(images[never_fits.image_id], never_fits.failure())
        if decision.stop is not None:
            self._converting.preempt(decision.stop)
        if started:
            self._let_read_ahead(
                [image for image in candidates if image.image_id not in started], len(started)
            )

    def _let_read_ahead(self, waiting: list[PendingImage], starts: int) -> None:
        """For each image that has just started, a worker reads the source of another into the page cache."""
        self._read_ahead &= {image.image_id for image in waiting}
        slots = [slot for slot in self._converting.pool if slot.running is not None]
        unread = [i for i in waiting[: 2 * len(slots)] if i.image_id not in self._read_ahead]
        for image, slot in zip(unread[:starts], slots, strict=False):
            self._read_ahead.add(image.image_id)
            slot.read_ahead(image)

    def _update_hold(self, hold: MemoryHold | None, now: float) -> None:
        holds, events = self._context.holds, self._events
        if hold is None:
            if holds.memory is not None:
                events.info(EventKind.END_OF_HOLD, "there is memory again", fold=HoldReason.MEMORY)
            holds.memory = None
        elif holds.memory is None:
            events.warning(EventKind.HOLD, hold.detail, fold=HoldReason.MEMORY)
            since = time.time() - (now - hold.since)
            holds.memory = Hold(HoldReason.MEMORY, hold.detail, since, None)
        else:
            holds.memory = structs.replace(holds.memory, detail=hold.detail)

    def _calibrate(self, now: float) -> None:
        if now >= self._calibrate_at:
            self._calibrate_at = now + _CALIBRATE_EVERY_S
            self._calibration = calibrate(
                PeakSample(DecodeMode(peak.mode), peak.predicted_bytes, peak.peak_rss_bytes)
                for peak in self._run.ledger.queue.measured_peaks(_CALIBRATION_ATTEMPTS)
            )
