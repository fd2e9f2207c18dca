"""How the PSNR of a batch is distributed, counted in bins, so that any number of images takes the same memory."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

_BIN_DB = 0.05
_BINS = 2000
"""Up to 100 dB; 8-bit samples that differ at all in a picture of 10 gigasamples have less than 149 dB."""

_FLAG_DEVIATIONS = 5.0
"""Robust standard deviations below the median from which an image is worth a look."""
_FLAG_LEAST_DB = 3.0
"""But an image is not flagged nearer to the median than this: at 3 dB the squared error is twice as large."""
_MAD_TO_SIGMA = 1.4826
"""Standard deviation of a normal distribution over its median absolute deviation (Rousseeuw and Croux, 1993)."""


@dataclass
class PsnrDistribution:
    """PSNR values in dB, to 0.05 dB."""

    bins: list[int] = field(default_factory=lambda: [0] * _BINS)
    identical: int = 0
    """Images that do not differ from their source at all: their PSNR is infinite."""
    lowest: float = math.inf
    """Of the finite values, as `highest`."""
    highest: float = -math.inf

    def add(self, psnr_db: float) -> None:
        if math.isinf(psnr_db):
            self.identical += 1
            return
        self.bins[min(_BINS - 1, max(0, int(psnr_db / _BIN_DB)))] += 1
        self.lowest = min(self.lowest, psnr_db)
        self.highest = max(self.highest, psnr_db)

    @property
    def finite(self) -> int:
        return sum(self.bins)

    @property
    def count(self) -> int:
        return self.finite + self.identical

    def quantile(self, share: float) -> float | None:
        """The value below which that share of the finite values lies; None if there are none."""
        total = self.finite
        if total == 0:
            return None
        wanted, seen = share * total, 0
        for position, number in enumerate(self.bins):
            seen += number
            if number and seen >= wanted:
                middle = (position + 0.5) * _BIN_DB
                return min(max(middle, self.lowest), self.highest)
        return self.highest

    @property
    def median(self) -> float | None:
        return self.quantile(0.5)

    @property
    def flag_below(self) -> float | None:
        """An image with less PSNR is far below its batch; None if there are fewer than eight images to compare."""
        middle = self.median
        if middle is None or self.finite < 8:
            return None
        sigma = _MAD_TO_SIGMA * self._median_deviation(middle)
        return middle - max(_FLAG_LEAST_DB, _FLAG_DEVIATIONS * sigma)

    def _median_deviation(self, middle: float) -> float:
        """The median of the distances from the median."""
        distances = [0] * _BINS
        for position, number in enumerate(self.bins):
            if number:
                away = abs((position + 0.5) * _BIN_DB - middle)
                distances[min(_BINS - 1, int(away / _BIN_DB + 0.5))] += number
        half, seen = self.finite / 2, 0
        for position, number in enumerate(distances):
            seen += number
            if seen >= half:
                return position * _BIN_DB
        return 0.0

    def histogram(self, width_db: float = 1.0) -> list[tuple[float, int]]:
        """Lower edge and number of images of each bar, from the lowest value to the highest, with the empty bars."""
        if self.finite == 0:
            return []
        first, last = math.floor(self.lowest / width_db), math.floor(self.highest / width_db)
        bars = [0] * (last - first + 1)
        per_bar = width_db / _BIN_DB
        for position, number in enumerate(self.bins):
            if number:
                bar = math.floor((position + 0.5) / per_bar) - first
                bars[min(len(bars) - 1, max(0, bar))] += number
        return [((first + index) * width_db, number) for index, number in enumerate(bars)]
