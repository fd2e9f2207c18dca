"""Faults that no image's bytes show: one may be the image's, a second in a row from another image is the engine's.

Then the engine holds, what failed goes back to pending, and from time to time the stage tries again.
"""

from __future__ import annotations

import time

from engine.failures import Failure
from engine.ledger.filters import Selection
from engine.ledger.models import Subject
from engine.ledger.states import EventKind
from engine.supervisor.context import RunContext


class UnexplainedFaults:
    """Of one stage."""

    def __init__(self, run: RunContext) -> None:
        self._run = run
        self._suspects: set[int] = set()
        """Images that failed so since the last one that did not."""
        self._resumes = 0
        self._judged: set[int] = set()
        """Images that failed so before a person resumed, or others went through: if they fail again, they fail."""

    def failed(self, subject: Subject, failure: Failure) -> None:
        """The image has just failed without a reason in its bytes; a second one in a row begins a hold."""
        holds, image_id = self._run.holds, subject.image_id
        if self._resumes != holds.resumes:
            self._judged |= self._suspects
            self._suspects, self._resumes = set(), holds.resumes
        if image_id in self._judged:
            return
        self._suspects.add(image_id)
        if len(self._suspects) < 2:
            return
        detail = (
            f"{len(self._suspects)} images in a row could not be converted for a reason that is not in them: "
            f"{failure.message} ({subject.target}). `photostat resume` continues; if the fault lasts, these images fail"
        )
        if holds.unexpected(detail, time.monotonic()):
            self._run.events.warning(EventKind.HOLD, detail)
        self._run.ledger.requeue(Selection(ids=tuple(self._suspects)))

    def worked(self) -> None:
        """An image went through the stage."""
        if len(self._suspects) >= 2:
            self._judged |= self._suspects
            if self._run.holds.unexpected_ended():
                self._run.events.info(EventKind.END_OF_HOLD, "other images go through")
        self._suspects.clear()
