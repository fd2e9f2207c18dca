"""The low-pass band of the wavelet transformations of JPEG 2000, as matrices. Pure.

Each decomposition keeps the band LL, a picture of half the size (ISO/IEC 15444-1 F.4). A row of a matrix has the
weights by which the samples of a line make one sample of that band, so two products make the band of a picture.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

_ALPHA, _BETA, _GAMMA, _DELTA, _SCALE = (
    -1.586134342059924,
    -0.052980118572961,
    0.882911075530934,
    0.443506852043971,
    1.230174104914001,
)
"""The lifting parameters of the 9-7 irreversible filter (table F.4)."""


class LowBand(Struct, frozen=True):
    """The band that is left after `levels` decompositions."""

    levels: int
    reversible: bool
    """The wavelet is the 5-3; without its rounding, which takes half a step from each level."""

    @property
    def step(self) -> int:
        return 1 << self.levels

    @property
    def reach(self) -> int:
        """A sample of the band is made of so many samples on either side of its own position, and that one."""
        return (2 if self.reversible else 4) * (self.step - 1)

    def positions(self, first: int, last: int) -> tuple[int, int]:
        """The samples of the band that a line from `first` up to `last` has (equation B-15)."""
        return -(-first // self.step), -(-last // self.step)


class Block(Struct, frozen=True):
    """What some of the band's samples are made of."""

    line: tuple[int, int]
    """The first and last sample of the line, the last outside."""
    weights: NDArray[Any]
    """(samples of the band, samples of the line)."""


def block_of(band: LowBand, line: tuple[int, int], samples: tuple[int, int], dtype: np.dtype[Any]) -> Block:
    """How some of the band's samples are made of a line's, which is mirrored at its ends (F.3.7)."""
    (first, last), (start, stop) = line, samples
    left = max(first, start * band.step - band.reach)
    right = min(last, (stop - 1) * band.step + band.reach + 1)
    shift = left // band.step
    origin = shift * band.step
    weights = _weights(band, (left - origin, right - origin), (start - shift, stop - shift), dtype)
    return Block((left, right), weights)


@lru_cache(maxsize=512)
def _weights(
    band: LowBand, line: tuple[int, int], samples: tuple[int, int], dtype: np.dtype[Any]
) -> NDArray[Any]:
    """Those of some of the band's samples. Where `line` ends but the real one does not, no sample reaches its end."""
    first, last = line
    rows = np.eye(last - first)
    for _ in range(band.levels):
        rows = _halved(rows, first, band.reversible)
        first = -(-first // 2)
    return np.ascontiguousarray(rows[samples[0] - first : samples[1] - first], dtype)


def _halved(rows: NDArray[np.float64], first: int, reversible: bool) -> NDArray[np.float64]:
    """The low-pass half of a line whose samples are rows, the first of them at the position `first` (F.4.8)."""
    count = len(rows)
    if count == 1:
        return rows if first % 2 == 0 else rows[:0]
    start, margin = first - first % 2, 4
    positions = np.arange(start - margin, first + count + margin + 2) - first
    period = 2 * (count - 1)
    mirrored = np.abs(positions) % period
    extended = rows[np.where(mirrored < count, mirrored, period - mirrored)]
    pairs = len(extended) // 2
    low, high = extended[0 : 2 * pairs : 2], extended[1 : 2 * pairs : 2]
    steps = ((-0.5, 0.25),) if reversible else ((_ALPHA, _BETA), (_GAMMA, _DELTA))
    lost = 0
    for to_high, to_low in steps:
        high = high[:-1] + to_high * (low[:-1] + low[1:])
        low = low[1:-1] + to_low * (high[:-1] + high[1:])
        high = high[1:]
        lost += 1
    if not reversible:
        low = low / _SCALE
    # The first sample that is left is at start - margin + 2 * lost.
    skipped = -(-first // 2) - (start - margin + 2 * lost) // 2
    return low[skipped : skipped + -(-(first + count) // 2) - -(-first // 2)]
