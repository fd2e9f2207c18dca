"""The first stage: the surveyor reads headers ahead of the workers, so that the largest images that fit start first.

A source that is not there, whoever misses it, is diagnosed before its image fails: the surveyor looks again, and checks
other sources of the ledger to find out whether the whole share is away. If it is, the engine holds and no image fails.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import PurePath

from engine.failures import SOURCE_CAUSES, UNEXPLAINED, Cause, Failure, Stage
from engine.ledger.states import EventKind
from engine.messages import (
    MissingSource,
    NotSurveyed,
    ProbeSource,
    ShareAway,
    SourceDiagnosis,
    SourceProbed,
    Surveyed,
    SurveyRequest,
)
from engine.processes.child import Child
from engine.processes.surveyor import surveyor_main
from engine.supervisor.children import At
from engine.supervisor.context import RunContext
from engine.supervisor.unexplained import UnexplainedFaults

_REQUESTS_AT_ONCE = 32
_HANGS_AFTER_S = 60.0
"""A share that has not answered for so long is away."""
_GONE = "a person has resumed the run, and the sources are still missing: they count as gone"
_MOST_DIAGNOSES = 2
"""The surveyor may end so often over one missing source; then the outcome is that nobody could look."""


@dataclass(frozen=True)
class SourceOutcome:
    """What was found out about a missing source."""

    away: str | None = None
    """Why the engine holds for the share; the image is not at fault."""
    found: Surveyed | NotSurveyed | None = None
    """The source as it is now; None if it could not be checked."""


OnOutcome = Callable[[SourceOutcome], None]
DiagnoseSource = Callable[[SurveyRequest, OnOutcome], None]


@dataclass
class _Diagnosis:
    """A missing source, until the surveyor has answered."""

    request: SurveyRequest
    on_outcome: OnOutcome
    in_flight: bool
    """A worker had the image; the outcome is wanted even if nothing new is begun."""
    missing: MissingSource | None = None
    """What the surveyor was asked."""
    times_asked: int = 0


class Surveying:
    def __init__(self, run: RunContext) -> None:
        self._run = run
        self._surveyor: Child | None = None
        self._asked: dict[int, SurveyRequest] = {}
        """The requests that the surveyor has not answered yet."""
        self._asked_at = 0.0
        self._one_by_one = 0
        """So many requests are sent one at a time, because the surveyor ended over one of them."""
        self._probing = False
        self._diagnoses: deque[_Diagnosis] = deque()
        """Only the first one is with the surveyor."""
        self._may_begin = True
        """False while the engine is paused or leaves: sources are left alone, and so are images that no worker had."""
        self._deaths: dict[int, int] = {}
        """How often the surveyor ended while it had this image alone."""
        self._faults = UnexplainedFaults(run)
        self.failures = 0
        self.all_surveyed = False
        """Every pending image has been surveyed."""

    def receive(self, *, may_begin: bool) -> None:
        """Take what the surveyor has found, and start another one if it has ended."""
        self._may_begin = may_begin
        if not may_begin:
            self._diagnoses = deque(diagnosis for diagnosis in self._diagnoses if diagnosis.in_flight)
        if self._surveyor is None:
            return
        for message in self._surveyor.messages():
            match message:
                case SourceProbed():
                    self._probing = False
                    if self._run.holds.source_probed(message.fault, time.monotonic()):
                        end = "the sources are there again" if message.fault is None else _GONE
                        self._run.events.info(EventKind.END_OF_HOLD, end)
                case SourceDiagnosis():
                    self._take_diagnosis(message)
                case _:
                    self._take_surveys(message)
        if self._surveyor.exit_code is not None:
            self._replace(self._surveyor)

    def diagnose(self, request: SurveyRequest, on_outcome: OnOutcome) -> None:
        """Find out why a worker could not read a source; a later turn of the loop calls `on_outcome`."""
        self._diagnoses.append(_Diagnosis(request, on_outcome, in_flight=True))

    def work(self, now: float, *, look_ahead: bool) -> None:
        """Ask about missing sources, probe a share that was away, and, if `look_ahead`, survey more images.

        If nothing may begin, only images that workers had are diagnosed."""
        holds = self._run.holds
        self._hold_if_hanging(now)
        if self._may_begin and holds.source_wants_probe() and not self._probing:
            self._probing = True
            self._send(ProbeSource(holds.source_suspects))
        if not holds.may_survey:
            self._end_diagnoses(holds.source_detail)
            return
        if self._diagnoses and not self._asked:
            self._ask_first_diagnosis(now)
        if self._may_begin and look_ahead and holds.may_try and not self._asked and not self._diagnoses:
            self._ask_surveys(now)

    def close(self) -> None:
        if self._surveyor is not None:
            self._run.children.dismiss(self._surveyor, self._at)
            self._surveyor = None

    # -- to the surveyor ----

    def _send(self, message: object) -> None:
        if self._surveyor is None:
            self._surveyor = self._run.children.start(
                "photostat-surveyor", surveyor_main, self._run.source_root
            )
        self._surveyor.send(message)

    def _ask_surveys(self, now: float) -> None:
        count = 1 if self._one_by_one or self._run.holds.only_tries else _REQUESTS_AT_ONCE
        requests = self._run.ledger.queue.to_survey(self._run.batches, count)
        self.all_surveyed = not requests
        if requests:
            self._one_by_one = max(0, self._one_by_one - 1)
            self._asked = {request.image_id: request for request in requests}
            self._asked_at = now
            self._send(requests)

    def _ask_first_diagnosis(self, now: float) -> None:
        first = self._diagnoses[0]
        if first.missing is None:
            first.missing = self._missing(first.request)
            first.times_asked, self._asked_at = 1, now
            self._send(first.missing)

    def _hold_if_hanging(self, now: float) -> None:
        unanswered = self._unanswered
        if unanswered is not None and now - self._asked_at > _HANGS_AFTER_S:
            why = f"{unanswered.source_path}: no answer for {_HANGS_AFTER_S:.0f} s: the share hangs"
            away = ShareAway(str(PurePath(unanswered.source_path).parent), why)
            self._hold(away, self._missing(unanswered))

    @property
    def _unanswered(self) -> SurveyRequest | None:
        """A request that the surveyor has not answered yet."""
        if self._diagnoses and self._diagnoses[0].times_asked:
            return self._diagnoses[0].request
        return next(iter(self._asked.values()), None)

    @property
    def _at(self) -> At:
        """What the surveyor has had longest."""
        request = self._unanswered
        if request is None:
            return At()
        return At(request.source_path, request.image_id, self._run.ledger.subject(request.image_id).target)

    def _missing(self, request: SurveyRequest) -> MissingSource:
        return MissingSource(request, self._run.ledger.neighbours_of(request.image_id))

    # -- from the surveyor ----

    def _take_surveys(self, results: Sequence[Surveyed | NotSurveyed]) -> None:
        asked, self._asked = self._asked, {}
        self._run.ledger.surveyed([result for result in results if isinstance(result, Surveyed)])
        for result in results:
            if isinstance(result, Surveyed):
                self._faults.worked()
                self._run.holds.source_worked()
                self._run.holds.source_read(asked[result.image_id].source_path, self._asked_at)
                continue
            if not self._may_begin:
                continue  # it stays pending, and is read again when the run goes on
            request = asked[result.image_id]
            if result.failure.cause in SOURCE_CAUSES:
                on_outcome = partial(self._not_found_by_surveyor, request, result.failure)
                self._diagnoses.append(_Diagnosis(request, on_outcome, in_flight=False))
            else:
                self._fail(request, result.failure)

    def _not_found_by_surveyor(
        self, request: SurveyRequest, failure: Failure, outcome: SourceOutcome
    ) -> None:
        if outcome.away is not None:
            return  # the image is pending, and is surveyed when the share is there again
        if isinstance(outcome.found, Surveyed):
            self._run.ledger.surveyed([outcome.found])
            self._run.holds.source_worked()
            self._run.holds.source_read(request.source_path, self._asked_at)
        else:
            self._fail(request, outcome.found.failure if outcome.found else failure)

    def _take_diagnosis(self, answer: SourceDiagnosis) -> None:
        if not self._diagnoses or self._diagnoses[0].request.image_id != answer.found.image_id:
            return  # it was ended while the share hung
        first = self._diagnoses.popleft()
        if answer.away is not None and first.missing is not None and self._hold(answer.away, first.missing):
            first.on_outcome(SourceOutcome(away=answer.away.detail))
            self._end_diagnoses(answer.away.detail)
        else:
            first.on_outcome(SourceOutcome(found=answer.found))

    def _end_diagnoses(self, away: str) -> None:
        """The engine holds for the share, so that none of these images is at fault."""
        while self._diagnoses:
            self._diagnoses.popleft().on_outcome(SourceOutcome(away=away))

    def _hold(self, away: ShareAway, missing: MissingSource) -> bool:
        holds = self._run.holds
        was_open = holds.may_survey
        is_away = holds.source_away(away, missing, time.monotonic())
        if is_away and was_open:
            self._run.events.warning(EventKind.HOLD, away.detail)
        return is_away

    def _fail(self, request: SurveyRequest, failure: Failure) -> None:
        self.failures += 1
        subject = self._run.ledger.subject(request.image_id)
        self._run.fail(subject, failure)
        if failure.cause in UNEXPLAINED:
            self._faults.failed(subject, failure)
        else:
            self._faults.worked()

    # -- a surveyor that has ended ----

    def _replace(self, ended: Child) -> None:
        how = self._run.oom_kills.describe(ended)
        self._run.children.dismiss(ended)
        self._surveyor, self._probing = None, False
        asked, self._asked = self._asked, {}
        self._run.events.warning(
            EventKind.SURVEYOR, f"the surveyor {how}; a new one takes over", pid=ended.pid
        )
        if len(asked) == 1 and not self._run.oom_kills.was_oom_killed(ended):
            (request,) = asked.values()
            deaths = self._deaths.pop(request.image_id, 0) + 1
            if deaths <= self._run.config.engine.retries:
                self._deaths[request.image_id] = deaths  # it is still pending, and is read again
            else:
                message = f"the process that read its header {how}, {deaths} times"
                self._fail(request, Failure(Cause.WORKER_CRASHED, Stage.READING, message))
        self._one_by_one = max(self._one_by_one, len(asked) if len(asked) > 1 else 0)
        if self._diagnoses and self._diagnoses[0].times_asked:
            self._ask_again()

    def _ask_again(self) -> None:
        first = self._diagnoses[0]
        if first.times_asked < _MOST_DIAGNOSES:
            first.times_asked += 1
            self._send(first.missing)
        else:
            self._diagnoses.popleft().on_outcome(SourceOutcome())
