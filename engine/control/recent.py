"""The engine's last half hour, for curves: images and memory in spans of equal length, and when it rested."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from msgspec import Meta, Struct

from engine.control.numbers import Count, Number

SPAN_S = 10
SPANS_KEPT = 180


class Rest(StrEnum):
    """Why nothing new was started."""

    PAUSED = "paused"
    HOLDING = "holding"
    STOPPED = "stopped"
    """After the last image of an earlier engine."""


class Span(Struct, frozen=True, array_like=True):
    images: Count
    """That came into the store."""
    used_bytes: Count | None
    """Of memory, the mean; None from before this engine."""
    rest: Rest | None
    """If the engine rested for most of the span."""


class MemoryUsed(Struct, frozen=True, array_like=True):
    """Of one host: means of spans of SPAN_S, oldest first, without gaps; the last one still grows."""

    began: Number
    """The first span's beginning, Unix time, s."""
    mib: Annotated[tuple[Count, ...], Meta(max_length=SPANS_KEPT)]


class Recent(Struct, frozen=True):
    """Spans of SPAN_S, oldest first, without gaps; the last one still grows."""

    began: Number = 0.0
    """The first span's beginning, Unix time, s."""
    spans: Annotated[tuple[Span, ...], Meta(max_length=SPANS_KEPT)] = ()
    memory: dict[str, MemoryUsed] = {}
    """By host; empty if no other one can join."""
