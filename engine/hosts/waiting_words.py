"""How often it is said that a host still waits: at once, after a minute, and then half as often each time."""

from __future__ import annotations

_FIRST_S = 60.0
_LONGEST_S = 3600.0


class AgainAndAgain:
    def __init__(self) -> None:
        self._due_at = float("-inf")
        self._pause_s = _FIRST_S

    def is_due(self, now: float) -> bool:
        """`now` is monotonic, s."""
        if now < self._due_at:
            return False
        self._due_at = now + self._pause_s
        self._pause_s = min(2 * self._pause_s, _LONGEST_S)
        return True
