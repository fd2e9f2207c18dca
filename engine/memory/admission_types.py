"""What admission decides from and what it decides: frozen data, bytes and seconds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from engine.config import PLAIN_JPEG, JpegSettings
from engine.failures import Cause, Failure, Stage
from engine.memory.available import Memory, format_bytes
from engine.memory.prediction import MIB, HeaderFacts
from engine.messages import Plan

IDLE_WORKER_BYTES = 64 * MIB
"""What a worker keeps when its image has ended, at least: room is rather kept in vain than never."""


@dataclass(frozen=True)
class RunningImage:
    """An image that a worker has."""

    image_id: int
    promised_bytes: int
    """Its plan's prediction."""
    rss_bytes: int
    """Its worker's resident set now."""
    started: float
    threads: int = 1
    alone: bool = False

    @property
    def unclaimed_bytes(self) -> int:
        """What it has been promised and has not taken yet."""
        return max(0, self.promised_bytes - self.rss_bytes)


@dataclass(frozen=True)
class AdmissionCandidate:
    """An image that could start."""

    image_id: int
    facts: HeaderFacts
    alone: bool = False
    """With nothing beside it: its worker was killed for memory once."""
    jpeg: JpegSettings = PLAIN_JPEG


@dataclass(frozen=True)
class AdmissionInput:
    now: float
    memory: Memory
    floor_bytes: int
    running: Sequence[RunningImage]
    candidates: Sequence[AdmissionCandidate]
    """Preferred first."""
    idle_rss_bytes: Sequence[int]
    """A free worker each: its resident set, which its next image takes over."""
    cores: int
    """That images may use in all."""
    more_to_come: bool = False
    """The survey is not done: that there are few candidates says nothing."""
    disk_saves_memory: bool = True
    """False where scratch lives in memory."""

    @property
    def committed_bytes(self) -> int:
        return sum(image.unclaimed_bytes for image in self.running)

    @property
    def headroom_bytes(self) -> int:
        """What a new image may still be promised; negative when too much is."""
        return self.memory.available_bytes - self.floor_bytes - self.committed_bytes

    @property
    def capacity_bytes(self) -> int:
        """For images, were the machine empty."""
        return self.memory.total_bytes - self.floor_bytes

    @property
    def obtainable_bytes(self) -> int:
        """What a new image could be promised when all that runs has ended."""
        given_back = sum(max(0, image.rss_bytes - IDLE_WORKER_BYTES) for image in self.running)
        return self.memory.available_bytes - self.floor_bytes + given_back + self.inherited_bytes

    @property
    def inherited_bytes(self) -> int:
        """Of a new image's need, what its worker has already."""
        return min(self.idle_rss_bytes, default=0)


@dataclass(frozen=True)
class AdmissionState:
    """What must be remembered from one decision to the next."""

    holding_since: float | None = None
    room_since: float | None = None
    """While holding: since when there has been enough room."""
    stopped_at: float = float("-inf")
    passed_id: int | None = None
    """The image that waits for room while others pass it."""
    passed_since: float = 0.0
    stuck_since: float | None = None
    """Since when nothing runs because nothing fits."""
    overruns: tuple[tuple[int, float], ...] = ()
    """Images that were stopped for taking more than promised, and the factor on their prediction since."""


@dataclass(frozen=True)
class Start:
    image_id: int
    plan: Plan


@dataclass(frozen=True)
class MemoryHold:
    detail: str
    since: float


@dataclass(frozen=True)
class NeverFits:
    """No way of decoding this image fits in this machine."""

    image_id: int
    needed_bytes: int
    there_are_bytes: int
    jpeg: JpegSettings = PLAIN_JPEG

    def failure(self) -> Failure:
        message = (
            f"needs {format_bytes(self.needed_bytes)} even the thriftiest way; "
            f"{format_bytes(self.there_are_bytes)} can be had above the memory floor"
        )
        if self.jpeg.buffers_whole_picture:
            message += "; `optimize` and `progressive` hold the whole picture: without them it needs less"
        return Failure(Cause.OUT_OF_MEMORY, Stage.DECODING, message)


@dataclass(frozen=True)
class Decision:
    state: AdmissionState
    starts: tuple[Start, ...] = ()
    hold: MemoryHold | None = None
    stop: int | None = None
    """The image whose worker is to be stopped; it goes back to pending, uncounted."""
    impossible: tuple[NeverFits, ...] = ()
