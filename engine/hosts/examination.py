"""One question to an examiner on this machine, and how long its answer may take."""

from __future__ import annotations

import signal
import time
from typing import Any

from engine.formatting import duration
from engine.hosts.children import Children
from engine.messages import Concerns, Problem
from engine.processes.child import describe_exit
from engine.processes.examiner import Question, examiner_main

EXAMINER = "photostat-examiner"
NOTHING_CONVERTED = "nothing can be converted here"
_WITHIN_S = 60.0
_ENDS_WITHIN_S = 5.0


class Examination:
    def __init__(self, children: Children, question: Question, concerns: Concerns, what: str) -> None:
        """If there is no answer, `concerns` is at fault, and `what` begins the sentence that says so."""
        self._children = children
        self._concerns = concerns
        self._what = what
        self._child = children.start(EXAMINER, examiner_main, question)
        self._began = time.monotonic()
        self._answer: Any = None

    def answer(self, now: float) -> Any:
        """None while it waits for it; a Problem if none has come in time."""
        if self._answer is None:
            self._answer = next(self._child.messages(), None) or self._problem(now)
        return self._answer

    def close(self) -> None:
        """What belongs to the answer goes."""
        self._children.dismiss(self._child, after_s=_ENDS_WITHIN_S)

    def _problem(self, now: float) -> Problem | None:
        if (code := self._child.exit_code) is not None:
            last = next(self._child.messages(), None)
            memory = ": is there memory for it?" if code == -signal.SIGKILL else ""
            how = f"the process that tries it {describe_exit(code)}{memory}"
            return last or Problem(self._concerns, f"{self._what}: {how}")
        if now - self._began > _WITHIN_S:
            how = f"no answer for {duration(_WITHIN_S)}: does something hang?"
            return Problem(self._concerns, f"{self._what}: {how}")
        return None
