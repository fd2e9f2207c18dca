"""The messages about decoding on a GPU: small frozen Structs, as those in `engine/messages.py`."""

from __future__ import annotations

from msgspec import Struct

GPU_DIFFERS = "differs"
"""Of `GpuOutcome.word`."""


class GpuUse(Struct, frozen=True):
    """Where a worker has an image decoded, instead of doing it itself."""

    address: str
    """The socket of the decoding process, in Linux's abstract namespace."""
    compare: bool
    """OpenJPEG decodes the image too, makes the pixels, and the samples are compared."""
    lossy: bool
    """Files of the 9-7 wavelet too."""


class GpuOutcome(Struct, frozen=True):
    """What came of it. If there is any text here, OpenJPEG has made the pixels."""

    compared: bool = False
    refused: str = ""
    """Why this image is nothing for the GPU."""
    differs: str = ""
    """How its samples differ from OpenJPEG's."""
    gone: str = ""
    """Why the decoding process gave no answer."""

    @property
    def decoded(self) -> bool:
        """Whether the JPEG was made from its samples."""
        return not (self.compared or self.refused or self.differs or self.gone)

    @property
    def word(self) -> str:
        """For the ledger: `decoded`, `compared`, `differs`, `gone`, or why it was refused."""
        if self.refused:
            return self.refused
        known = {GPU_DIFFERS: self.differs, "compared": self.compared, "gone": self.gone}
        return next((word for word, is_so in known.items() if is_so), "decoded")


class GpuAsked(Struct, frozen=True):
    """An image has been read and given to a GPU's process: what is waited for now is not its source."""

    image_id: int
    attempt: int


class GpuAnswered(Struct, frozen=True):
    """What came of giving an image to a GPU, said at once: it counts whatever becomes of the image, or its worker."""

    image_id: int
    attempt: int
    outcome: GpuOutcome


class GpuReady(Struct, frozen=True):
    """The decoding process of a GPU takes requests of workers at this address."""

    name: str
    address: str
    budget_bytes: int | None = None
    """What decoding may take on the card; None if nobody knows."""


class GpuUnusable(Struct, frozen=True):
    """The decoding process cannot work here, however often it is started, and ends."""

    why: str


class GpuFailed(Struct, frozen=True):
    """The card, its driver or the library has failed, and the decoding process ends: another may work."""

    why: str


class GpuSlowCopies(Struct, frozen=True):
    """Samples come from the card through pageable memory, some ten times as slowly as they could."""

    why: str


class GpuFigures(Struct, frozen=True):
    """What the decoding process has done since its start, and what the card says of itself, if anything."""

    images: int
    pixels: int
    busy_s: float
    utilisation: float | None
    """0 to 1."""
    memory_used_bytes: int | None
    memory_total_bytes: int | None
    budget_bytes: int | None = None
    """As `GpuReady` has it, now."""
