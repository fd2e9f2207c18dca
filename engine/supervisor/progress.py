"""How fast it goes and how long it will take, from the images of the last minutes of work.

Time counts as far as there is work: wholly while the engine runs; in a pause, a hold or a drain, when nothing new
starts, by the share of the workers that still have an image. So a rate is what the engine does when it works, and
a night's pause does not make the next morning's estimate three times too long.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from engine.control.snapshot import Rates
from engine.ledger.account import Outstanding

WINDOW_S = 120.0
_MIN_SPAN_S = 5.0
_COUNT_EVERY_S = 10.0
_LONGEST_STEP_S = 5.0
"""A gap longer than this between two looks was no work: the machine slept, or the process was suspended."""


@dataclass(frozen=True)
class Finished:
    """An image that reached the store: when (monotonic, s), and its size."""

    time: float
    megapixels: float
    source_bytes: int
    jpeg_bytes: int


class Progress:
    """`now` is monotonic, s."""

    def __init__(self, started: float) -> None:
        self._outstanding = Outstanding(0, 0.0, 0)
        self._outstanding_until = started
        self._looked = started
        self._worked_s = 0.0
        self._recent: deque[tuple[float, Finished]] = deque()
        """With the time worked when it was finished."""
        self._images = 0
        self._megapixels = 0.0

    def pass_time(self, now: float, share: float = 1.0) -> None:
        """Since the last call `share` of the workers, 0 to 1, were at work."""
        self._worked_s += min(max(0.0, now - self._looked), _LONGEST_STEP_S) * share
        self._looked = now
        while self._recent and self._recent[0][0] < self._worked_s - WINDOW_S:
            self._recent.popleft()

    def add(self, finished: Finished) -> None:
        self._recent.append((self._worked_s, finished))
        self._images += 1
        self._megapixels += finished.megapixels

    def rates(self) -> Rates:
        """Per second of work over the window, or over the run so far where that is shorter."""
        span = max(min(self._worked_s, WINDOW_S), _MIN_SPAN_S)
        recent = [finished for _, finished in self._recent]
        return Rates(
            images_per_s=len(recent) / span,
            megapixels_per_s=sum(f.megapixels for f in recent) / span,
            source_bytes_per_s=sum(f.source_bytes for f in recent) / span,
            jpeg_bytes_per_s=sum(f.jpeg_bytes for f in recent) / span,
        )

    def eta_s(self, now: float, count: Callable[[], Outstanding]) -> float | None:
        """Seconds of work to go at the present rate of megapixels, None while nobody can know.

        `count` asks the ledger what is outstanding; it is called now and then."""
        if now >= self._outstanding_until:
            self._outstanding, self._outstanding_until = count(), now + _COUNT_EVERY_S
        outstanding = self._outstanding
        rate = self.rates().megapixels_per_s
        if rate <= 0 or not self._images:
            return None
        known = outstanding.surveyed + self._images
        mean = (outstanding.megapixels + self._megapixels) / known
        return (outstanding.megapixels + outstanding.unsurveyed * mean) / rate
