"""How long an image should take, from how long the images before it took on this machine. Pure."""

from __future__ import annotations

import math
from collections import deque
from statistics import median

from msgspec import Struct

from engine.messages import DecodeMode, Plan

_FEWEST = 5
"""Images without which nobody can know."""
_KEPT = 200
_NEAREST = 25
_MOST_UNLIKE = 8.0
"""An image that is so many times larger or smaller than all that were measured is not predicted."""
_OVERDUE_FACTOR, _OVERDUE_S = 2.0, 3.0


class ExpectedDuration(Struct, frozen=True):
    seconds: float
    overdue_after_s: float
    """Longer than any of its like has taken, and by far longer than most."""


class Durations:
    """Of the last images; each is compared with those of its size that were decoded in the same way."""

    def __init__(self) -> None:
        self._measured: dict[tuple[DecodeMode, int, bool], deque[tuple[float, float]]] = {}
        """By mode, threads, and whether a GPU decoded: megasamples, and seconds for each of them."""

    def add(self, plan: Plan, megasamples: float, seconds: float, *, by_gpu: bool = False) -> None:
        """`megasamples` is megapixels times components."""
        if megasamples > 0:
            like = self._measured.setdefault((plan.mode, plan.threads, by_gpu), deque(maxlen=_KEPT))
            like.append((megasamples, seconds / megasamples))

    def expected(self, plan: Plan, megasamples: float, *, by_gpu: bool = False) -> ExpectedDuration | None:
        """None while too few of its like were measured."""
        like = self._measured.get((plan.mode, plan.threads, by_gpu), ())
        if megasamples <= 0 or len(like) < _FEWEST:
            return None
        distance = sorted((abs(math.log(size / megasamples)), rate) for size, rate in like)[:_NEAREST]
        if distance[0][0] > math.log(_MOST_UNLIKE):
            return None
        rates = [rate for _, rate in distance]
        usual_s, longest_s = median(rates) * megasamples, max(rates) * megasamples
        return ExpectedDuration(usual_s, max(_OVERDUE_FACTOR * usual_s, longest_s) + _OVERDUE_S)
