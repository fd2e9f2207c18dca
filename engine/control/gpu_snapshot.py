"""What the snapshot says of a GPU that decodes."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from msgspec import UNSET, Meta, Struct, UnsetType

from engine.control.numbers import Count, Number

GPU_SPAN_S = 5


GPU_SPANS_KEPT = 60


class GpuState(StrEnum):
    STARTING = "starting"
    READY = "ready"
    WAITING = "waiting"
    """Its process has ended, and is started again after a pause."""
    CLOSED = "closed"
    """For the rest of the run."""


class GpuSpan(Struct, frozen=True, array_like=True):
    """Of GPU_SPAN_S."""

    busy_percent: Count
    memory_mib: Count
    """In use on the card; 0 if the driver does not say it."""
    megapixels_per_s: Number


class GpuSnapshot(Struct, frozen=True):
    """A GPU that decodes, with what the driver says of it, if anything."""

    name: str
    state: GpuState
    pid: Count | None
    """Of its decoding process."""
    utilisation: Number | None
    """0 to 1."""
    memory: Count | None
    """In use on the card, bytes."""
    memory_total: Count | None
    megapixels_per_s: Number
    """Over the last minute."""
    images: Count
    """Decoded in this run, also those that OpenJPEG has decoded too."""
    refused: dict[str, Count]
    """Images that were left to OpenJPEG, by reason; the most frequent first."""
    problem: str = ""
    """Why its process has ended, or why it is closed."""
    busy: Number = 0.0
    """0 to 1: how much of the last minute its process was decoding, whatever the driver says."""
    recent: Annotated[tuple[GpuSpan, ...], Meta(max_length=GPU_SPANS_KEPT)] = ()
    """The last five minutes, the oldest first."""
    host: str | UnsetType = UNSET
    """The machine that it is in; left out where there is only one."""
