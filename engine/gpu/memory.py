"""How much memory decoding an image takes on a card and beside it, and how much of a card may be taken. Pure.

Measured once, on an H200 with nvImageCodec 0.9 and nvJPEG2000 0.11: six lossless RGB images of 39 megapixels together
took 15 GB, which is 21 bytes for each sample. Tiles are decoded one after another there, and may take less; they are
counted like untiled ones, on the safe side.
"""

from __future__ import annotations

from engine.gpu.protocol import item_bytes

_WORK_BYTES_PER_SAMPLE = 20
"""Coefficients, code-block records and their streams; the decoded sample comes to it."""
_CONTEXT_BYTES = 1 << 30
"""Of CUDA and the decoder, and what other programs take between two looks."""
_USABLE = 0.9
"""Of what is free: the allocator does not fill it."""


def decoding_bytes(source_bytes: int, width: int, height: int, components: int, bits: int) -> int:
    """On the card, while this image is decoded."""
    samples = width * height * max(1, components)
    return source_bytes + samples * (_WORK_BYTES_PER_SAMPLE + item_bytes(bits))


def staging_bytes(width: int, height: int, components: int, bits: int) -> int:
    """Of the decoding process on the host, while the samples are on their way from the card into shared memory."""
    return width * height * max(1, components) * item_bytes(bits)


def card_budget(total_bytes: int, used_by_others_bytes: int) -> int:
    """What the images of a batch may take together on a card; 0 if nothing is left of it."""
    return max(0, int((total_bytes - used_by_others_bytes) * _USABLE) - _CONTEXT_BYTES)
