"""Which images of a kind OpenJPEG decodes as well, and for which kinds the GPU is closed. Pure.

The first images of each kind are decoded by both, and one in many after them. One difference closes the GPU for the
kind. While the first ones have not been compared, every image of the kind is.
"""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct

COMPARED_FIRST = 3
REFUSED_FIRST = 3
"""As many of a kind, and none decoded: the others are not asked for."""
COMPARED_EVERY = 200
"""OpenJPEG takes about ten times the processor time of all the rest of a conversion: one in 200 costs 5 %."""


class Trust(StrEnum):
    """What is done with the next image of a kind."""

    COMPARE = "compare"
    TAKE = "take"
    REFUSED = "refused"
    """None of its kind is for the GPU."""
    CLOSED = "closed"


class _Kind(Struct):
    equal: int = 0
    """Compared, and the same."""
    since_compared: int = 0
    refused: int = 0
    """Before any was compared."""
    reason: str = ""
    """Of the last of these."""


class KindLocks:
    def __init__(self, closed: set[str] | None = None) -> None:
        """`closed` are the kinds of which an image has differed, on any machine and in earlier runs; those that are
        closed here come to it."""
        self._closed = set() if closed is None else closed
        self._kinds: dict[str, _Kind] = {}

    def next_of(self, kind: str) -> Trust:
        """For an image that starts now."""
        found = self._kinds.setdefault(kind, _Kind())
        if kind in self._closed:
            return Trust.CLOSED
        if self.reason(kind):
            return Trust.REFUSED
        if found.equal < COMPARED_FIRST:
            return Trust.COMPARE
        found.since_compared += 1
        if found.since_compared >= COMPARED_EVERY:
            found.since_compared = 0
            return Trust.COMPARE
        return Trust.TAKE

    def differed_never(self, kind: str) -> bool:
        """Whether no image of this kind has differed."""
        return kind not in self._closed

    def is_open(self, kind: str) -> bool:
        return self.differed_never(kind) and not self.reason(kind)

    def reason(self, kind: str) -> str:
        """Why no more of this kind are given to the GPU, though none differed; empty if they are."""
        found = self._kinds.get(kind)
        return found.reason if found and not found.equal and found.refused >= REFUSED_FIRST else ""

    def was_refused(self, kind: str, reason: str) -> None:
        found = self._kinds.setdefault(kind, _Kind())
        found.refused, found.reason = found.refused + 1, reason

    def was_not_compared(self, kind: str) -> None:
        """Though it was to be: its worker or the GPU's process has ended, or refused it. The next one is instead."""
        self._kinds.setdefault(kind, _Kind()).since_compared = COMPARED_EVERY

    def was_equal(self, kind: str) -> None:
        self._kinds.setdefault(kind, _Kind()).equal += 1

    def differed(self, kind: str) -> bool:
        """True if that closes the kind now, False if it was closed before."""
        was_closed = kind in self._closed
        self._closed.add(kind)
        return not was_closed
