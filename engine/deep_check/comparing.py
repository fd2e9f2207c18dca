"""Compares two decodings of an image sample by sample, a few rows at a time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.deep_check.results import Comparison, Outcome

_CHUNK_SAMPLES = 1 << 20


def compare(
    way: str, theirs: Sequence[NDArray[Any]], ours: Sequence[NDArray[Any]], tolerance: Sequence[int]
) -> Comparison:
    """Planes of (rows, columns); `tolerance` is the largest difference that is none, for each plane."""
    shapes = [plane.shape for plane in ours]
    if [plane.shape for plane in theirs] != shapes:
        found = ", ".join(f"{plane.shape[1]} × {plane.shape[0]}" for plane in theirs)
        expected = ", ".join(f"{columns} × {rows}" for rows, columns in shapes)
        return Comparison(way, Outcome.DIFFERS, message=f"its planes are {found}, not {expected}")
    samples = different = largest = 0
    place = ""
    for number, (their, our, most) in enumerate(zip(theirs, ours, tolerance, strict=True), 1):
        step = max(1, _CHUNK_SAMPLES // max(1, our.shape[1]))
        for top in range(0, our.shape[0], step):
            difference = np.abs(their[top : top + step].astype(np.int64) - our[top : top + step])
            beyond = difference > most
            count = int(np.count_nonzero(beyond))
            if count and not place:
                row, column = np.unravel_index(int(beyond.argmax()), beyond.shape)
                place = f"channel {number}, column {int(column)}, row {top + int(row)}"
            samples += difference.size
            different += count
            largest = max(largest, int(difference.max(initial=0)))
    outcome = Outcome.DIFFERS if different else Outcome.SAME
    return Comparison(way, outcome, samples, different, largest, max(tolerance, default=0), place)


def bands(pixels: NDArray[Any]) -> list[NDArray[Any]]:
    """The channels of (rows, columns, channels)."""
    return [pixels[:, :, band] for band in range(pixels.shape[2])]
