"""Which images go to a GPU and which to the cores: each where its pixels are there first. Pure.

A GPU decodes a hundred times as fast as a core, but one batch after another, so that what waits there counts. Workers
that wait for it leave their cores idle: then more workers than cores are worth their memory.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from msgspec import Struct

ASSUMED_MEGAPIXELS_PER_S = 450.0
"""Of a card, until it is measured; tiled images in batches, on an H200 (nvJPEG2000 0.11)."""
MEASURED_AFTER_MEGAPIXELS = 200.0
"""A process's first images are slow: its memory is allocated then."""
CORE_S_PER_MEGASAMPLE = 0.057
"""Decoding a lossless image on one core, until that is measured: 39 megapixels of RGB in 6.8 s."""
DECODING_SHARE = 0.87
"""Of a conversion by OpenJPEG."""
MOST_WORKERS_PER_CORE = 2.0


class GpuQueue(Struct, frozen=True):
    """A GPU that is ready."""

    megapixels_per_s: float
    waiting_megapixels: float
    """Of the images that were given to it and are not decoded yet."""

    def seconds_for(self, megapixels: float) -> float:
        """Until an image that is given to it now is decoded."""
        return (self.waiting_megapixels + megapixels) / self.megapixels_per_s


def measured_rate(megapixels: float, busy_s: float) -> float:
    """Megapixels a second of a GPU at work."""
    is_known = megapixels >= MEASURED_AFTER_MEGAPIXELS and busy_s > 0
    return megapixels / busy_s if is_known else ASSUMED_MEGAPIXELS_PER_S


def core_seconds(megasamples: float, conversion_s: float | None) -> float:
    """Until a core has decoded it; `conversion_s` is how long such a conversion takes there, if that is known."""
    return CORE_S_PER_MEGASAMPLE * megasamples if conversion_s is None else DECODING_SHARE * conversion_s


def first_to_decode(gpus: Sequence[GpuQueue], megapixels: float, core_s: float) -> int | None:
    """The place of the GPU that decodes the image first; None if a core does. Among equal ones, the first."""
    seconds = [gpu.seconds_for(megapixels) for gpu in gpus]
    best = min(range(len(gpus)), key=lambda place: seconds[place], default=None)
    return None if best is None or seconds[best] > core_s else best


def extra_workers(cores: int, wall_s: float, cpu_s: float) -> int:
    """Beside one a core, so that cores are busy while workers wait for the GPU, from what conversions with it took."""
    if wall_s <= 0 or cpu_s <= 0:
        return 0
    return max(0, math.ceil(cores * min(MOST_WORKERS_PER_CORE, wall_s / cpu_s)) - cores)
