"""Curves over time: columns that stand for fixed spans of time, so that nothing moves but at their end."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from rich.text import Text

from engine.control.recent import SPAN_S, SPANS_KEPT, MemoryUsed, Recent, Rest
from tui.terminal.text import column_chart, right_aligned, sparkline
from tui.widgets.line_widget import LABEL, WARNING, line

RESTED = "░"
"""Shades the time in which the engine rested."""
_SMOOTHED = 6
"""Spans: an image a minute is a curve and no comb."""
_TICKS_MIN = (1, 2, 5, 10, 15, 30, 60, 120, 180, 360, 720, 1440, 2880, 7200)
_TICK_COLUMNS = 14
"""The least columns from one time to the next."""
_STEPS = (1, 1.5, 2, 3, 4, 5, 6, 8, 10)


@dataclass(frozen=True)
class Point:
    """A column of a curve."""

    value: float
    rest: Rest | None = None


@dataclass(frozen=True)
class Curve:
    points: tuple[Point, ...]
    column_s: int
    """Seconds that a column stands for."""
    seconds: float | None = None
    """Of the time that is shown, if it ends within a column."""

    @property
    def values(self) -> list[float]:
        return [point.value for point in self.points]

    @property
    def minutes(self) -> int:
        return len(self.points) * self.column_s // 60

    @property
    def span(self) -> str:
        """`30 min`, `12 h`."""
        minutes = self.minutes if self.seconds is None else max(1, round(self.seconds / 60))
        return f"{minutes} min" if minutes < 120 else f"{minutes // 60} h"

    @property
    def average(self) -> float | None:
        """Of the time at work."""
        worked = [point.value for point in self.points if point.rest is None]
        return sum(worked) / len(worked) if worked else None


def images_curve(recent: Recent, columns: int) -> Curve:
    """Images a second, of the spans that are over: means of up to a minute, of work or of rest."""
    points: list[Point] = []
    spans = recent.spans[:-1]
    for index, span in enumerate(spans):
        alike = [span.images]
        while len(alike) < min(_SMOOTHED, index + 1) and spans[index - len(alike)].rest is span.rest:
            alike.append(spans[index - len(alike)].images)
        points.append(Point(sum(alike) / len(alike) / SPAN_S, span.rest))
    return _folded(points, recent.began, columns)


def memory_curve(recent: Recent, columns: int) -> Curve:
    """Bytes in use."""
    known = [Point(float(span.used_bytes)) for span in recent.spans[:-1] if span.used_bytes is not None]
    began = recent.began + SPAN_S * (len(recent.spans) - 1 - len(known))
    return _folded(known, began, columns)


def host_memory_curve(memory: MemoryUsed, columns: int) -> Curve:
    """Bytes of a host's memory in use, of the spans that are over."""
    return _folded([Point(float(mib << 20)) for mib in memory.mib[:-1]], memory.began, columns)


def _folded(points: Sequence[Point], began: float, columns: int) -> Curve:
    """The last points as at most `columns` columns; a narrow curve has several spans in each, always the same ones.

    So long as there are few points, there are fewer in each: a run of five minutes fills a curve too."""
    wanted = min(SPANS_KEPT, len(points) + 1)
    spans = min(_SMOOTHED, max(1, math.ceil(wanted / max(1, columns))))
    first = int(began // SPAN_S)
    numbered = groupby(enumerate(points, first), key=lambda item: item[0] // spans)
    folded = [_mean([point for _, point in group]) for _, group in numbered]
    return Curve(tuple(folded[-columns:] if columns > 0 else []), SPAN_S * spans)


def _mean(points: Sequence[Point]) -> Point:
    rests = [point.rest for point in points]
    rest = max(set(rests), key=rests.count)
    return Point(sum(point.value for point in points) / len(points), rest)


def round_ceiling(value: float) -> float:
    """The next round number, so that a scale changes seldom."""
    power = 1.0
    while power < value:
        power *= 10
    while power / 10 >= value > 0:
        power /= 10
    return next(power / 10 * step for step in _STEPS if power / 10 * step >= value) if value > 0 else 1.0


def chart(curve: Curve, columns: int, rows: int, ceiling: float, scale: str, style: str) -> list[Text]:
    """Rows of the curve with its scale to the left, the time in its last row, and rests shaded."""
    gutter = len(scale) + 1
    room = columns - gutter
    drawn = column_chart(curve.values[-room:], room, rows - 1, ceiling)
    rested = [False] * (room - len(curve.points)) + [point.rest is not None for point in curve.points[-room:]]
    labels = [scale] + [""] * (rows - 3) + ["0"] * (rows > 2)
    lines = [
        line((right_aligned(label, gutter - 1) + "│", LABEL), *_shaded(row, rested, style))
        for label, row in zip(labels, drawn, strict=True)
    ]
    return [*lines, line((" " * (gutter - 1) + "└" + time_axis(room, curve.column_s), LABEL))]


def spark(curve: Curve, columns: int, style: str) -> list[tuple[str, str]]:
    """The curve in one row, at the right edge."""
    points = curve.points[-columns:]
    row = right_aligned(sparkline([point.value for point in points], columns), columns)
    rested = [False] * (columns - len(points)) + [point.rest is not None for point in points]
    return _shaded(row.replace("▁", " ") if any(rested) else row, rested, style)


def _shaded(row: str, rested: Sequence[bool], style: str) -> list[tuple[str, str]]:
    cells = [
        (RESTED, WARNING) if rest and cell in " ▁" else (cell, style)
        for cell, rest in zip(row, rested, strict=True)
    ]
    return [("".join(cell for cell, _ in run), one) for one, run in groupby(cells, key=lambda cell: cell[1])]


def time_axis(columns: int, column_s: int) -> str:
    """`──-10 min────────-5 min──────── now`, or `-6 h`: a few round times, and now at the right edge."""
    axis = list("─" * columns)
    now = " now"
    if columns < 2 * len(now):
        return "".join(axis)
    axis[-len(now) :] = now
    step = next((step for step in _TICKS_MIN if step * 60 / column_s >= _TICK_COLUMNS), _TICKS_MIN[-1])
    for minutes in range(step, columns * column_s // 60 + 1, step):
        label = f"-{minutes} min" if step < 60 else f"-{minutes // 60} h"
        at = columns - minutes * 60 // column_s
        if at + len(label) < columns - len(now):
            axis[at : at + len(label)] = label
    return "".join(axis)
