"""What admission decides from, and what it decides."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from engine.config import PLAIN_JPEG, JpegSettings
from engine.failures import Cause, Failure, Stage
from engine.formatting import memory_size
from engine.memory.prediction import MIB, HeaderFacts
from engine.messages import Plan

IDLE_WORKER_BYTES = 64 * MIB
"""What a worker keeps at least when its image has ended. An estimate on the safe side: room for a waiting image may
then be kept in vain, but is never overlooked."""


PINNED_SHARE = 4
"""Memory that is registered with CUDA cannot be swapped out nor moved: at most one byte in so many."""


def pinned_budget(total_bytes: int) -> int:
    return total_bytes // PINNED_SHARE


class RunningImage(Struct, frozen=True):
    """An image that a worker has."""

    image_id: int
    promised_bytes: int
    """Its plan's prediction."""
    rss_bytes: int
    """Its worker's resident set now."""
    started: float
    threads: int = 1
    alone: bool = False
    shared_bytes: int = 0
    """Of its promise: for a GPU's process."""

    @property
    def unclaimed_bytes(self) -> int:
        """What it has been promised and not taken yet."""
        return max(0, self.promised_bytes - self.rss_bytes)


class AdmissionCandidate(Struct, frozen=True):
    """An image that could start."""

    image_id: int
    facts: HeaderFacts
    alone: bool = False
    """Its worker was killed for memory once: it runs with nothing beside it."""
    jpeg: JpegSettings = PLAIN_JPEG
    shareable_bytes: int = 0
    """Of the memory that its worker would share with a GPU's process; 0 if no GPU decodes it."""


class AdmissionInput(Struct, frozen=True):
    """Times are monotonic, s."""

    now: float
    total_bytes: int
    """Of the machine, within every limit that applies to us."""
    available_bytes: int
    floor_bytes: int
    """What must stay available."""
    running: Sequence[RunningImage]
    candidates: Sequence[AdmissionCandidate]
    """Preferred first."""
    idle_rss_bytes: Sequence[int]
    """The resident set of each free worker, which its next image takes over."""
    cores: int
    """For all images together."""
    more_to_come: bool = False
    """Sources are still being surveyed, so that few candidates do not mean that the end is near."""
    disk_saves_memory: bool = True
    """False if scratch is in memory (tmpfs)."""

    @property
    def committed_bytes(self) -> int:
        return sum(image.unclaimed_bytes for image in self.running)

    @property
    def headroom_bytes(self) -> int:
        """What a new image may be promised; negative if too much has been."""
        return self.available_bytes - self.floor_bytes - self.committed_bytes

    @property
    def capacity_bytes(self) -> int:
        """For images if nothing else took memory."""
        return self.total_bytes - self.floor_bytes

    @property
    def shareable_bytes(self) -> int:
        """What may still be shared with GPUs' processes: what they write to is pinned."""
        return pinned_budget(self.total_bytes) - sum(image.shared_bytes for image in self.running)

    @property
    def obtainable_bytes(self) -> int:
        """What a new image could be promised once everything that runs now has ended."""
        given_back = sum(max(0, image.rss_bytes - IDLE_WORKER_BYTES) for image in self.running)
        return self.available_bytes - self.floor_bytes + given_back + self.inherited_bytes

    @property
    def inherited_bytes(self) -> int:
        """The part of a new image's need that its worker has already."""
        return min(self.idle_rss_bytes, default=0)


class AdmissionState(Struct, frozen=True):
    """What is remembered from one decision to the next."""

    holding_since: float | None = None
    room_since: float | None = None
    """During a hold: since when there has been enough room."""
    stopped_at: float = float("-inf")
    passed_id: int | None = None
    """The image that waits for room while others pass it."""
    passed_since: float = 0.0
    stuck_since: float | None = None
    """Since when nothing runs because nothing fits."""
    overruns: tuple[tuple[int, float], ...] = ()
    """Images that were stopped because they took more than promised, and the factor on their prediction since then."""


class Start(Struct, frozen=True):
    image_id: int
    plan: Plan


class MemoryHold(Struct, frozen=True):
    detail: str
    since: float


class NeverFits(Struct, frozen=True):
    """No way of decoding this image fits in this machine."""

    image_id: int
    needed_bytes: int
    obtainable_bytes: int
    jpeg: JpegSettings = PLAIN_JPEG

    def failure(self) -> Failure:
        message = (
            f"needs {memory_size(self.needed_bytes)} even when decoded in the way that takes least memory; "
            f"{memory_size(self.obtainable_bytes)} can be had above the memory floor"
        )
        if self.jpeg.buffers_whole_picture:
            message += (
                "; `optimize` and `progressive` keep the whole picture in memory: without them it needs less"
            )
        return Failure(Cause.OUT_OF_MEMORY, Stage.DECODING, message)


class Decision(Struct, frozen=True):
    state: AdmissionState
    starts: tuple[Start, ...] = ()
    hold: MemoryHold | None = None
    stop: int | None = None
    """The image whose worker is to be stopped; it goes back to pending, and the attempt does not count."""
    never_fits: tuple[NeverFits, ...] = ()
