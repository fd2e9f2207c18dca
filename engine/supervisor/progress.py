"""The rates of the last minutes of work, and how long the rest will take.

Only time in which the engine works counts: all of it while the engine runs; during a pause, a hold or a drain, when
nothing new starts, the share of the workers that still have an image. So a pause over night does not make the estimate
of the next morning three times too long.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from msgspec import Struct

from engine.control.snapshot import Rates
from engine.ledger.account import Outstanding
from engine.supervisor import run_times

WINDOW_S = 120.0
_MIN_SPAN_S = 5.0
_COUNT_EVERY_S = 10.0
_MOST_DOUBT = 0.5
_DOUBT_OF_UNREAD = 0.25
"""If no header of the rest has been read."""
_ENOUGH_HEADERS = 30
"""To say which share of them cannot be read."""
_LONGEST_STEP_S = 5.0
"""In a longer gap between two turns of the loop nothing was done: the machine or the process was suspended."""


class Finished(Struct, frozen=True):
    """An image that is in the store."""

    megapixels: float
    source_bytes: int
    jpeg_bytes: int


class SurveyPace(Struct, frozen=True):
    """What this engine has read so far."""

    read: int = 0
    """Headers, also of images that failed then."""
    failed: int = 0

    @property
    def readable(self) -> float:
        """The share of the rest that can be expected to be converted."""
        return 1.0 - self.failed / self.read if self.read >= _ENOUGH_HEADERS else 1.0


class InHand(Struct, frozen=True):
    """What is known at every moment, between two counts of what is left too."""

    pending: int
    """Of the batches that may start."""
    in_flight: int
    """With a worker, or waiting for the store."""
    longest_s: float = 0.0
    """What the images of the workers should still take: the longest of them."""


class Progress:
    """`now` is monotonic, s."""

    def __init__(self, started: float) -> None:
        self._outstanding = Outstanding(0, 0.0, 0)
        self._outstanding_until = started
        self._read_until_then = 0
        self._headers_per_s = 0.0
        """Between the last two counts."""
        self._counted_until = started
        self._worked_s = 0.0
        self._recent: deque[tuple[float, Finished]] = deque()
        """Each with the value of `_worked_s` when it was finished."""
        self._images = 0
        self._megapixels = 0.0
        self.total = run_times.Stored()
        """All that came into the store, also what an earlier engine had converted."""

    def pass_time(self, now: float, share: float = 1.0) -> None:
        """Count the time since the last call; in it this share of the workers, 0 to 1, had images."""
        self._worked_s += min(max(0.0, now - self._counted_until), _LONGEST_STEP_S) * share
        self._counted_until = now
        while self._recent and self._recent[0][0] < self._worked_s - WINDOW_S:
            self._recent.popleft()

    def add(self, finished: Finished) -> None:
        self._recent.append((self._worked_s, finished))
        self._images += 1
        self._megapixels += finished.megapixels

    def count(self, finished: Finished) -> None:
        """It is part of `total`, whether it says something about the rates or not."""
        self.total = run_times.Stored(
            self.total.images + 1,
            self.total.megapixels + finished.megapixels,
            self.total.source_bytes + finished.source_bytes,
            self.total.jpeg_bytes + finished.jpeg_bytes,
        )

    def rates(self) -> Rates:
        """Per second of work, over the window or, if that is shorter, over the run so far."""
        span = max(min(self._worked_s, WINDOW_S), _MIN_SPAN_S)
        recent = [finished for _, finished in self._recent]
        return Rates(
            images_per_s=len(recent) / span,
            megapixels_per_s=sum(f.megapixels for f in recent) / span,
            source_bytes_per_s=sum(f.source_bytes for f in recent) / span,
            jpeg_bytes_per_s=sum(f.jpeg_bytes for f in recent) / span,
        )

    def eta_s(self, now: float, count: Callable[[], Outstanding]) -> float | None:
        """Seconds until all is done at the present rates: the middle of `eta_range_s`."""
        spread = self.eta_range_s(now, count)
        return (spread[0] + spread[1]) / 2 if spread else None

    def outstanding(self, now: float, count: Callable[[], Outstanding], pace: SurveyPace) -> Outstanding:
        """What is pending. `count` asks the ledger; it is called every ten seconds."""
        if now >= self._outstanding_until:
            since_s = now - self._outstanding_until + _COUNT_EVERY_S
            self._headers_per_s = (pace.read - self._read_until_then) / since_s
            self._outstanding, self._outstanding_until = count(), now + _COUNT_EVERY_S
            self._read_until_then = pace.read
        return self._outstanding

    def headers_left(self, pace: SurveyPace) -> int:
        """Without those that were read since the last count."""
        return max(0, self._outstanding.unsurveyed - (pace.read - self._read_until_then))

    def jpeg_bytes_left(self, outstanding: Outstanding, pace: SurveyPace) -> int | None:
        """That what is pending will become; None while nothing is known of it."""
        stored = self.total
        if not stored.megapixels:
            return None
        return round(stored.jpeg_bytes / stored.megapixels * self._megapixels_left(outstanding, pace))

    def _megapixels_left(self, outstanding: Outstanding, pace: SurveyPace) -> float:
        """Images that are not surveyed are as large as the others in the mean, and as many of them can be read."""
        known = outstanding.surveyed + self._images
        mean = (outstanding.megapixels + self._megapixels) / known if known else 0.0
        return outstanding.megapixels + outstanding.unsurveyed * pace.readable * mean

    def eta_range_s(
        self,
        now: float,
        count: Callable[[], Outstanding],
        pace: SurveyPace | None = None,
        in_hand: InHand | None = None,
    ) -> tuple[float, float] | None:
        """From the shortest to the longest that the rest may take, s; None while the rates are unknown.

        An image costs time for its pixels and time for being one, so the truth is between the estimate by
        megapixels and that by images. Few images say little: the range is wider by 1/sqrt of their number, and by
        the part of the rest of which nothing is known yet. Reading its headers may take longer than all else, and so
        may one large image that is the last. What waits for a slow store is not stored yet: it counts in full.
        `in_hand` has batches that were released since the last count."""
        pace = pace or SurveyPace()
        outstanding, rates = self.outstanding(now, count, pace), self.rates()
        if rates.megapixels_per_s <= 0 or rates.images_per_s <= 0:
            return None
        unread = outstanding.unsurveyed * pace.readable
        images, megapixels = outstanding.surveyed + unread, self._megapixels_left(outstanding, pace)
        counted = outstanding.surveyed + outstanding.unsurveyed
        in_hand = in_hand or InHand(counted, 0)
        others = max(-images, in_hand.pending - counted + in_hand.in_flight)
        by_images = (images + others) / rates.images_per_s
        by_pixels = (
            megapixels + others * (megapixels / images if images else self._megapixels / self._images)
        ) / rates.megapixels_per_s
        by_survey = self.headers_left(pace) / self._headers_per_s if self._headers_per_s else 0.0
        unknown = unread / max(1.0, outstanding.surveyed + unread)
        doubt = min(_MOST_DOUBT, len(self._recent) ** -0.5 + _DOUBT_OF_UNREAD * unknown)
        shortest, longest = sorted((by_pixels, by_images))
        least = max(by_survey, in_hand.longest_s)
        return max(shortest * (1 - doubt), least), max(longest * (1 + doubt), least)
