"""Where the parts of the report's two drawings lie: the account as a bar, the PSNR of a batch as a histogram."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from engine.formatting import decibels, integer
from engine.ledger.account import Account
from engine.reports.account.figures import BatchFigures

_WIDTH = 960
_BAR_HEIGHT = 22
_LEAST_PART_WIDTH = 2.0
"""A part that is not empty is at least this wide, so that one failure in 430,057 can be seen."""
_GAP = 1

_PLOT_HEIGHT = 190
_LEFT, _RIGHT, _TOP, _BOTTOM = 52, 8, 12, 34
"""Margins of a histogram."""
_LEAST_BAR_HEIGHT = 1.5
_BAR_DB = 0.25
_LEAST_BARS, _MOST_BARS = 24, 60
_MOST_LABELS = 12
_LABEL_STEPS_DB = (0.5, 1, 2, 5, 10, 20, 50)


@dataclass(frozen=True)
class BarPart:
    """The rows in one state. Lengths are in the units of the drawing, as everywhere here."""

    kind: str
    """Its class in report.css."""
    title: str
    x: float
    width: float


@dataclass(frozen=True)
class AccountBar:
    width: int
    height: int
    label: str
    """For those who cannot see it."""
    parts: tuple[BarPart, ...]


def account_bar(account: Account) -> AccountBar:
    states = [
        ("done", "done", account.done),
        ("accepted", "accepted with a reason", account.accepted),
        ("failed", "failed", account.failed),
        ("waiting", "not converted yet", account.remaining),
    ]
    present = [(kind, f"{integer(rows)} {words}", rows) for kind, words, rows in states if rows]
    parts, x = [], 0.0
    for (kind, title, _), width in zip(present, _widths([rows for *_, rows in present]), strict=True):
        parts.append(BarPart(kind, title, x, max(0.5, width - _GAP)))
        x += width
    return AccountBar(_WIDTH, _BAR_HEIGHT, ", ".join(part.title for part in parts) or "no rows", tuple(parts))


def _widths(numbers: Sequence[int]) -> list[float]:
    """Shares of the whole width; what the small ones need to be seen is taken from the largest."""
    if not numbers:
        return []
    total = sum(numbers)
    widths = [max(_LEAST_PART_WIDTH, _WIDTH * number / total) for number in numbers]
    widths[widths.index(max(widths))] -= sum(widths) - _WIDTH
    return widths


@dataclass(frozen=True)
class Scale:
    """The axis of the histograms."""

    first_db: float
    last_db: float
    bar_db: float
    """Width of a bar."""

    def x(self, psnr_db: float) -> float:
        share = (psnr_db - self.first_db) / (self.last_db - self.first_db)
        return _LEFT + (_WIDTH - _LEFT - _RIGHT) * share


def common_scale(batches: Sequence[BatchFigures]) -> Scale:
    """The same axis for every batch, so that they can be compared."""
    finite = [batch.psnr for batch in batches if batch.psnr.finite]
    least = min((psnr.lowest for psnr in finite), default=0.0)
    most = max((psnr.highest for psnr in finite), default=0.0)
    bar_db = _BAR_DB
    while (most - least) / bar_db > _MOST_BARS:
        bar_db *= 2
    first, last = math.floor(least / bar_db) * bar_db, (math.floor(most / bar_db) + 1) * bar_db
    while (last - first) / bar_db < _LEAST_BARS:
        first, last = first - bar_db, last + bar_db
    return Scale(first, last, bar_db)


@dataclass(frozen=True)
class HistogramBar:
    title: str
    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True)
class CountLine:
    """A horizontal line and the number of images that it stands for."""

    y: float
    count: int


@dataclass(frozen=True)
class AxisLabel:
    x: float
    text: str


@dataclass(frozen=True)
class Histogram:
    label: str
    """For those who cannot see it."""
    bar_db: str
    bars: tuple[HistogramBar, ...]
    lines: tuple[CountLine, ...]
    labels: tuple[AxisLabel, ...]
    mark_x: float | None
    """Left of it images are far below their batch; None if none would be drawn there."""
    width: int = _WIDTH
    height: int = _PLOT_HEIGHT
    left: int = _LEFT
    right: int = _WIDTH - _RIGHT
    top: int = _TOP
    base: int = _PLOT_HEIGHT - _BOTTOM


def psnr_histogram(batch: BatchFigures, scale: Scale) -> Histogram | None:
    """None for a batch in which no image differs from its source."""
    bars = batch.psnr.histogram(scale.bar_db)
    if not bars:
        return None
    highest = max(count for _, count in bars)
    limit = batch.psnr.flag_below
    return Histogram(
        label=f"PSNR in {batch.name}: median {decibels(batch.psnr.median)}",
        bar_db=f"{scale.bar_db:g}",
        bars=tuple(_bar(edge, count, highest, scale) for edge, count in bars if count),
        lines=tuple(CountLine(_y(count, highest), count) for count in sorted({highest, (highest + 1) // 2})),
        labels=tuple(AxisLabel(scale.x(value), f"{value:g}") for value in _round_values(scale)),
        mark_x=scale.x(limit) if limit is not None and scale.first_db < limit < scale.last_db else None,
    )


def _y(count: int, highest: int) -> float:
    base = _PLOT_HEIGHT - _BOTTOM
    return base - (base - _TOP) * count / highest


def _bar(edge_db: float, count: int, highest: int, scale: Scale) -> HistogramBar:
    base, end_db = _PLOT_HEIGHT - _BOTTOM, edge_db + scale.bar_db
    height = max(_LEAST_BAR_HEIGHT, base - _y(count, highest))
    x = scale.x(edge_db) + 0.75
    return HistogramBar(
        title=f"{edge_db:g} to {end_db:g} dB: {integer(count)}",
        x=x,
        y=base - height,
        width=max(0.5, scale.x(end_db) - 0.75 - x),
        height=height,
    )


def _round_values(scale: Scale) -> list[float]:
    span = scale.last_db - scale.first_db
    step = next((step for step in _LABEL_STEPS_DB if span / step <= _MOST_LABELS), _LABEL_STEPS_DB[-1])
    return [i * step for i in range(math.ceil(scale.first_db / step), math.floor(scale.last_db / step) + 1)]
