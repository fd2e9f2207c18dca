"""The second stage: workers turn images into proved JPEGs on scratch. A worker that ends costs only its own image."""

from __future__ import annotations

import signal
import time
from pathlib import Path
from typing import Protocol

from engine.control.snapshot import WorkerSnapshot
from engine.failures import RETRYABLE, SOURCE_CAUSES, UNEXPLAINED, Cause, Failure
from engine.formatting import data_size, decibels, measured_time, megapixels
from engine.hosts.base import HERE, WORKER, At
from engine.ledger.models import PendingImage, Subject
from engine.ledger.states import EventKind
from engine.messages import (
    Converted,
    DecodeMode,
    Job,
    MissingSource,
    NotConverted,
    Plan,
    ShareAway,
    StageChanged,
    Surveyed,
    SurveyRequest,
    WorkerReady,
)
from engine.processes.child import describe_exit
from engine.supervisor.context import HostContext
from engine.supervisor.durations import Durations
from engine.supervisor.set_aside import SetAside
from engine.supervisor.surveying import DiagnoseSource, SourceOutcome
from engine.supervisor.unexplained import UnexplainedFaults
from engine.supervisor.worker_pool import RunningAttempt, Slot, StartThrottle, WorkerPool, time_limit_s

_MODE_WORDS = {
    DecodeMode.WHOLE: "decoded whole",
    DecodeMode.TILES: "decoded tile by tile",
    DecodeMode.STRIPS: "decoded in strips",
}
_MOST_FAILED_STARTS = 5
_STOPPED = "the engine was stopped"
_ENDS_WITHIN_S = 1.0
"""Of an image that a person has ended: then it is set aside, whatever becomes of its worker."""


class NextStage(Protocol):
    """What takes the JPEGs."""

    def enqueue_converted(self, image: PendingImage, result: Converted) -> None: ...

    def has_file(self, scratch_path: str) -> bool:
        """Whether this file is one of those that it has and still needs."""


class Converting:
    def __init__(
        self,
        context: HostContext,
        workers: int,
        next_stage: NextStage,
        diagnose: DiagnoseSource,
    ) -> None:
        """`diagnose` explains a source that is missing."""
        self._context = context
        self._run, self._host, self._holds = context.run, context.host, context.holds
        self._events = context.events
        self._next = next_stage
        self._diagnose = diagnose
        self._in_diagnosis: dict[int, RunningAttempt] = {}
        """Images whose worker could not read the source; in flight until it is known whose fault that is."""
        self._faults = UnexplainedFaults(context.run)
        self._throttle = StartThrottle()
        self._failed_starts = 0
        """Workers in a row that ended before they were ready."""
        self._durations = Durations()
        self.pool = WorkerPool(workers, context.host)
        self.failures = 0
        self.fatal_problem: str | None = None
        """Why no worker can be started, so that the run must end."""

    @property
    def in_flight(self) -> int:
        """Images that workers have, or had and that are being diagnosed."""
        return len(self.pool.running) + len(self._in_diagnosis)

    def snapshots(self, now: float) -> list[WorkerSnapshot]:
        """Of all workers, with how long their images should take."""
        for running in self.pool.running:
            if running.expected is None:
                running.expected = self._durations.expected(
                    running.plan, running.megasamples, by_gpu=running.by_gpu
                )
        return [slot.snapshot(now, self._host.name or HERE) for slot in self.pool]

    def receive(self) -> None:
        """Take what the workers have sent, and remove those that have ended."""
        self._host.look_for_kills(time.monotonic())
        for slot in self.pool:
            for message in slot.child.messages():
                self._handle(slot, message)
            if slot.child.exit_code is not None:
                self._reap(slot)

    def check_workers(self, now: float, *, is_leaving: bool) -> None:
        """Measure the workers, and stop those that have exceeded their time.

        When the engine leaves, it waits for none of those that hang."""
        for slot in self.pool:
            slot.rss_bytes = self._host.rss_bytes(slot.child)
            slot.activity.look(now)
        for slot in self.pool.set_aside(now, _ENDS_WITHIN_S):
            self._dismiss(slot)
            self._end_for_person(slot)
        self._give_up_hanging(now, is_leaving)
        for slot in self.pool.overdue(now):
            assert slot.running is not None
            slot.running.timed_out = True
            slot.child.kill()
        if killed := self._throttle.oom_kills_to_report(now):
            workers = "an idle worker" if killed == 1 else f"{killed} idle workers"
            message = f"the kernel killed {workers} for memory; new ones start when there is room again"
            self._events.warning(EventKind.WORKER, message)

    def adjust_pool(self, now: float, headroom_bytes: int) -> None:
        """Retire surplus workers, and start missing ones as far as there is room."""
        self.pool.retire_surplus()
        staying = self.pool.staying
        count = self._throttle.workers_to_start(
            now,
            missing=self.pool.wanted - len(staying),
            there=len(staying),
            coming=sum(not slot.ready for slot in staying),
            headroom_bytes=headroom_bytes,
            holding=self._holds.memory is not None,
        )
        if self.fatal_problem is None:
            self.pool.start(count)

    def start(self, slot: Slot, image: PendingImage, plan: Plan) -> None:
        """Give an image that fits to a free worker."""
        attempt = self._run.ledger.start(
            image.image_id,
            slot.child.pid,
            plan.predicted_bytes,
            plan.mode.value,
            plan.correction,
            self._host.name,
        )
        settings = self._run.config.engine
        job = Job(
            image_id=image.image_id,
            attempt=attempt,
            uuid=image.uuid,
            source_path=image.source,
            checksum=image.checksum,
            scratch_path=str(self._host.scratch.jpeg_path(image.image_id, attempt)),
            jpeg=image.jpeg_settings(self._run.config.jpeg_for(image.batch)),
            strict=settings.strict,
            plan=plan,
            gpu=None if self._host.name else self._run.gpus.use_for(image, plan, slot.number),
        )
        self._run.skipped.discard(image.image_id)
        slot.assign(job, image, settings.timeout_s or time_limit_s(image, plan))
        threads = f", {plan.threads} threads" if plan.threads > 1 else ""
        message = f"attempt {attempt}, {megapixels(image.megapixels)}, {_MODE_WORDS[plan.mode]}{threads}"
        self._events.info(EventKind.STARTED, message, image.subject, slot.child.pid)

    def preempt(self, image_id: int) -> None:
        """Stop the worker of this image to get its memory back; the attempt does not count."""
        for slot in self.pool:
            if slot.running is not None and slot.running.image.image_id == image_id:
                slot.running.preempted = True
                slot.child.kill()

    def slot_of(self, image_id: int) -> Slot | None:
        """The worker that has this image."""
        return next(
            (slot for slot in self.pool if slot.running and slot.running.image.image_id == image_id), None
        )

    def take_away(self, slot: Slot, order: SetAside) -> None:
        """End the attempt of this worker; what it may still report of it does not count."""
        assert slot.running is not None
        slot.running.set_aside = order
        slot.child.kill()

    def stop_all(self, why: str = _STOPPED) -> None:
        """Kill every worker, and put back what was in flight."""
        for slot in self.pool:
            self._dismiss(slot)
            if slot.running is not None and slot.running.set_aside is not None:
                self._end_for_person(slot)
            elif slot.running is not None:
                self._put_back(slot.running, why)
        for image_id in list(self._in_diagnosis):
            self._put_back(self._in_diagnosis.pop(image_id), why)

    def fail(
        self,
        image: PendingImage,
        failure: Failure,
        facts: NotConverted | None = None,
        pid: int | None = None,
    ) -> None:
        """The image has failed for good."""
        self.failures += 1
        self._run.run_alone.discard(image.image_id)
        self._run.fail(image.subject, failure, facts, pid, self._host.name)
        killed_for_memory = failure.cause is Cause.OUT_OF_MEMORY and pid is not None and facts is None
        if failure.cause in UNEXPLAINED or killed_for_memory:
            self._faults.failed(image.subject, failure)
        elif facts is not None:
            self._faults.worked()

    def fail_for_person(self, subject: Subject, failure: Failure, pid: int | None = None) -> None:
        """A person wants the image to fail, which shows nothing about the others."""
        self.failures += 1
        self._run.run_alone.discard(subject.image_id)
        self._run.fail(subject, failure, pid=pid)

    # -- messages and ends of workers ----

    def _handle(self, slot: Slot, message: object) -> None:
        match message:
            case WorkerReady():
                slot.ready = True
                self._failed_starts = 0
            case StageChanged():
                slot.stage = message.stage
            case Converted() | NotConverted() if slot.running is not None and slot.running.set_aside:
                pass
            case Converted() | NotConverted() if not slot.has(message):
                self._refuse(message, slot.child.pid)
            case Converted():
                self._throttle.image_finished()
                attempt = slot.release()
                taken_s = time.monotonic() - attempt.started
                by_gpu = message.gpu is not None and message.gpu.decoded
                self._durations.add(attempt.plan, attempt.megasamples, taken_s, by_gpu=by_gpu)
                self._holds.source_read(attempt.image.source, attempt.started)
                self._context.hung_images.read(attempt.image.image_id, attempt.started)
                self._run.gpus.converted(attempt.image, attempt.gpu, message.gpu)
                self._converted(attempt.image, message, slot.child.pid)
            case NotConverted():
                self._throttle.image_finished()
                attempt = slot.release()
                if message.failure.cause in SOURCE_CAUSES:
                    self._ask_for_diagnosis(attempt, message, slot.child.pid)
                else:
                    self._not_converted(attempt, message.failure, slot.child.pid, message)

    def _refuse(self, late: Converted | NotConverted, pid: int) -> None:
        """A result counts for the attempt in flight only; the image may be with another worker by now."""
        message = f"a late result of attempt {late.attempt} of image {late.image_id} does not count"
        self._events.warning(EventKind.WORKER, message, pid=pid)
        if isinstance(late, Converted) and not self._is_wanted(late):
            self._host.scratch.remove(Path(late.scratch_path))

    def _is_wanted(self, late: Converted) -> bool:
        """Whether its file is the one that a worker makes now, or that waits for the store: it was said twice."""
        path = self._host.scratch.jpeg_path
        running = [path(attempt.image.image_id, attempt.number) for attempt in self.pool.running]
        return Path(late.scratch_path) in running or self._next.has_file(late.scratch_path)

    def _reap(self, slot: Slot) -> None:
        self._dismiss(slot)
        attempt = slot.running
        if attempt is None:
            self._reap_idle(slot)
            return
        self._remove_leftovers(attempt)
        if attempt.set_aside is not None:
            self._end_for_person(slot)
        elif attempt.preempted:
            self._put_back(attempt, "its worker was stopped to free memory", slot.child.pid)
        else:
            self._not_converted(attempt, self._failure_of_ended(slot, attempt), slot.child.pid, None)

    def _end_for_person(self, slot: Slot) -> None:
        attempt, pid = slot.running, slot.child.pid
        assert attempt is not None and attempt.set_aside is not None
        order, image = attempt.set_aside, attempt.image
        self._remove_leftovers(attempt)
        if order.fails:
            failure = order.failure(slot.stage, time.monotonic() - attempt.started)
            self.fail_for_person(image.subject, failure, pid)
            return
        self._run.ledger.back_to_pending(image.image_id, order.words, counts=False)
        self._run.skipped.add(image.image_id)
        self._events.info(EventKind.SKIP, f"{order.words}: it waits behind all others", image.subject, pid)

    def _give_up_hanging(self, now: float, is_leaving: bool) -> None:
        """Leave workers behind that wait for something which does not answer; their images are not at fault."""
        hung = self._context.hung_images
        hanging = self.pool.hanging(now, hung.hangs_after_s)
        for slot in hanging:
            running = slot.running
            if running is not None and not is_leaving and not self._holds.may_survey:
                continue  # the whole share hangs: if it answers again, this worker goes on
            if running is not None and not is_leaving and not hung.may_give_up(WORKER):
                if len(hanging) == len(self.pool.staying):
                    hung.all_hang(self._missing(running), slot.activity.quiet_s(now), now)
                continue
            waited_s = slot.activity.quiet_s(now)
            self._dismiss(slot)
            if running is not None:
                self._put_back(
                    running, f"no answer for {waited_s:.0f} s from {running.image.source}", slot.child.pid
                )
                hung.hangs(running.image.subject, self._missing(running), waited_s, now)

    def _missing(self, running: RunningAttempt) -> MissingSource:
        image = running.image
        request = SurveyRequest(image.image_id, image.source, image.uuid)
        return MissingSource(request, self._run.ledger.neighbours_of(image.image_id))

    def _dismiss(self, slot: Slot) -> None:
        """Its place is free for another worker, whatever becomes of its process."""
        self.pool.remove(slot)
        image = slot.running.image if slot.running else None
        at = At(image.source, image.image_id, image.target) if image else At(slot.read_ahead_path)
        self._host.dismiss(slot.child, at)

    def _reap_idle(self, slot: Slot) -> None:
        """A worker without an image has ended. Kills for memory are reported together, and are no sign that workers
        cannot run here."""
        if slot.retiring:
            return
        oom_killed = self._host.was_oom_killed(slot.child)
        self._throttle.idle_worker_died(time.monotonic(), oom_killed=oom_killed)
        if oom_killed:
            return
        how = describe_exit(slot.child.exit_code)
        if not slot.ready and slot.child.exit_code != -signal.SIGKILL:  # which is somebody else's doing
            self._failed_starts += 1
        if self._failed_starts >= _MOST_FAILED_STARTS:
            self.fatal_problem = (
                f"{_MOST_FAILED_STARTS} workers in a row {how} before they were ready: see logs/"
            )
        self._events.warning(EventKind.WORKER, f"an idle worker {how}", pid=slot.child.pid)

    def _failure_of_ended(self, slot: Slot, attempt: RunningAttempt) -> Failure:
        if attempt.timed_out:
            seconds = time.monotonic() - attempt.started
            return Failure(
                Cause.TIMED_OUT, slot.stage, f"not done after {seconds:.0f} s; its worker was stopped"
            )
        if self._host.was_oom_killed(slot.child):
            return Failure(Cause.OUT_OF_MEMORY, slot.stage, "its worker was killed by the kernel for memory")
        how = describe_exit(slot.child.exit_code)
        return Failure(Cause.WORKER_CRASHED, slot.stage, f"its worker {how} while {slot.stage}")

    # -- what follows for the image ----

    def _converted(self, image: PendingImage, result: Converted, pid: int) -> None:
        self._run.ledger.converted(result, self._host.name)
        self._faults.worked()
        sizes = f"{data_size(result.source_bytes)} to {data_size(result.jpeg_bytes)}"
        times = f"{measured_time(result.wall_s)}, CPU {measured_time(result.cpu_s)}"
        by_gpu = ", decoded by the GPU" if result.gpu and result.gpu.decoded else ""
        message = f"{sizes}, PSNR {decibels(result.psnr_db)}, {times}{by_gpu}"
        self._events.info(EventKind.CONVERTED, message, image.subject, pid)
        for warning in result.warnings:
            self._events.warning(EventKind.WARNING, warning, image.subject, pid)
        self._next.enqueue_converted(image, result)

    def _ask_for_diagnosis(self, attempt: RunningAttempt, facts: NotConverted, pid: int) -> None:
        """Let the surveyor find out whether this source is at fault or the share is away; the image waits for it."""
        image = attempt.image
        self._in_diagnosis[image.image_id] = attempt

        def on_outcome(outcome: SourceOutcome) -> None:
            if self._in_diagnosis.pop(image.image_id, None) is None:
                return
            if outcome.away is not None:
                self._put_back(attempt, outcome.away, pid)
            else:
                is_back = isinstance(outcome.found, Surveyed)
                if is_back and self._host.name and self._is_missing_here_alone(image):
                    self._put_back(attempt, facts.failure.message, pid)
                    return
                self._not_converted(attempt, facts.failure, pid, facts, source_is_back=is_back)

        self._diagnose(SurveyRequest(image.image_id, image.source, image.uuid), on_outcome)

    def _is_missing_here_alone(self, image: PendingImage) -> bool:
        """The engine sees this source and its host does not: that is the host's fault, and holds it. False if a person
        has said that such sources are gone."""
        was_open = self._holds.may_survey
        detail = (
            f"{image.source} is there for the engine, and not on this machine: is the share mounted here?"
        )
        missing = MissingSource(SurveyRequest(image.image_id, image.source, image.uuid), ())
        away = ShareAway(image.source.rpartition("/")[0], detail)
        is_away = self._holds.source_away(away, missing, time.monotonic())
        if is_away and was_open:
            self._events.warning(EventKind.HOLD, detail)
        return is_away

    def _not_converted(
        self,
        attempt: RunningAttempt,
        failure: Failure,
        pid: int,
        facts: NotConverted | None,
        *,
        source_is_back: bool = False,
    ) -> None:
        """Put the image back (if it is not at fault), try it again, or fail it."""
        image = attempt.image
        self._remove_leftovers(attempt)
        if failure.cause is Cause.DISK_FULL:
            self._context.hold_for_disk(failure.message, image.source_bytes)
            self._put_back(attempt, failure.message, pid)
        elif self._may_retry(attempt, failure, source_is_back):
            self._run.ledger.back_to_pending(image.image_id, failure.message, counts=True, facts=facts)
            message = (
                f"{failure.cause}: {failure.message}; that was attempt {attempt.number}, another follows"
            )
            self._events.warning(EventKind.RETRY, message, image.subject, pid, fold=failure.cause)
        else:
            self.fail(image, failure, facts, pid)

    def _may_retry(self, attempt: RunningAttempt, failure: Failure, source_is_back: bool) -> bool:
        """Whether retries are left; what ran out of memory is tried once more, alone, whatever is left."""
        if failure.cause is Cause.OUT_OF_MEMORY:
            was_alone = attempt.image.image_id in self._run.run_alone
            self._run.run_alone.add(attempt.image.image_id)
            return not was_alone
        may_help = failure.cause in RETRYABLE or source_is_back
        return may_help and attempt.number <= self._run.config.engine.retries

    def _put_back(self, attempt: RunningAttempt, why: str, pid: int | None = None) -> None:
        """Pending again; the attempt does not count."""
        self._run.ledger.back_to_pending(attempt.image.image_id, why, counts=False)
        self._events.info(EventKind.PUT_BACK, why, attempt.image.subject, pid)
        self._remove_leftovers(attempt)

    def _remove_leftovers(self, attempt: RunningAttempt) -> None:
        """Remove what a worker that has ended left of this attempt on scratch."""
        self._host.scratch.remove_attempt(attempt.image.image_id, attempt.number)
