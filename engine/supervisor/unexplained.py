"""Faults that no image's bytes show: one may be the image's, a second in a row from another image is the engine's.

Then the engine holds, what failed goes back to pending, and from time to time the stage tries again. What a store
refuses, or has another object for, may be true of each image: a few in a row fail, and are tried once more when the
store has taken another image. More are a hold, because then it is more likely that the store is not the right one. If
these images are right to fail, a person resumes: then ten times as many may fail in a row before the next hold, so that
a long series ends after a few questions.
"""

from __future__ import annotations

import time

from engine.failures import Cause, Failure
from engine.formatting import counted, integer
from engine.ledger.models import Subject
from engine.ledger.states import EventKind
from engine.supervisor.context import HostContext, RunContext

_IN_A_ROW = 2
_OF_THE_STORE = frozenset({Cause.STORE_MISMATCH, Cause.STORE_DENIED})
"""What the store says of one object, and not of others."""
_REFUSED_IN_A_ROW = 4
_MORE_AFTER_RESUME = 10
"""Times as many, after each resume."""


class UnexplainedFaults:
    """Of one stage; `done` is what it does to images."""

    def __init__(self, run: RunContext, done: str = "converted", on: HostContext | None = None) -> None:
        """`on` is the machine that it is done on: another one than the engine's holds alone."""
        self._run = run
        self._hold = on.holds if on is not None and on.host.name else run.holds
        self._events = on.events if on is not None else run.events
        self._done = done
        self._suspects: dict[int, Cause] = {}
        """Images that failed so since the last one that did not."""
        self._is_holding = False
        """There are so many that they are back to pending."""
        self._refused_in_a_row = _REFUSED_IN_A_ROW
        self._resumes = 0
        self._judged: set[int] = set()
        """Images that failed so before a person resumed, or others went through: if they fail again, they fail."""

    def failed(self, subject: Subject, failure: Failure) -> None:
        """The image has just failed without a reason in its bytes; so many in a row begin a hold."""
        if self._resumes != self._run.holds.resumes:
            self._resumed()
        image_id = subject.image_id
        if image_id in self._judged:
            return
        self._suspects[image_id] = failure.cause
        if not self._is_holding and len(self._suspects) < self._most_in_a_row:
            return
        detail = self._detail(subject, failure)
        if self._hold.unexpected(detail, time.monotonic()):
            self._events.warning(EventKind.HOLD, detail)
        back = (image_id,) if self._is_holding else tuple(self._suspects)
        self._is_holding = True
        self._run.ledger.give_back(back)

    def worked(self) -> None:
        """An image went through the stage."""
        if self._is_holding:
            self._judged |= self._suspects.keys()
            if self._hold.unexpected_ended():
                self._events.info(EventKind.END_OF_HOLD, "other images go through")
        elif self._are_refused:  # perhaps it was the store's; the second time it is theirs
            self._judged |= self._suspects.keys()
            self._run.ledger.give_back(tuple(self._suspects))
        self._suspects, self._is_holding = {}, False
        self._refused_in_a_row = _REFUSED_IN_A_ROW

    def _resumed(self) -> None:
        """A person says that these images may fail."""
        self._resumes = self._run.holds.resumes
        if self._is_holding and self._are_refused:
            self._refused_in_a_row *= _MORE_AFTER_RESUME
        self._judged |= self._suspects.keys()
        self._suspects, self._is_holding = {}, False

    @property
    def _are_refused(self) -> bool:
        return bool(self._suspects) and _OF_THE_STORE.issuperset(self._suspects.values())

    @property
    def _most_in_a_row(self) -> int:
        return self._refused_in_a_row if self._are_refused else _IN_A_ROW

    def _detail(self, subject: Subject, failure: Failure) -> str:
        images = counted(len(self._suspects), "image")
        facts = (
            f"{images} in a row could not be {self._done} for a reason that is not in them: {failure.message}"
        )
        if not self._are_refused:
            return f"{facts} ({subject.target}). `photostat resume` continues; if the fault lasts, these images fail"
        more = integer(self._refused_in_a_row * _MORE_AFTER_RESUME)
        return (
            f"{facts}. Is this the right store? See url under [store]. If these images are right to fail, "
            f"`photostat resume` lets them, and the next hold comes after {more} in a row"
        )
