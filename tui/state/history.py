"""Throughput and memory of the last half hour, for the curves: means of fixed spans, so that old values stay."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from engine.control.snapshot import Snapshot

SPAN_S = 10
"""Seconds that one column of a curve stands for."""
SPANS_KEPT = 180
"""Half an hour."""


@dataclass
class _Span:
    number: int
    """Unix time // SPAN_S."""
    images_per_s: float = 0.0
    used_bytes: float | None = None
    samples: int = 0


class History:
    """Fed with every snapshot; a span has the mean of the snapshots that fell into it."""

    def __init__(self) -> None:
        self._spans: list[_Span] = []

    def begin(self, converted: Sequence[float], now: float) -> None:
        """Fills the spans before `now` from the times at which images were converted. Their memory is not known."""
        if not converted or self._spans:
            return
        counts = Counter(int(moment // SPAN_S) for moment in converted)
        last = int(now // SPAN_S)
        for number in range(max(min(counts), last - SPANS_KEPT + 1), last):
            self._spans.append(_Span(number, counts[number] / SPAN_S, samples=1))

    def add(self, snapshot: Snapshot) -> None:
        number = int(snapshot.time // SPAN_S)
        if self._spans and number < self._spans[-1].number:
            self._spans.clear()  # the clock was set back
        if not self._spans or self._spans[-1].number != number:
            self._spans.append(_Span(number))
            del self._spans[:-SPANS_KEPT]
        span = self._spans[-1]
        span.samples += 1
        memory = snapshot.memory
        span.images_per_s += (snapshot.rates_now.images_per_s - span.images_per_s) / span.samples
        used, before = memory.total - memory.available, span.used_bytes
        span.used_bytes = used if before is None else before + (used - before) / span.samples

    def images_per_s(self) -> list[float]:
        """Oldest first; the last span is still growing."""
        return [span.images_per_s for span in self._spans]

    def used_bytes(self) -> list[float]:
        return [span.used_bytes for span in self._spans if span.used_bytes is not None]
