"""Records the last half hour in spans: the curves that a client which attaches later shows."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable

from msgspec import Struct, field

from engine.control.recent import SPAN_S, SPANS_KEPT, Recent, Rest, Span


class _Span(Struct):
    images: int = 0
    used_bytes: float | None = None
    looks: int = 0
    rests: Counter[Rest | None] = field(default_factory=Counter)

    def snapshot(self) -> Span:
        rest = self.rests.most_common(1)[0][0] if self.rests else None
        return Span(self.images, None if self.used_bytes is None else round(self.used_bytes), rest)


class RecentSpans:
    """`now` is Unix time, s."""

    def __init__(self) -> None:
        self._spans: deque[_Span] = deque(maxlen=SPANS_KEPT)
        self._last = 0
        """The last span's number: Unix time // SPAN_S."""
        self._images = 0
        """That the spans have, of those of this engine."""

    def begin(self, stored: Iterable[float], now: float) -> None:
        """With what earlier engines brought into the store, at these times."""
        last = int(now // SPAN_S)
        counts = Counter(int(moment // SPAN_S) for moment in stored)
        first = min((number for number in counts if last - SPANS_KEPT < number <= last), default=last)
        until = max((number for number in counts if number <= last), default=last)
        self._spans.extend(_Span(counts[number]) for number in range(first, last + 1))
        for span in list(self._spans)[until - first + 1 : -1]:
            span.rests[Rest.STOPPED] += 1
        self._last = last

    def look(self, now: float, *, images: int, used_bytes: int, rest: Rest | None) -> None:
        """The engine has brought so many images into the store so far; this is its state now."""
        self._advance(int(now // SPAN_S))
        span = self._spans[-1]
        span.images += images - self._images
        self._images = images
        span.looks += 1
        before = used_bytes if span.used_bytes is None else span.used_bytes
        span.used_bytes = before + (used_bytes - before) / span.looks
        span.rests[rest] += 1

    def _advance(self, number: int) -> None:
        """To this span; a clock that was set back or far ahead begins anew."""
        if not 0 <= number - self._last < SPANS_KEPT:
            self._spans.clear()
        missing = number - self._last if self._spans else 1
        self._spans.extend(_Span() for _ in range(missing))
        self._last = number

    def snapshot(self) -> Recent:
        began = (self._last - len(self._spans) + 1) * SPAN_S
        return Recent(float(began), tuple(span.snapshot() for span in self._spans))
