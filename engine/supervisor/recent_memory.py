"""Records how much memory of one host was in use in the last half hour, for the curve of its page."""

from __future__ import annotations

from collections import deque

from engine.control.recent import SPAN_S, SPANS_KEPT, MemoryUsed

_MIB = 2**20
_EVERY_S = 2.0
"""So often at most it is looked at."""


class RecentMemory:
    """`now` is Unix time, s."""

    def __init__(self) -> None:
        self._means: deque[float] = deque(maxlen=SPANS_KEPT)
        self._last = 0
        """The last span's number: Unix time // SPAN_S."""
        self._looks = 0
        """In the last span."""
        self._looked_at = 0.0

    def is_due(self, now: float) -> bool:
        return not 0 <= now - self._looked_at < _EVERY_S

    def look(self, now: float, used_bytes: int) -> None:
        """What was not looked at, while the loop stood still, was as it is now."""
        number = int(now // SPAN_S)
        if not 0 <= number - self._last < SPANS_KEPT:
            self._means.clear()
        missing = number - self._last if self._means else 1
        if missing:
            self._means.extend([float(used_bytes)] * missing)
            self._looks = 0
        self._last, self._looked_at = number, now
        self._looks += 1
        self._means[-1] += (used_bytes - self._means[-1]) / self._looks

    def snapshot(self) -> MemoryUsed:
        began = (self._last - len(self._means) + 1) * SPAN_S
        return MemoryUsed(float(began), tuple(round(mean / _MIB) for mean in self._means))
