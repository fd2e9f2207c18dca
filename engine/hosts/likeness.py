"""A host shows the engine that it makes the same bytes, and sees the same sources and the same store.

Each is done by a process of its own: a library that is missing, a share that hangs, or too little memory costs the host
nothing but the answer.
"""

from __future__ import annotations

from pathlib import Path

from engine.conversion.specimens import Conversions, difference
from engine.hosts.children import Children
from engine.hosts.examination import NOTHING_CONVERTED, Examination
from engine.hosts.libraries import libraries
from engine.hosts.wire import Compared, CompareShare, Greet
from engine.messages import Concerns, KnownStore, Problem
from engine.processes.examiner import Alike, Compare, ConvertSpecimens, seen_words

_TRIES_AGAIN_AFTER_S = 30.0


class Likeness:
    """On the host's side, from the greeting on."""

    def __init__(self, children: Children, greet: Greet, directory: Path, name: str) -> None:
        """`directory` is where files can be written, `name` the host's."""
        self._children = children
        self._greet = greet
        self._directory = directory
        self._name = name
        self._specimens: Examination | None = self._convert()
        self._not_before = 0.0
        self._comparison: Examination | None = None
        self._order: CompareShare | None = None
        self.is_known = False
        """Whether this machine makes the same bytes."""
        self.other_bytes: str | None = None
        """Why it may not join."""
        self.unable: str | None = None
        """Why it can convert nothing for now."""

    def compare(self, order: CompareShare) -> None:
        """Look whether sources and store are the engine's."""
        if self._comparison is not None:
            self._comparison.close()
        known, greet = KnownStore(self._greet.owner, host=self._name), self._greet
        question = Compare(order.shown, greet.store, greet.root, known)
        paths = [source.path for source in order.shown.sources]
        what = f"{seen_words(paths, greet.store.url)} cannot be compared here"
        self._comparison = Examination(self._children, question, Concerns.SOURCES, what)
        self._order = order

    def look(self, now: float) -> Compared | None:
        """Called often; returns what came of a comparison."""
        self._look_at_specimens(now)
        if self._comparison is None or self._order is None:
            return None
        answer = self._comparison.answer(now)
        if answer is None:
            return None
        self._comparison.close()
        compared = Compared(self._order.number, answer if isinstance(answer, Problem) else None)
        assert isinstance(answer, Problem | Alike)
        self._comparison = self._order = None
        return compared

    def close(self) -> None:
        for examination in (self._specimens, self._comparison):
            if examination is not None:
                examination.close()
        self._specimens = self._comparison = None

    def _look_at_specimens(self, now: float) -> None:
        if self._specimens is None:
            if self.unable is not None and now >= self._not_before:
                self._specimens = self._convert()
            return
        answer = self._specimens.answer(now)
        if answer is None:
            return
        self._specimens.close()
        self._specimens, self.is_known = None, True
        self._not_before = now + _TRIES_AGAIN_AFTER_S
        self.unable = answer.why if isinstance(answer, Problem) else None
        if isinstance(answer, Conversions):
            self.other_bytes = difference(self._greet.specimens, answer, libraries())

    def _convert(self) -> Examination:
        question = ConvertSpecimens(self._directory)
        return Examination(self._children, question, Concerns.CODECS, NOTHING_CONVERTED)
