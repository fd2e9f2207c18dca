"""Which part of an image a proof sheet shows: a place with more detail than most, away from the edges."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

MOST_WIDTH, MOST_HEIGHT = 332, 320
"""Pixels of a crop."""
_SQUARE = 32
"""Pixels; detail is measured in squares of this side."""
_DETAIL_SHARE = 0.85
"""The crop has more detail than this share of all places: it shows something, but not the oddest corner."""
_MARGIN_SHARE = 0.06
"""Of each side that is left out, because the scanner's bed lies there."""


@dataclass(frozen=True)
class Crop:
    """A part of an image, pixels from its left and its top."""

    left: int
    top: int
    width: int
    height: int


def choose_crop(image: Any) -> Crop:
    """The same crop for the same pixels; the whole of a small image."""
    width, height = min(MOST_WIDTH, image.width), min(MOST_HEIGHT, image.height)
    grey = image.extract_band(1) if image.bands >= 3 else image
    if min(image.width, image.height) < 4 * _SQUARE:
        return Crop((image.width - width) // 2, (image.height - height) // 2, width, height)
    detail = grey.sobel().shrink(_SQUARE, _SQUARE).numpy().astype(np.float64)
    scores = window_sums(detail, max(1, height // _SQUARE), max(1, width // _SQUARE))
    rows, columns = scores.shape
    margin_rows, margin_columns = int(rows * _MARGIN_SHARE), int(columns * _MARGIN_SHARE)
    inner = scores[margin_rows : rows - margin_rows, margin_columns : columns - margin_columns]
    order = np.argsort(inner, axis=None, kind="stable")
    chosen = int(order[int((len(order) - 1) * _DETAIL_SHARE)])
    row, column = divmod(chosen, inner.shape[1])
    left = min((column + margin_columns) * _SQUARE, image.width - width)
    top = min((row + margin_rows) * _SQUARE, image.height - height)
    return Crop(left, top, width, height)


def window_sums(values: NDArray[np.float64], rows: int, columns: int) -> NDArray[np.float64]:
    """The sum over every window of so many rows and columns, or of all there are."""
    rows, columns = min(rows, values.shape[0]), min(columns, values.shape[1])
    table = np.pad(values.cumsum(axis=0).cumsum(axis=1), ((1, 0), (1, 0)))
    sums = (
        table[rows:, columns:] - table[:-rows, columns:] - table[rows:, :-columns] + table[:-rows, :-columns]
    )
    return np.asarray(sums, np.float64)
