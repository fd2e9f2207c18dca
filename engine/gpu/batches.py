"""Which of the images that wait are decoded together. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

MOST_PIXELS = 250_000_000
"""Of a batch: a third of a second on a card; those that come meanwhile wait so long."""
MOST_IMAGES = 32
MOST_PASSED = 3
"""Batches of smaller images that a large one lets go first."""


class WaitingImage(Struct, frozen=True):
    pixels: int
    gpu_bytes: int
    """That decoding it takes on the card."""
    passed: int = 0
    """Batches that have been taken since it came."""


def next_batch(
    waiting: Sequence[WaitingImage],
    budget_bytes: int | None = None,
    most_pixels: int = MOST_PIXELS,
    most_images: int = MOST_IMAGES,
) -> list[int]:
    """The places of those to take, of all that wait, the oldest first. `budget_bytes`: of the card, None if unknown.

    As many as there is room for, in their order; one for which there is none blocks nobody. What has been passed too
    often comes first, and one that is larger than a whole batch goes alone."""
    if not waiting:
        return []
    overdue = [place for place, one in enumerate(waiting) if one.passed >= MOST_PASSED]
    in_order = overdue + [place for place in range(len(waiting)) if place not in overdue]
    pixels, room = most_pixels, budget_bytes
    taken: list[int] = []
    for place in in_order:
        one = waiting[place]
        fits = one.pixels <= pixels and (room is None or one.gpu_bytes <= room)
        if not fits and place in overdue and not taken:
            return [place]
        if fits and len(taken) < most_images:
            taken.append(place)
            pixels -= one.pixels
            room = None if room is None else room - one.gpu_bytes
    return sorted(taken) or in_order[:1]
