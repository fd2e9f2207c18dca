"""What follows for an image when an attempt at it has ended: it is converted, tried again, put back, or failed."""

from __future__ import annotations

import time

from engine.failures import RETRYABLE, SOURCE_CAUSES, UNEXPLAINED, Cause, Failure, Stage
from engine.formatting import data_size, decibels, measured_time
from engine.ledger.models import PendingImage, Subject
from engine.ledger.states import EventKind
from engine.messages import (
    Converted,
    MissingSource,
    NotConverted,
    PixelsBy,
    ShareAway,
    Surveyed,
    SurveyRequest,
)
from engine.supervisor.context import HostContext
from engine.supervisor.other_sources import digest_to_compare, other_than_here
from engine.supervisor.surveying import DiagnoseSource, SourceOutcome
from engine.supervisor.unexplained import UnexplainedFaults
from engine.supervisor.worker_pool import RunningAttempt


class AttemptOutcomes:
    """Of the attempts on one host."""

    def __init__(self, context: HostContext, diagnose: DiagnoseSource) -> None:
        """`diagnose` explains a source that is missing."""
        self._context = context
        self._run, self._host, self._holds = context.run, context.host, context.holds
        self._events = context.events
        self._diagnose = diagnose
        self._in_diagnosis: dict[int, RunningAttempt] = {}
        """Images whose worker could not read the source; in flight until it is known whose fault that is."""
        self._faults = UnexplainedFaults(context.run, on=context)
        self.failures = 0

    @property
    def in_diagnosis(self) -> int:
        """How many images wait until it is known why their source could not be read."""
        return len(self._in_diagnosis)

    def end_diagnoses(self, why: str) -> None:
        """Put back the images that wait for one."""
        for image_id in list(self._in_diagnosis):
            self.put_back(self._in_diagnosis.pop(image_id), why)

    def converted(self, image: PendingImage, result: Converted, pid: int) -> None:
        """Its JPEG is on scratch, and the caller's to pass on."""
        self._run.ledger.converted(result, self._host.name)
        self._faults.worked()
        sizes = f"{data_size(result.source_bytes)} to {data_size(result.jpeg_bytes)}"
        times = f"{measured_time(result.wall_s)}, CPU {measured_time(result.cpu_s)}"
        by_gpu = ", decoded by the GPU" if result.decoded == PixelsBy.GPU else ""
        message = f"{sizes}, PSNR {decibels(result.psnr_db)}, {times}{by_gpu}"
        self._events.info(EventKind.CONVERTED, message, image.subject, pid)
        for warning in result.warnings:
            self._events.warning(EventKind.WARNING, warning, image.subject, pid)

    def ask_for_diagnosis(self, attempt: RunningAttempt, facts: NotConverted, pid: int) -> None:
        """Let the surveyor find out whether this source is at fault or the share is away; the image waits for it."""
        image = attempt.image
        self._in_diagnosis[image.image_id] = attempt

        def on_outcome(outcome: SourceOutcome) -> None:
            if self._in_diagnosis.pop(image.image_id, None) is None:
                return
            if outcome.away is not None:
                self.put_back(attempt, outcome.away, pid)
            else:
                self._diagnosed(attempt, facts, pid, outcome)

        digest = digest_to_compare(facts) if self._host.name else ""
        self._diagnose(SurveyRequest(image.image_id, image.source, image.uuid, digest), on_outcome)

    def _diagnosed(
        self, attempt: RunningAttempt, facts: NotConverted, pid: int, outcome: SourceOutcome
    ) -> None:
        """No share is away for the engine's machine."""
        image, found = attempt.image, outcome.found
        other = other_than_here(image.source, facts, found) if self._host.name else None
        is_back = isinstance(found, Surveyed) and facts.failure.cause in SOURCE_CAUSES
        if other is not None and self._is_wrong_here_alone(image, other):
            self.put_back(attempt, other, pid)
        else:
            self.not_converted(attempt, facts.failure, pid, facts, source_is_back=is_back)
        if isinstance(found, Surveyed):
            self._run.ledger.surveyed([found])  # which counts only if it is pending again

    def _is_wrong_here_alone(self, image: PendingImage, detail: str) -> bool:
        """The engine sees this source and its host does not: that is the host's fault, and holds it. False if a person
        has said that such sources are gone."""
        was_open = self._holds.may_survey
        missing = MissingSource(SurveyRequest(image.image_id, image.source, image.uuid), ())
        away = ShareAway(image.source.rpartition("/")[0], detail)
        is_away = self._holds.source_away(away, missing, time.monotonic())
        if is_away and was_open:
            self._events.warning(EventKind.HOLD, detail)
        return is_away

    def not_converted(
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
        self.remove_leftovers(attempt)
        if failure.cause is Cause.DISK_FULL:
            self._context.hold_for_disk(failure.message, image.source_bytes)
            self.put_back(attempt, failure.message, pid)
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
        retries = self._run.config.engine.retries
        if source_is_back:  # an image whose source is there does not fail without another look
            return attempt.number <= max(1, retries)
        return failure.cause in RETRYABLE and attempt.number <= retries

    def put_back(self, attempt: RunningAttempt, why: str, pid: int | None = None) -> None:
        """Pending again; the attempt does not count."""
        self._run.ledger.back_to_pending(attempt.image.image_id, why, counts=False)
        self._events.info(EventKind.PUT_BACK, why, attempt.image.subject, pid)
        self.remove_leftovers(attempt)

    def remove_leftovers(self, attempt: RunningAttempt) -> None:
        """Remove what a worker that has ended left of this attempt on scratch."""
        self._host.scratch.remove_attempt(attempt.image.image_id, attempt.number)

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

    def end_for_person(self, attempt: RunningAttempt, stage: Stage, pid: int) -> None:
        """A person has ended the attempt: the image fails, or waits behind all others."""
        assert attempt.set_aside is not None
        order, image = attempt.set_aside, attempt.image
        self.remove_leftovers(attempt)
        if order.fails:
            failure = order.failure(stage, time.monotonic() - attempt.started)
            self.fail_for_person(image.subject, failure, pid)
            return
        self._run.ledger.back_to_pending(image.image_id, order.words, counts=False)
        self._run.skipped.add(image.image_id)
        self._events.info(EventKind.SKIP, f"{order.words}: it waits behind all others", image.subject, pid)
