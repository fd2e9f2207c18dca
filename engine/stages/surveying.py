"""The first stage: the scout reads headers ahead of the workers, to put the largest first and start what fits."""

from __future__ import annotations

import time
from collections.abc import Sequence

from engine.children import Child, describe_exit
from engine.failures import Cause, Failure, Stage
from engine.messages import NotSurveyed, ProbeSource, SourceProbed, Surveyed, SurveyRequest
from engine.scout import scout_main
from engine.stages.run import Run

_TOGETHER = 32
_PATIENCE_S = 60.0
"""A share that has not answered for so long is away."""


class Surveying:
    def __init__(self, run: Run) -> None:
        self._run = run
        self._scout: Child | None = None
        self._asked: dict[int, SurveyRequest] = {}
        self._asked_at = 0.0
        self._one_by_one = 0
        """So many requests go out singly, because one of them took a scout down."""
        self._probing = False
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
            if isinstance(message, SourceProbed):
                self._probing = False
                if self._run.gates.source_probed(message.trouble, time.monotonic()):
                    self._run.journal.info("go-on", "the sources are there again")
            else:
                self._take(message)
        if self._scout.exit_code is not None:
            self._replace_scout(self._scout)

    def work(self, now: float) -> None:
        """Send the scout on, or ask whether a source that went away is back."""
        gates = self._run.gates
        if self._asked and now - self._asked_at > _PATIENCE_S:
            path = next(iter(self._asked.values())).source_path
            self._hold(f"{path}: no answer for {_PATIENCE_S:.0f} s: the share hangs", path)
        if gates.source_wants_probe() and not self._probing:
            self._probing = True
            self._send(ProbeSource(gates.source_suspects))
        if self._asked or not gates.may_survey:
            return
        requests = self._run.ledger.to_survey(self._run.batches, 1 if self._one_by_one else _TOGETHER)
        self.exhausted = not requests
        if requests:
            self._one_by_one = max(0, self._one_by_one - 1)
            self._asked = {request.image_id: request for request in requests}
            self._asked_at = now
            self._send(requests)

    def close(self) -> None:
        if self._scout is not None:
            self._run.unwatch(self._scout)
            self._scout.kill()
            self._scout.close()
            self._scout = None

    def _send(self, message: object) -> None:
        if self._scout is None:
            self._scout = Child("photostat-scout", scout_main, self._run.source_root)
            self._run.watch(self._scout)
        self._scout.send(message)

    def _take(self, results: Sequence[Surveyed | NotSurveyed]) -> None:
        asked, self._asked = self._asked, {}
        self._run.ledger.surveyed([result for result in results if isinstance(result, Surveyed)])
        for result in results:
            if isinstance(result, Surveyed):
                self._run.gates.source_worked()
                continue
            request = asked[result.image_id]
            if result.away is None or not self._hold(result.away, request.source_path):
                self._failed(request, result.failure)

    def _hold(self, why: str, path: str) -> bool:
        gates = self._run.gates
        was_open = gates.may_survey
        away = gates.source_away(why, path, time.monotonic())
        if away and was_open:
            self._run.journal.warning("hold", why)
        return away

    def _failed(self, request: SurveyRequest, failure: Failure) -> None:
        self.failures += 1
        subject = self._run.ledger.subject(request.image_id)
        self._run.ledger.failed(request.image_id, failure)
        self._run.journal.error("failed", f"{failure.cause}: {failure.message}", subject)

    def _replace_scout(self, scout: Child) -> None:
        said = describe_exit(scout.exit_code)
        self._run.unwatch(scout)
        scout.close()
        self._scout, self._probing = None, False
        asked, self._asked = self._asked, {}
        self._run.journal.warning("scout", f"the scout {said}; a new one takes over", pid=scout.pid)
        if len(asked) == 1:
            (request,) = asked.values()
            message = f"the process that read its header {said}"
            self._failed(request, Failure(Cause.WORKER_CRASHED, Stage.READING, message))
        self._one_by_one = max(self._one_by_one, len(asked) if len(asked) > 1 else 0)
