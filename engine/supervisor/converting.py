"""The second stage: workers turn images into proved JPEGs on scratch. A worker's end costs its own image only."""

from __future__ import annotations

import time
from collections.abc import Callable

from engine.failures import RETRYABLE, SOURCE_CAUSES, Cause, Failure
from engine.formatting import data_size, decibels, three_figures
from engine.ledger.models import PendingImage, Subject
from engine.ledger.states import EventKind
from engine.memory.usage import rss_bytes
from engine.messages import (
    Converted,
    DecodeMode,
    Job,
    NotConverted,
    Plan,
    StageChanged,
    Surveyed,
    SurveyRequest,
    WorkerReady,
)
from engine.processes.child import describe_exit
from engine.supervisor.context import Run
from engine.supervisor.staffing import Staffing
from engine.supervisor.surveying import Verdict
from engine.supervisor.worker_pool import Running, Slot, Slots, time_limit_s

_LANE_WORDS = {
    DecodeMode.WHOLE: "decoded whole",
    DecodeMode.TILES: "decoded tile by tile",
    DecodeMode.STRIPS: "decoded in strips",
}
_STILLBORN_LIMIT = 5

SettleDoubt = Callable[[SurveyRequest, Callable[[Verdict], None]], None]


class Converting:
    def __init__(
        self, run: Run, workers: int, hand_over: Callable[[Converted, PendingImage], None], doubt: SettleDoubt
    ) -> None:
        """`hand_over` takes what was converted to the next stage; `doubt` asks about a source that is missing."""
        self._run = run
        self._hand_over = hand_over
        self._doubt = doubt
        self._doubted: dict[int, Running] = {}
        """Images whose worker could not read the source; in flight until it is known whose fault that is."""
        self._staffing = Staffing()
        self._failed_starts = 0
        self.slots = Slots(workers)
        self.alone: set[int] = set()
        """Images whose worker was killed for memory: they are tried again with nothing beside them."""
        self.failures = 0
        self.broken: str | None = None
        """Why no worker can be had; the run must end."""

    @property
    def busy(self) -> bool:
        return self.in_flight > 0

    @property
    def in_flight(self) -> int:
        return len(self.slots.running) + len(self._doubted)

    def hear(self) -> None:
        """Take in what the workers say, and bury the dead."""
        self._run.kills.look(time.monotonic())
        for slot in self.slots:
            for message in slot.child.messages():
                self._take(slot, message)
            if slot.child.exit_code is not None:
                self._reap(slot)

    def look_after(self, now: float) -> None:
        """Measure the workers, stop those past their time."""
        for slot in self.slots:
            slot.rss_bytes = rss_bytes(slot.child.pid)
        for slot in self.slots.overdue(now):
            assert slot.running is not None
            slot.running.timed_out = True
            slot.child.kill()
        if killed := self._staffing.to_tell(now):
            who = "an idle worker" if killed == 1 else f"{killed} idle workers"
            what = f"the kernel killed {who} for memory; new ones start when there is room again"
            self._run.journal.warning(EventKind.WORKER, what)

    def staff(self, now: float, headroom_bytes: int) -> None:
        """Send surplus workers home, and start missing ones as far as there is room."""
        self.slots.retire_surplus()
        staying = self.slots.staying
        count = self._staffing.workers_to_start(
            now,
            missing=self.slots.wanted - len(staying),
            there=len(staying),
            coming=sum(not slot.ready for slot in staying),
            headroom_bytes=headroom_bytes,
            holding=self._run.holds.memory is not None,
        )
        if self.broken is None:
            for slot in self.slots.start(count):
                self._run.watch(slot.child)

    def start(self, slot: Slot, candidate: PendingImage, plan: Plan) -> None:
        """Give an image that fits to a free worker."""
        attempt = self._run.ledger.start(
            candidate.image_id, slot.child.pid, plan.predicted_bytes, plan.mode.value, plan.correction
        )
        scratch = self._run.scratch.jpeg_path(candidate.image_id, attempt)
        job = Job(
            image_id=candidate.image_id,
            attempt=attempt,
            uuid=candidate.uuid,
            source_path=candidate.source,
            checksum=candidate.checksum,
            scratch_path=str(scratch),
            jpeg=self._run.config.jpeg_for(candidate.batch),
            strict=self._run.config.engine.strict,
            plan=plan,
        )
        limit = self._run.config.engine.timeout_s or time_limit_s(candidate, plan)
        slot.give(job, candidate, limit)
        threads = f", {plan.threads} threads" if plan.threads > 1 else ""
        how = _LANE_WORDS[plan.mode]
        what = f"attempt {attempt}, {three_figures(candidate.megapixels)} megapixels, {how}{threads}"
        self._run.journal.info(EventKind.STARTED, what, subject_of(candidate), slot.child.pid)

    def preempt(self, image_id: int) -> None:
        """Stop the worker of this image to get its memory back; the image goes back to pending, uncounted."""
        for slot in self.slots:
            if slot.running is not None and slot.running.candidate.image_id == image_id:
                slot.running.spared = True
                slot.child.kill()

    def stop_all(self) -> int:
        """Kill every worker; what was in flight goes back to pending, uncounted. Returns how many that were."""
        stopped = 0
        for slot in self.slots:
            slot.child.kill()
            self._run.unwatch(slot.child)
            self.slots.remove(slot)
            if slot.running is not None:
                stopped += 1
                self._put_back(slot.running, "the engine was stopped")
        for image_id in list(self._doubted):
            self._put_back(self._doubted.pop(image_id), "the engine was stopped")
        return stopped

    def _take(self, slot: Slot, message: object) -> None:
        match message:
            case WorkerReady():
                slot.ready = True
                self._failed_starts = 0
            case StageChanged():
                slot.stage = message.stage
            case Converted() if slot.running is not None:
                self._staffing.worked()
                candidate = slot.done()
                self._run.ledger.converted(message)
                seconds = f"{message.wall_s:.1f} s, {message.cpu_s:.1f} CPU s"
                sizes = f"{data_size(message.source_bytes)} to {data_size(message.jpeg_bytes)}"
                what = f"{sizes}, PSNR {decibels(message.psnr_db)}, {seconds}"
                self._run.journal.info(EventKind.CONVERTED, what, subject_of(candidate), slot.child.pid)
                for warning in message.warnings:
                    self._run.journal.warning(
                        EventKind.WARNING, warning, subject_of(candidate), slot.child.pid
                    )
                self._hand_over(message, candidate)
            case NotConverted() if slot.running is not None:
                running = slot.running
                self._staffing.worked()
                slot.done()
                if message.failure.cause in SOURCE_CAUSES:
                    self._ask_about(running, message, slot.child.pid)
                else:
                    self._not_converted(running, message.failure, slot.child.pid, message)

    def _reap(self, slot: Slot) -> None:
        self._run.unwatch(slot.child)
        self.slots.remove(slot)
        said = describe_exit(slot.child.exit_code)
        running = slot.running
        if running is None:
            self._bury_idle(slot, said)
            return
        self._sweep(running)
        if running.spared:
            self._put_back(running, "its worker was stopped to free memory", slot.child.pid)
            return
        self._not_converted(running, self._death(slot, running, said), slot.child.pid, None)

    def _bury_idle(self, slot: Slot, said: str) -> None:
        """What the kernel takes for memory is told together, and is no sign that workers cannot be had."""
        if slot.leaving:
            return
        for_memory = self._run.kills.was_oom_killed(slot.child)
        self._staffing.died(time.monotonic(), for_memory=for_memory)
        if for_memory:
            return
        if not slot.ready:
            self._failed_starts += 1
        if self._failed_starts >= _STILLBORN_LIMIT:
            self.broken = f"{_STILLBORN_LIMIT} workers in a row {said} before they were ready: see logs/"
        self._run.journal.warning(EventKind.WORKER, f"an idle worker {said}", pid=slot.child.pid)

    def _death(self, slot: Slot, running: Running, said: str) -> Failure:
        stage = slot.stage
        if running.timed_out:
            seconds = time.monotonic() - running.started
            return Failure(Cause.TIMED_OUT, stage, f"not done after {seconds:.0f} s; its worker was stopped")
        if self._run.kills.was_oom_killed(slot.child):
            return Failure(Cause.OUT_OF_MEMORY, stage, "its worker was killed by the kernel for memory")
        return Failure(Cause.WORKER_CRASHED, stage, f"its worker {said} while {stage}")

    def _ask_about(self, running: Running, facts: NotConverted, pid: int) -> None:
        """Is it this source, or the share? The scout looks, and the image waits for its word."""
        candidate = running.candidate
        self._doubted[candidate.image_id] = running

        def settle(verdict: Verdict) -> None:
            if self._doubted.pop(candidate.image_id, None) is None:
                return
            if verdict.away is not None:
                self._put_back(running, verdict.away, pid)
            else:
                self._not_converted(running, facts.failure, pid, facts, isinstance(verdict.found, Surveyed))

        self._doubt(SurveyRequest(candidate.image_id, candidate.source, candidate.uuid), settle)

    def _not_converted(
        self,
        running: Running,
        failure: Failure,
        pid: int,
        facts: NotConverted | None,
        source_is_back: bool = False,
    ) -> None:
        """Decide: not its fault (back, uncounted), another attempt (back, counted), or failed."""
        candidate, holds, now = running.candidate, self._run.holds, time.monotonic()
        self._sweep(running)
        if failure.cause is Cause.DISK_FULL:
            if holds.disk_full(failure.message, candidate.source_bytes, now):
                self._run.journal.warning(EventKind.HOLD, failure.message)
            self._put_back(running, failure.message, pid)
        elif self._gets_another(candidate, running, failure, source_is_back):
            self._run.ledger.back_to_pending(candidate.image_id, failure.message, counts=True, facts=facts)
            what = f"{failure.cause}: {failure.message}; that was attempt {running.attempt}, it gets another"
            self._run.journal.warning(EventKind.RETRY, what, subject_of(candidate), pid)
        else:
            self.failures += 1
            self.alone.discard(candidate.image_id)
            self._run.ledger.failed(candidate.image_id, failure, facts)
            self._run.journal.error(
                EventKind.FAILED, f"{failure.cause}: {failure.message}", subject_of(candidate), pid
            )

    def _gets_another(
        self, candidate: PendingImage, running: Running, failure: Failure, source_is_back: bool
    ) -> bool:
        """Within its retries; what ran out of memory is tried once more, alone, and then no more."""
        if failure.cause is Cause.OUT_OF_MEMORY:
            was_alone = candidate.image_id in self.alone
            self.alone.add(candidate.image_id)
            return not was_alone
        may_help = failure.cause in RETRYABLE or source_is_back
        return may_help and running.attempt <= self._run.config.engine.retries

    def _put_back(self, running: Running, why: str, pid: int | None = None) -> None:
        self._run.ledger.back_to_pending(running.candidate.image_id, why, counts=False)
        self._run.journal.info(EventKind.PUT_BACK, why, subject_of(running.candidate), pid)
        self._sweep(running)

    def _sweep(self, running: Running) -> None:
        """Remove what a dead worker left of this attempt on scratch."""
        self._run.scratch.remove_attempt(running.candidate.image_id, running.attempt)


def subject_of(candidate: PendingImage) -> Subject:
    return Subject(candidate.image_id, candidate.record, candidate.source, candidate.target)
