"""How long the other side has been silent: time in which this process itself did not run is not counted."""

from __future__ import annotations

_LONGEST_STEP_S = 2.0
"""In a longer gap between two looks this process was suspended, or its machine slept: nobody could hear anything."""


class Silence:
    def __init__(self, now: float) -> None:
        """`now` is monotonic, s, here and below."""
        self._looked_at = now
        self._heard = 0
        self._lasts_s = 0.0

    def look(self, now: float, heard: int) -> float:
        """Called often, with the number of answers so far; returns for how long none has come."""
        self._lasts_s += min(now - self._looked_at, _LONGEST_STEP_S)
        if heard != self._heard:
            self._lasts_s = 0.0
        self._looked_at, self._heard = now, heard
        return self._lasts_s
