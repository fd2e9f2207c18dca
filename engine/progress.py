"""How fast it goes and how long it will take, from the images of the last minutes."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from engine.snapshot import Rates

WINDOW_S = 120.0
_MIN_SPAN_S = 5.0
_COUNT_EVERY_S = 10.0


@dataclass(frozen=True)
class Finished:
    """An image that reached the store: when (monotonic, s), and its size."""

    time: float
    megapixels: float
    source_bytes: int
    jpeg_bytes: int


@dataclass(frozen=True)
class Outstanding:
    """What is still to do: surveyed images by their megapixels, the others only by their number."""

    surveyed: int
    megapixels: float
    unsurveyed: int


class Progress:
    """Times are monotonic, s."""

    def __init__(self, started: float) -> None:
        self._outstanding = Outstanding(0, 0.0, 0)
        self._outstanding_until = started
        self._started = started
        self._recent: deque[Finished] = deque()
        self._images = 0
        self._megapixels = 0.0

    def add(self, finished: Finished) -> None:
        self._recent.append(finished)
        self._images += 1
        self._megapixels += finished.megapixels

    def rates(self, now: float) -> Rates:
        """Per second over the window, or over the run so far where that is shorter."""
        while self._recent and self._recent[0].time < now - WINDOW_S:
            self._recent.popleft()
        span = max(min(now - self._started, WINDOW_S), _MIN_SPAN_S)
        return Rates(
            images_per_s=len(self._recent) / span,
            megapixels_per_s=sum(f.megapixels for f in self._recent) / span,
            source_bytes_per_s=sum(f.source_bytes for f in self._recent) / span,
            jpeg_bytes_per_s=sum(f.jpeg_bytes for f in self._recent) / span,
        )

    def eta_s(self, now: float, count: Callable[[], Outstanding]) -> float | None:
        """Seconds to go at the present rate of megapixels, None while nobody can know.

        `count` asks the ledger what is outstanding; it is called now and then."""
        if now >= self._outstanding_until:
            self._outstanding, self._outstanding_until = count(), now + _COUNT_EVERY_S
        outstanding = self._outstanding
        rate = self.rates(now).megapixels_per_s
        if rate <= 0 or not self._images:
            return None
        known = outstanding.surveyed + self._images
        mean = (outstanding.megapixels + self._megapixels) / known
        return (outstanding.megapixels + outstanding.unsurveyed * mean) / rate
