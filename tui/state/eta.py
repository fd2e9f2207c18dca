"""How long the rest takes, in words: a range while nobody can know better."""

from __future__ import annotations

from engine import formatting
from engine.control.snapshot import Snapshot

_CERTAIN_RATIO = 1.25
"""Up to this ratio of the longest to the shortest estimate, one figure says it."""


def is_uncertain(snapshot: Snapshot) -> bool:
    spread = snapshot.eta_range_seconds
    return spread is not None and spread[1] > spread[0] * _CERTAIN_RATIO


def time_left(snapshot: Snapshot) -> str:
    """`3 d 04 h`, or `4 h 50 min to 9 h 40 min`."""
    if snapshot.eta_seconds is None:
        return formatting.UNKNOWN
    if is_uncertain(snapshot):
        low, high = map(formatting.duration, snapshot.eta_range_seconds or ())
        return f"{low} to {high}" if low != high else high
    return formatting.duration(snapshot.eta_seconds)
