"""The first stage: the scout reads headers ahead of the workers, to put the largest first and start what fits.

A source that is not there, whoever misses it, is a doubt first: the scout looks again, and judges by other sources
of the ledger whether the share is away. Only then may it fail."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from engine.failures import SOURCE_CAUSES, Cause, Failure, Stage
from engine.ledger.states import EventKind
from engine.messages import (
    MissingSource,
    NotSurveyed,
    ProbeSource,
    SourceDiagnosis,
    SourceProbed,
    Surveyed,
    SurveyRequest,
)
from engine.processes.child import Child
from engine.processes.surveyor import surveyor_main
from engine.supervisor.context import Run

_TOGETHER = 32
_PATIENCE_S = 60.0
"""A share that has not answered for so long is away."""


_ASKED_TWICE = 2


@dataclass(frozen=True)
class Verdict:
    """What became of a doubt."""

    away: str | None = None
    """Why the engine holds for the share; the image is not at fault."""
    found: Surveyed | NotSurveyed | None = None
    """What its source is like now; None where nobody could look."""


@dataclass
class _Open:
    """A doubt that waits for the scout's answer."""

    doubt: MissingSource
    settle: Callable[[Verdict], None]
    asked: int = 0


class Surveying:
    def __init__(self, run: Run) -> None:
        self._run = run
        self._scout: Child | None = None
        self._asked: dict[int, SurveyRequest] = {}
        self._asked_at = 0.0
        self._one_by_one = 0
        """So many requests go out singly, because one of them took a scout down."""
        self._probing = False
        self._doubts: deque[_Open] = deque()
        """The first one is with the scout."""
        self.failures = 0
        self.exhausted = False
        """No pending image is without a survey."""

    @property
    def busy(self) -> bool:
        return bool(self._asked)

    def hear(self) -> None:
        """Take in what the scout found."""
        if self._scout is None:
            return
        for message in self._scout.messages():
            match message:
                case SourceProbed():
                    self._probing = False
                    if self._run.holds.source_probed(message.fault, time.monotonic()):
                        self._run.journal.info(EventKind.END_OF_HOLD, "the sources are there again")
                case SourceDiagnosis():
                    self._judged(message)
                case _:
                    self._take(message)
        if self._scout.exit_code is not None:
            self._replace_scout(self._scout)

    def doubt(self, request: SurveyRequest, settle: Callable[[Verdict], None]) -> None:
        """A source that could not be read: `settle` is told, in a later turn, whether the share is away."""
        self._doubts.append(_Open(self._missing(request), settle))

    def work(self, now: float, *, ahead: bool) -> None:
        """Settle doubts, ask whether a source that went away is back, and, if `ahead`, send the scout on."""
        holds = self._run.holds
        if self._waits_for and now - self._asked_at > _PATIENCE_S:
            request = self._waits_for
            why = f"{request.source_path}: no answer for {_PATIENCE_S:.0f} s: the share hangs"
            self._hold(why, self._missing(request))
        if holds.source_wants_probe() and not self._probing:
            self._probing = True
            self._send(ProbeSource(holds.source_suspects))
        if not holds.may_survey:
            self._let_go_of_doubts(holds.source_detail)
        elif self._doubts and not self._asked:
            self._ask_next(now)
        if not ahead or self._asked or self._doubts or not holds.may_survey:
            return
        requests = self._run.ledger.queue.to_survey(self._run.batches, 1 if self._one_by_one else _TOGETHER)
        self.exhausted = not requests
        if requests:
            self._one_by_one = max(0, self._one_by_one - 1)
            self._asked = {request.image_id: request for request in requests}
            self._asked_at = now
            self._send(requests)

    def _missing(self, request: SurveyRequest) -> MissingSource:
        return MissingSource(request, self._run.ledger.neighbours_of(request.image_id))

    def close(self) -> None:
        if self._scout is not None:
            self._run.unwatch(self._scout)
            self._scout.kill()
            self._scout.close()
            self._scout = None

    def _send(self, message: object) -> None:
        if self._scout is None:
            self._scout = Child("photostat-scout", surveyor_main, self._run.source_root)
            self._run.watch(self._scout)
        self._scout.send(message)

    @property
    def _waits_for(self) -> SurveyRequest | None:
        """What the scout has not answered yet."""
        if self._doubts and self._doubts[0].asked:
            return self._doubts[0].doubt.request
        return next(iter(self._asked.values()), None)

    def _ask_next(self, now: float) -> None:
        first = self._doubts[0]
        if not first.asked:
            first.asked, self._asked_at = 1, now
            self._send(first.doubt)

    def _judged(self, answer: SourceDiagnosis) -> None:
        if not self._doubts or self._doubts[0].doubt.request.image_id != answer.found.image_id:
            return  # it was let go of while the share hung
        first = self._doubts.popleft()
        if answer.away is not None and self._hold(answer.away, first.doubt):
            first.settle(Verdict(away=answer.away))
            self._let_go_of_doubts(answer.away)
        else:
            first.settle(Verdict(found=answer.found))

    def _let_go_of_doubts(self, why: str) -> None:
        """The engine holds for the share: none of these images is at fault."""
        while self._doubts:
            self._doubts.popleft().settle(Verdict(away=why))

    def _take(self, results: Sequence[Surveyed | NotSurveyed]) -> None:
        asked, self._asked = self._asked, {}
        self._run.ledger.surveyed([result for result in results if isinstance(result, Surveyed)])
        for result in results:
            if isinstance(result, Surveyed):
                self._run.holds.source_worked()
                continue
            request = asked[result.image_id]
            if result.failure.cause in SOURCE_CAUSES:
                self.doubt(request, partial(self._settle, request, result.failure))
            else:
                self._failed(request, result.failure)

    def _settle(self, request: SurveyRequest, failure: Failure, verdict: Verdict) -> None:
        """A source that the scout itself did not find."""
        if verdict.away is not None:
            return  # it is pending, and surveyed when the share is back
        if isinstance(verdict.found, Surveyed):
            self._run.ledger.surveyed([verdict.found])
            self._run.holds.source_worked()
        else:
            self._failed(request, verdict.found.failure if verdict.found else failure)

    def _hold(self, why: str, doubt: MissingSource) -> bool:
        holds = self._run.holds
        was_open = holds.may_survey
        away = holds.source_away(why, doubt, time.monotonic())
        if away and was_open:
            self._run.journal.warning(EventKind.HOLD, why)
        return away

    def _failed(self, request: SurveyRequest, failure: Failure) -> None:
        self.failures += 1
        subject = self._run.ledger.subject(request.image_id)
        self._run.ledger.failed(request.image_id, failure)
        self._run.journal.error(EventKind.FAILED, f"{failure.cause}: {failure.message}", subject)

    def _replace_scout(self, scout: Child) -> None:
        said = self._run.kills.describe(scout)
        self._run.unwatch(scout)
        scout.close()
        self._scout, self._probing = None, False
        asked, self._asked = self._asked, {}
        self._run.journal.warning(
            EventKind.SURVEYOR, f"the scout {said}; a new one takes over", pid=scout.pid
        )
        if len(asked) == 1 and not self._run.kills.was_oom_killed(scout):
            (request,) = asked.values()
            message = f"the process that read its header {said}"
            self._failed(request, Failure(Cause.WORKER_CRASHED, Stage.READING, message))
        self._one_by_one = max(self._one_by_one, len(asked) if len(asked) > 1 else 0)
        if self._doubts and self._doubts[0].asked:
            self._ask_again()

    def _ask_again(self) -> None:
        """The scout died over a doubt; of the same one a second time, it is settled without its word."""
        first = self._doubts[0]
        if first.asked < _ASKED_TWICE:
            first.asked += 1
            self._send(first.doubt)
        else:
            self._doubts.popleft().settle(Verdict())
