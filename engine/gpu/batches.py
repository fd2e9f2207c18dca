"""Which of the images that wait are decoded together. Pure."""

from __future__ import annotations

from collections.abc import Sequence

MOST_PIXELS = 250_000_000
"""Of a batch. Six images of 39 megapixels took 15 GB of a card's memory together (nvJPEG2000 0.11, measured)."""
MOST_IMAGES = 32


def next_batch(
    pixels: Sequence[int], most_pixels: int = MOST_PIXELS, most_images: int = MOST_IMAGES
) -> list[int]:
    """The places of those to take, from the sizes of all that wait, the oldest first.

    The oldest is always taken, however large it is; then, in their order, those for which there is room."""
    taken: list[int] = []
    room = most_pixels
    for place, size in enumerate(pixels):
        if len(taken) >= most_images:
            break
        if not taken or size <= room:
            taken.append(place)
            room -= size
    return taken
