"""The first stage: the surveyor reads headers ahead of the workers, so that the largest images that fit start first.

A source that is not there, whoever misses it, is diagnosed before its image fails: the surveyor looks again, and checks
other sources of the ledger to find out whether the whole share is away. If it is, the engine holds and no image fails.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from functools import partial

from msgspec import Struct

from engine.failures import SOURCE_CAUSES, UNEXPLAINED, Cause, Failure, Stage
from engine.hosts.base import At, describe_end
from engine.ledger.states import EventKind
from engine.messages import (
    MissingSource,
    NotSurveyed,
    ProbeSource,
    ReadSource,
    ShareAway,
    SourceDiagnosis,
    SourceProbed,
    Surveyed,
    SurveyProgress,
    SurveyRequest,
)
from engine.processes.child import Child
from engine.processes.mains import surveyor_main
from engine.supervisor.context import HostContext
from engine.supervisor.unexplained import UnexplainedFaults

SURVEYOR = "photostat-surveyor"
_REQUESTS_AT_ONCE = 32
_SILENT_AFTER_S = 60.0
"""A surveyor reports every second what it reads; one that says nothing at all for so long does not run."""
_GONE = "a person has resumed the run, and the sources are still missing: they count as gone"
_MOST_DIAGNOSES = 2
"""The surveyor may end so often over one missing source; then the outcome is that nobody could look."""


class SourceOutcome(Struct, frozen=True):
    """What was found out about a missing source."""

    away: str | None = None
    """Why the engine holds for the share; the image is not at fault."""
    found: Surveyed | NotSurveyed | None = None
    """The source as it is now; None if it could not be checked."""


OnOutcome = Callable[[SourceOutcome], None]
DiagnoseSource = Callable[[SurveyRequest, OnOutcome], None]


class _Diagnosis(Struct):
    """A missing source, until the surveyor has answered."""

    request: SurveyRequest
    on_outcome: OnOutcome
    in_flight: bool
    """A worker had the image; the outcome is wanted even if nothing new is begun."""
    missing: MissingSource | None = None
    """What the surveyor was asked."""
    times_asked: int = 0


class Surveying:
    def __init__(self, here: HostContext) -> None:
        """It runs on the engine's machine, `here`."""
        self._here = here
        self._run, self._holds = here.run, here.holds
        self._surveyor: Child | None = None
        self._asked: dict[int, SurveyRequest] = {}
        """The requests that the surveyor has not answered yet."""
        self._outdated: set[int] = set()
        """Those of them whose answers do not count any more."""
        self._asked_at = 0.0
        self._reading: tuple[int, float] | None = None
        """The image whose header is being read, and since when, as the surveyor has said."""
        self._probes = 0
        self._one_by_one = 0
        """So many requests are sent one at a time, because the surveyor ended over one of them."""
        self._probing = False
        self._diagnoses: deque[_Diagnosis] = deque()
        """Only the first one is with the surveyor."""
        self._may_begin = True
        """False while the engine is paused or leaves: sources are left alone, and so are images that no worker had."""
        self._deaths: dict[int, int] = {}
        """How often the surveyor ended while it had this image alone."""
        self._faults = UnexplainedFaults(self._run)
        self.failures = 0
        self.read = 0
        """Headers that were read, or that could not be."""
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
                case SourceProbed() if self._probing:
                    self._probing = False
                    if message.fault is None:
                        self._here.hung_images.share_answers()
                    if self._holds.source_probed(message.fault, time.monotonic()):
                        end = "the sources are there again" if message.fault is None else _GONE
                        self._run.events.info(EventKind.END_OF_HOLD, end)
                case SourceDiagnosis():
                    self._take_diagnosis(message)
                case SurveyProgress():
                    self._take_surveys(message)
        if self._surveyor.exit_code is not None:
            self._replace(self._surveyor)

    def diagnose(self, request: SurveyRequest, on_outcome: OnOutcome) -> None:
        """Find out why a worker could not read a source; a later turn of the loop calls `on_outcome`."""
        self._diagnoses.append(_Diagnosis(request, on_outcome, in_flight=True))

    def work(self, now: float, *, look_ahead: bool) -> None:
        """Ask about missing sources, probe a share that was away, and, if `look_ahead`, survey more images.

        If nothing may begin, only images that workers had are diagnosed."""
        holds = self._holds
        self._give_up_if_hanging(now)
        if self._may_begin and holds.source_wants_probe() and not self._probing:
            self._probe(now)
        if not holds.may_survey:
            self._end_diagnoses(holds.source_detail)
            return
        if self._diagnoses and not self._asked:
            self._ask_first_diagnosis(now)
        if (
            self._may_begin
            and look_ahead
            and self._run.holds.may_try
            and not self._asked
            and not self._diagnoses
        ):
            self._ask_surveys(now)

    def forget(self, images: frozenset[int]) -> None:
        """These pending images have another source now, or have failed: what is asked about them does not count."""
        self._outdated |= images & self._asked.keys()
        self._diagnoses = deque(
            diagnosis
            for diagnosis in self._diagnoses
            if diagnosis.in_flight or diagnosis.request.image_id not in images
        )

    def close(self) -> None:
        if self._surveyor is not None:
            self._run.children.dismiss(self._surveyor, self._at)
            self._surveyor = None

    # -- to the surveyor ----

    def _send(self, message: object) -> None:
        if self._surveyor is None:
            self._surveyor = self._run.children.start(SURVEYOR, surveyor_main, self._run.source_root)
        self._surveyor.send(message)

    def _ask_surveys(self, now: float) -> None:
        count = 1 if self._one_by_one or self._run.holds.only_tries else _REQUESTS_AT_ONCE
        hung = self._here.hung_images
        found = self._run.ledger.queue.to_survey(self._run.batches, count + len(hung))
        requests = [request for request in found if hung.may_start(request.image_id, now)][:count]
        self.all_surveyed = not requests
        if requests:
            self._one_by_one = max(0, self._one_by_one - 1)
            self._asked = {request.image_id: request for request in requests}
            self._asked_at, self._reading = now, None
            self._send(requests)

    def _ask_first_diagnosis(self, now: float) -> None:
        first = self._diagnoses[0]
        if first.missing is None:
            first.missing = self._missing(first.request)
            first.times_asked, self._asked_at = 1, now
            self._send(first.missing)

    def _probe(self, now: float) -> None:
        """Look at the sources that were missing, or, if sources did not answer, read the beginning of one."""
        holds = self._holds
        if not self._here.hung_images.may_give_up(SURVEYOR):
            holds.source_probed(holds.source_detail, now)
            return
        self._probing, self._asked_at = True, now
        self._probes += 1
        if not holds.source_must_be_read:
            self._send(ProbeSource(holds.source_suspects))
            return
        suspects = [missing.request.source_path for missing in holds.source_suspects]
        others = [other.source_path for missing in holds.source_suspects for other in missing.neighbours]
        paths = [path for path in dict.fromkeys(others) if path not in suspects] + suspects
        self._send(ReadSource(paths[(self._probes - 1) % len(paths)]))

    def _give_up_if_hanging(self, now: float) -> None:
        """Leave the surveyor to the read that does not return, and let another one go on with the other images."""
        hung, surveyor = self._here.hung_images, self._surveyor
        request, since = self._unanswered, self._unanswered_since
        if surveyor is None or now - since <= hung.hangs_after_s or not (request or self._probing):
            return
        if self._probing:
            self._probing = False
            self._holds.source_probed(self._holds.source_detail, now)
        elif request is not None and self._may_begin and not hung.may_give_up(SURVEYOR):
            if self._holds.may_survey:
                hung.all_hang(self._missing(request), now - since, now)
            return
        self._run.children.dismiss(surveyor, self._at)
        self._surveyor, self._asked, self._reading = None, {}, None
        self._outdated.clear()
        if request is None:
            return
        hung.hangs(self._run.ledger.subject(request.image_id), self._missing(request), now - since, now)
        if self._diagnoses and self._diagnoses[0].times_asked:
            away = f"{request.source_path}: no answer for {now - since:.0f} s"
            self._diagnoses.popleft().on_outcome(SourceOutcome(away=away))

    @property
    def _unanswered_since(self) -> float:
        """When the surveyor began what it has not answered."""
        if self._reading is not None and not self._probing:
            return self._reading[1]
        if self._asked:  # it has not said which it reads: it may just not get a processor
            return self._asked_at + _SILENT_AFTER_S
        return self._asked_at

    @property
    def _unanswered(self) -> SurveyRequest | None:
        """A request that the surveyor has not answered yet."""
        if self._diagnoses and self._diagnoses[0].times_asked:
            return self._diagnoses[0].request
        if self._reading is not None:
            return self._asked.get(self._reading[0])
        return next(iter(self._asked.values()), None)

    @property
    def _at(self) -> At:
        """What the surveyor has had longest."""
        request = self._unanswered
        return At(request.source_path, request.image_id) if request else At()

    def _missing(self, request: SurveyRequest) -> MissingSource:
        return MissingSource(request, self._run.ledger.neighbours_of(request.image_id))

    # -- from the surveyor ----

    def _take_surveys(self, progress: SurveyProgress) -> None:
        asked, results = self._asked, progress.found
        answered = {result.image_id for result in results}
        self._asked = {image_id: asked[image_id] for image_id in asked if image_id not in answered}
        self._reading = None
        if progress.reading is not None:
            self._reading = (progress.reading, time.monotonic() - progress.reading_s)
        results = tuple(result for result in results if result.image_id not in self._outdated)
        self._outdated -= answered
        self._run.ledger.surveyed([result for result in results if isinstance(result, Surveyed)])
        for result in results:
            if isinstance(result, Surveyed):
                self.read += 1
                self._faults.worked()
                self._holds.source_worked()
                self._holds.source_read(asked[result.image_id].source_path, self._asked_at)
                self._here.hung_images.read(result.image_id, self._asked_at)
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
            self.read += 1
            self._run.ledger.surveyed([outcome.found])
            self._holds.source_worked()
            self._holds.source_read(request.source_path, self._asked_at)
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
        holds = self._holds
        was_open = holds.may_survey
        is_away = holds.source_away(away, missing, time.monotonic())
        if is_away and was_open:
            self._run.events.warning(EventKind.HOLD, away.detail)
        return is_away

    def _fail(self, request: SurveyRequest, failure: Failure) -> None:
        self.failures += 1
        self.read += 1
        subject = self._run.ledger.subject(request.image_id)
        self._run.fail(subject, failure)
        if failure.cause in UNEXPLAINED:
            self._faults.failed(subject, failure)
        else:
            self._faults.worked()

    # -- a surveyor that has ended ----

    def _replace(self, ended: Child) -> None:
        how = describe_end(self._here.host, ended)
        self._run.children.dismiss(ended)
        self._surveyor, self._probing, self._reading = None, False, None
        asked, self._asked = self._asked, {}
        asked = {image: request for image, request in asked.items() if image not in self._outdated}
        self._outdated.clear()
        self._run.events.warning(
            EventKind.SURVEYOR, f"the surveyor {how}; a new one takes over", pid=ended.pid
        )
        if len(asked) == 1 and not self._here.host.was_oom_killed(ended):
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
