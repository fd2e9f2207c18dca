"""Which images of a kind OpenJPEG decodes as well, and for which kinds the GPU is closed. Pure.

The first images of each kind are decoded by both, and one in many after them. One difference closes the GPU for the
kind. While the first ones have not been compared, every image of the kind is.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

COMPARED_FIRST = 3
COMPARED_EVERY = 200
"""OpenJPEG takes about ten times the processor time of all the rest of a conversion: one in 200 costs 5 %."""


class Trust(StrEnum):
    """What is done with the next image of a kind."""

    COMPARE = "compare"
    TAKE = "take"
    CLOSED = "closed"


@dataclass
class _Kind:
    equal: int = 0
    """Compared, and the same."""
    since_compared: int = 0
    closed: bool = False


class KindLocks:
    def __init__(self) -> None:
        self._kinds: dict[str, _Kind] = {}

    def next_of(self, kind: str) -> Trust:
        """For an image that starts now."""
        found = self._kinds.setdefault(kind, _Kind())
        if found.closed:
            return Trust.CLOSED
        if found.equal < COMPARED_FIRST:
            return Trust.COMPARE
        found.since_compared += 1
        if found.since_compared >= COMPARED_EVERY:
            found.since_compared = 0
            return Trust.COMPARE
        return Trust.TAKE

    def is_closed(self, kind: str) -> bool:
        found = self._kinds.get(kind)
        return found is not None and found.closed

    def was_equal(self, kind: str) -> None:
        self._kinds.setdefault(kind, _Kind()).equal += 1

    def differed(self, kind: str) -> bool:
        """True if that closes the kind now, False if it was closed before."""
        found = self._kinds.setdefault(kind, _Kind())
        was_closed, found.closed = found.closed, True
        return not was_closed
