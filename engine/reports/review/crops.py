"""Which parts of an image a review shows: where the JPEG differs most, where there is most detail, and the centre."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np

from engine.reports.proof_sheet.crop import Crop, window_sums

MOST_WIDTH, MOST_HEIGHT = 400, 300
"""Pixels of a crop."""
_SQUARE = 32
"""Pixels; detail and difference are measured in squares of this side."""
_MOST_SHARED = 0.4
"""Of a crop's area that another one may show too."""


class Place(StrEnum):
    """Why a crop was chosen."""

    WORST = "where the JPEG differs most"
    DETAIL = "most detail"
    CENTRE = "centre"
    WHOLE = "the whole image"


@dataclass(frozen=True)
class PlacedCrop:
    place: Place
    crop: Crop


def choose_crops(source: Any, jpeg: Any, most: int) -> list[PlacedCrop]:
    """Up to `most` crops of two pictures of one size, in the order of Place; the same ones for the same pixels.

    `jpeg` is read once from top to bottom, so it may be opened sequentially."""
    width, height = min(MOST_WIDTH, source.width), min(MOST_HEIGHT, source.height)
    if (width, height) == (source.width, source.height):
        return [PlacedCrop(Place.WHOLE, Crop(0, 0, width, height))]
    centre = Crop((source.width - width) // 2, (source.height - height) // 2, width, height)
    if min(source.width, source.height) < 2 * _SQUARE:
        return [PlacedCrop(Place.CENTRE, centre)]
    chosen: list[PlacedCrop] = []
    difference = source.cast("short") - jpeg.cast("short")
    for place, picture in (
        (Place.WORST, (difference * difference).bandmean()),
        (Place.DETAIL, _one_band(source).sobel()),
    ):
        if len(chosen) < most:
            crop = _highest(picture, width, height, source, [one.crop for one in chosen])
            if crop is not None:
                chosen.append(PlacedCrop(place, crop))
    if len(chosen) < most and not any(_share(centre, one.crop) > _MOST_SHARED for one in chosen):
        chosen.append(PlacedCrop(Place.CENTRE, centre))
    return chosen


def _one_band(image: Any) -> Any:
    return image.extract_band(1) if image.bands >= 3 else image.extract_band(0)


def _highest(picture: Any, width: int, height: int, source: Any, others: list[Crop]) -> Crop | None:
    """Where the sum over a crop is highest, away from other crops; None if no crop is."""
    values = picture.shrink(_SQUARE, _SQUARE).numpy().astype(np.float64)
    sums = window_sums(values, max(1, height // _SQUARE), max(1, width // _SQUARE))
    for flat in np.argsort(-sums, axis=None, kind="stable"):
        row, column = divmod(int(flat), sums.shape[1])
        left, top = min(column * _SQUARE, source.width - width), min(row * _SQUARE, source.height - height)
        crop = Crop(left, top, width, height)
        if all(_share(crop, other) <= _MOST_SHARED for other in others):
            return crop
    return None


def _share(one: Crop, other: Crop) -> float:
    """How much of one crop the other shows too."""
    width = min(one.left + one.width, other.left + other.width) - max(one.left, other.left)
    height = min(one.top + one.height, other.top + other.height) - max(one.top, other.top)
    return max(0, width) * max(0, height) / (one.width * one.height)
