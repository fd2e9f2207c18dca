"""Why images are not decoded by a GPU that is there."""

from __future__ import annotations

from enum import StrEnum


class Refusal(StrEnum):
    """Why an image is decoded by OpenJPEG although there is a GPU."""

    LOSSY = "irreversible wavelet"
    """Its samples may differ by 1 in a few places; `gpu_lossy` allows it."""
    COMPONENTS = "number of components"
    DEPTH = "bits of a sample"
    SIGNED = "signed samples"
    MIXED = "components of different depths"
    SUBSAMPLED = "subsampled components"
    ORIGIN = "an origin that is not 0"
    REGION = "region of interest"
    PROGRESSION = "progression order changes"
    PACKED_HEADERS = "packed packet headers"
    HIGH_THROUGHPUT = "high-throughput code-blocks"
    MIXED_STYLES = "tiles or components that are coded differently"
    CARD_MEMORY = "too large for the memory of the card"
    HOST_MEMORY = "no memory left to share with the card"
    DIFFERED = "of a kind that the GPU decodes differently"
    BY_LIBRARY = "refused by nvImageCodec"
    """It said so when it was asked."""


OF_ONE_IMAGE = frozenset({Refusal.CARD_MEMORY, Refusal.HOST_MEMORY})
"""Others of its kind, or the same one at another moment, may be decoded all the same."""
