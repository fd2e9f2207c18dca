"""Throughput: images a minute, bytes in and out, what the JPEGs save, and a curve of the last half hour or the run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from rich.cells import cell_len
from rich.text import Text

from engine import formatting
from engine.control.recent import Rest
from engine.control.snapshot import Snapshot
from tui.state.view import View
from tui.widgets.chart import RESTED, Curve, chart, images_curve, round_ceiling, spark
from tui.widgets.line_widget import BUSY, LABEL, STRONG, line, title
from tui.widgets.panel import Panel
from tui.widgets.run_curve import run_curve

_FIGURES_ROWS = 4
_CHART_ROWS = 3
"""The least rows of a curve with its time axis."""
_UNIT = " images/min"
_RESTS = {Rest.PAUSED: "paused", Rest.HOLDING: "held", Rest.STOPPED: "stopped"}


class Throughput(Panel):
    whole_run = False
    """The curve is that of the run."""

    def toggle_curve(self) -> bool:
        """Between the last half hour and the whole run; True if it is the run now."""
        self.whole_run = not self.whole_run
        self.redraw()
        return self.whole_run

    def _curve(self, view: View, snapshot: Snapshot, columns: int) -> Curve:
        if self.whole_run and view.status.record is not None:
            return run_curve(view.status.record, view.now, columns)
        return images_curve(snapshot.recent, columns)

    def draw(self, view: View, columns: int, rows: int) -> Sequence[Text]:
        snapshot = view.snapshot
        if snapshot is None:
            return [title("Throughput", columns), line((f" {formatting.UNKNOWN}", LABEL))]
        if snapshot.engine is None:
            return [title("Throughput", columns), saved_line(snapshot, columns)]
        spare = rows - _FIGURES_ROWS
        if spare >= _CHART_ROWS:
            scale_columns = 6
            curve = self._curve(view, snapshot, columns - scale_columns)
            ceiling = round_ceiling(max(curve.values, default=0.0) * 60) / 60
            scale = formatting.per_minute(ceiling).removesuffix(".0")
            drawn = chart(curve, columns, spare, ceiling, scale.rjust(scale_columns - 1), BUSY)
            images = line(*_images(snapshot))
        else:
            drawn = []
            curve, images = images_line(snapshot, columns, partial(self._curve, view, snapshot))
        head = title("Throughput", columns, curve_note(curve, columns - len("Throughput") - 4))
        return [head, images, rates_line(snapshot, columns), saved_line(snapshot, columns), *drawn]


def _images(snapshot: Snapshot) -> list[tuple[str, str]]:
    return [(formatting.per_minute(snapshot.rates_now.images_per_s), STRONG), (_UNIT, LABEL)]


def images_line(snapshot: Snapshot, columns: int, curve_for: Callable[[int], Curve]) -> tuple[Curve, Text]:
    """Images a minute, and the curve beside it, which `curve_for` makes for its columns."""
    figures = _images(snapshot)
    room = max(0, columns - line(*figures).cell_len - 1)
    curve = curve_for(room)
    return curve, line(*figures, " ", *spark(curve, room, BUSY))


def curve_note(curve: Curve, columns: int) -> str:
    """`20 min: average 64, peak 84, ░ paused`; shorter words where there is little room."""
    if not curve.minutes or curve.average is None:
        return ""
    average, peak = (formatting.per_minute(value) for value in (curve.average, max(curve.values)))
    rests = sorted({_RESTS[point.rest] for point in curve.points if point.rest is not None})
    shaded = f", {RESTED} {' or '.join(rests)}" if rests else ""
    notes = (
        f"{curve.span}: average {average}, peak {peak}{shaded}",
        f"{curve.span}: avg {average}, peak {peak}{shaded}",
        f"{curve.span}: avg {average}, peak {peak}",
        f"avg {average}, peak {peak}{shaded}",
    )
    return next((note for note in notes if cell_len(note) <= columns), f"avg {average}, peak {peak}")


def rates_line(snapshot: Snapshot, columns: int) -> Text:
    """`in 18.5 MB/s  out 7.52 MB/s of 20.0 MB/s allowed  41.7 Mpx/s`, as much of it as there is room for."""
    rates, limit = snapshot.rates_now, snapshot.store.bandwidth_limit
    coming = ("in ", LABEL), f"{formatting.data_size(rates.source_bytes_per_s)}/s"
    going = f"{formatting.data_size(rates.jpeg_bytes_per_s)}/s"
    both = (*coming, ("  out ", LABEL), going)
    pixels = (f"  {formatting.megapixels(rates.megapixels_per_s)}/s", LABEL)
    if limit is None:
        variants = [line(*both, pixels), line(*both)]
    else:
        of_limit = (f" of {formatting.data_size(limit)}/s", LABEL)
        variants = [
            line(*both, of_limit, (" allowed", LABEL), pixels),
            line(*both, of_limit, (" allowed", LABEL)),
            line(*both, of_limit),
            line(("out ", LABEL), going, of_limit),
        ]
    return next((text for text in variants if text.cell_len <= columns), variants[-1])


def saved_line(snapshot: Snapshot, columns: int) -> Text:
    """`7.23 TB → 2.93 TB  59.5 % smaller`; the percentage without its word where there is little room."""
    if not snapshot.bytes.source:
        return line((f" {formatting.UNKNOWN}", LABEL))
    amounts = f"{formatting.data_size(snapshot.bytes.source)} → {formatting.data_size(snapshot.bytes.jpeg)}"
    saved = formatting.reduction(snapshot.bytes.source, snapshot.bytes.jpeg)
    if cell_len(amounts) + cell_len(saved) + 2 > columns:
        saved = formatting.short_reduction(snapshot.bytes.source, snapshot.bytes.jpeg)
    return line(amounts, ("  ", ""), (saved, LABEL))
