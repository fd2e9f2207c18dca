"""The second stage: workers turn images into proved JPEGs on scratch. A worker that ends costs only its own image."""

from __future__ import annotations

import signal
import time
from collections import defaultdict
from pathlib import Path
from typing import Protocol

from engine.control.process_snapshots import WorkerSnapshot
from engine.failures import SOURCE_CAUSES, Cause, Failure
from engine.formatting import megapixels
from engine.gpu_messages import GpuAnswered, GpuAsked, GpuUse
from engine.hosts.base import HERE, WORKER, At
from engine.ledger.models import PendingImage, Subject
from engine.ledger.states import EventKind
from engine.messages import (
    Converted,
    DecodeMode,
    Job,
    MissingSource,
    NotConverted,
    PixelsBy,
    Plan,
    StageChanged,
    SurveyRequest,
    WorkerReady,
)
from engine.processes.child import describe_exit
from engine.supervisor.attempt_outcomes import AttemptOutcomes
from engine.supervisor.context import HostContext
from engine.supervisor.durations import Durations
from engine.supervisor.other_sources import is_doubtful, of_another_size
from engine.supervisor.set_aside import SetAside
from engine.supervisor.surveying import DiagnoseSource
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
        self._outcomes = AttemptOutcomes(context, diagnose)
        self._throttle = StartThrottle()
        self._failed_starts = 0
        """Workers in a row that ended before they were ready."""
        self._durations = Durations()
        self.pool = WorkerPool(workers, context.host)
        self.fatal_problem: str | None = None
        """Why no worker can be started, so that the run must end."""

    @property
    def in_flight(self) -> int:
        """Images that workers have, or had and that are being diagnosed."""
        return len(self.pool.running) + self._outcomes.in_diagnosis

    @property
    def failures(self) -> int:
        """How many images have failed here."""
        return self._outcomes.failures

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
        self.pool.extra = 0 if self._host.name else self._run.gpus.extra_workers(self.pool.wanted)
        self.pool.retire_surplus()
        staying = self.pool.staying
        count = self._throttle.workers_to_start(
            now,
            missing=self.pool.wanted + self.pool.extra - len(staying),
            there=len(staying),
            coming=sum(not slot.ready for slot in staying),
            cores=self._host.cores,
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
        use = self._gpu_for(image, plan)
        if isinstance(use, str):
            self._run.ledger.gpu_answered(image.image_id, use)
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
            gpu=use if isinstance(use, GpuUse) else None,
        )
        self._run.skipped.discard(image.image_id)
        slot.assign(job, image, settings.timeout_s or time_limit_s(image, plan))
        threads = f", {plan.threads} threads" if plan.threads > 1 else ""
        message = f"attempt {attempt}, {megapixels(image.megapixels)}, {_MODE_WORDS[plan.mode]}{threads}"
        self._events.info(EventKind.STARTED, message, image.subject, slot.child.pid)

    def _gpu_for(self, image: PendingImage, plan: Plan) -> GpuUse | str | None:
        """As `Gpus.use_for`."""
        waiting: defaultdict[str, float] = defaultdict(float)
        for running in self.pool.running:
            if running.gpu is not None and not running.gpu_answered:
                waiting[running.gpu.address] += running.image.megapixels
        expected = self._durations.expected(plan, image.megapixels * max(1, image.surveyed.components))
        return self._context.gpus.use_for(image, plan, waiting, expected.seconds if expected else None)

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
                self._outcomes.put_back(slot.running, why)
        self._outcomes.end_diagnoses(why)

    def fail(self, image: PendingImage, failure: Failure) -> None:
        """The image has failed for good, and no worker had it."""
        self._outcomes.fail(image, failure)

    def fail_for_person(self, subject: Subject, failure: Failure) -> None:
        """A person wants the image to fail, and no worker has it."""
        self._outcomes.fail_for_person(subject, failure)

    # -- messages and ends of workers ----

    def _handle(self, slot: Slot, message: object) -> None:
        match message:
            case WorkerReady():
                slot.ready = True
                self._failed_starts = 0
                self._holds.workers_start()
            case StageChanged():
                slot.stage = message.stage
            case GpuAsked() if slot.running is not None and slot.has(message):
                slot.running.waits_for_gpu = True
            case GpuAnswered():
                self._gpu_answered(slot, message)
            case Converted() | NotConverted() if slot.running is not None and slot.running.set_aside:
                pass
            case Converted() | NotConverted() if not slot.has(message):
                self._refuse(message, slot.child.pid)
            case Converted() if self._is_of_another_file(slot, message):
                pass
            case Converted():
                self._throttle.image_finished()
                attempt = slot.release()
                taken_s = time.monotonic() - attempt.started
                by_gpu = message.decoded == PixelsBy.GPU
                self._durations.add(attempt.plan, attempt.megasamples, taken_s, by_gpu=by_gpu)
                if self._host.name:
                    self._holds.source_worked()
                self._holds.source_read(attempt.image.source, attempt.started)
                self._context.hung_images.read(attempt.image.image_id, attempt.started)
                times = (0.0, 0.0) if self._host.name else (message.wall_s, message.cpu_s)
                self._run.gpus.converted(message.decoded, *times)
                self._outcomes.converted(attempt.image, message, slot.child.pid)
                self._next.enqueue_converted(attempt.image, message)
            case NotConverted():
                self._throttle.image_finished()
                attempt = slot.release()
                self._look_for_gpu_answer(attempt)
                if message.failure.cause in SOURCE_CAUSES or (self._host.name and is_doubtful(message)):
                    self._outcomes.ask_for_diagnosis(attempt, message, slot.child.pid)
                else:
                    self._outcomes.not_converted(attempt, message.failure, slot.child.pid, message)

    def _gpu_answered(self, slot: Slot, message: GpuAnswered) -> None:
        if slot.running is not None and slot.has(message):
            slot.gpu_has_answered()
            self._run.ledger.gpu_answered(message.image_id, message.outcome.word)
            self._context.gpus.answered(slot.running.image, slot.running.gpu, message.outcome)

    def _look_for_gpu_answer(self, attempt: RunningAttempt) -> None:
        """Of an attempt that has ended."""
        if not attempt.gpu_answered:
            self._context.gpus.not_answered(attempt.image, attempt.gpu)

    def _is_of_another_file(self, slot: Slot, result: Converted) -> bool:
        """Another machine has converted a file of another size than the engine's machine has seen: it is diagnosed."""
        assert slot.running is not None
        other = of_another_size(result, slot.running.image.source_bytes) if self._host.name else None
        if other is None:
            return False
        self._host.scratch.remove(Path(result.scratch_path))
        self._handle(slot, other)
        return True

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
        self._outcomes.remove_leftovers(attempt)
        if attempt.set_aside is not None:
            self._end_for_person(slot)
        elif attempt.preempted:
            self._outcomes.put_back(attempt, "its worker was stopped to free memory", slot.child.pid)
        else:
            self._outcomes.not_converted(attempt, self._failure_of_ended(slot, attempt), slot.child.pid, None)

    def _end_for_person(self, slot: Slot) -> None:
        assert slot.running is not None
        self._outcomes.end_for_person(slot.running, slot.stage, slot.child.pid)

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
                self._outcomes.put_back(
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
        if slot.running is not None:
            self._look_for_gpu_answer(slot.running)
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
            self._no_worker_starts(f"{_MOST_FAILED_STARTS} workers in a row {how} before they were ready")
        self._events.warning(EventKind.WORKER, f"an idle worker {how}", pid=slot.child.pid)

    def _no_worker_starts(self, why: str) -> None:
        """Another machine holds, and tries again; without a worker on the engine's own the run ends."""
        if not self._host.name:
            self.fatal_problem = f"{why}: see logs/"
            return
        detail = f"{why}: `photostat host` there has printed why. New ones are started again and again"
        if self._holds.no_worker_starts(detail, time.monotonic()):
            self._events.warning(EventKind.HOLD, detail)

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
