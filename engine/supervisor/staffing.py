"""When missing workers are started: not while memory is short, and ever later while idle ones keep dying."""

from __future__ import annotations

from dataclasses import dataclass

from engine.memory.admission import OWN_IDLE_WORKER_BYTES

_FIRST_WAIT_S = 1.0
_LONGEST_WAIT_S = 60.0
_FORGOTTEN_S = 300.0
"""Two idle workers that die so far apart have nothing to do with each other."""
_TOGETHER_S = 2.0
"""What the kernel takes within so short a time is one event."""


@dataclass
class Staffing:
    """Times are monotonic, s."""

    deaths: int = 0
    """Of workers without an image, since one has last done its work."""
    died_at: float = float("-inf")
    not_before: float = float("-inf")
    _killed: int = 0
    _killed_since: float = 0.0

    def worked(self) -> None:
        """A worker has done an image: they can live."""
        self.deaths, self.not_before = 0, float("-inf")

    def died(self, now: float, *, for_memory: bool) -> None:
        """A worker without an image is dead. The first is replaced at once, unless the kernel took its memory."""
        if now - self.died_at > _FORGOTTEN_S:
            self.deaths = 0
        if for_memory:
            self._killed_since = self._killed_since if self._killed else now
            self._killed += 1
        self.deaths, self.died_at = self.deaths + 1, now
        doublings = self.deaths - (1 if for_memory else 2)
        wait_s = 0.0 if doublings < 0 else min(_FIRST_WAIT_S * 2.0 ** min(doublings, 10), _LONGEST_WAIT_S)
        self.not_before = max(self.not_before, now + wait_s)

    def workers_to_start(
        self, now: float, *, missing: int, there: int, coming: int, headroom_bytes: int, holding: bool
    ) -> int:
        """How many of the `missing` workers to start now, beside those `there`, of which some are still `coming`.

        As many as there is room for above the floor and what images were promised; one in any case where there
        is none, for an image has to be tried to see what holds it."""
        if holding or now < self.not_before:
            return 0
        room = headroom_bytes // OWN_IDLE_WORKER_BYTES - coming
        return max(0, min(missing, max(room, 0 if there else 1)))

    def to_tell(self, now: float) -> int:
        """How many the kernel has killed for memory since it was told last; 0 while there may be more."""
        if not self._killed or now - self._killed_since < _TOGETHER_S:
            return 0
        killed, self._killed = self._killed, 0
        return killed
