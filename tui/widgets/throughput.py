"""Throughput: images a minute, bytes in and out, what the JPEGs save, and the last minutes as a curve."""

from __future__ import annotations

from collections.abc import Sequence

from rich.cells import cell_len
from rich.text import Text

from engine import formatting
from engine.control.snapshot import Snapshot
from tui.state import history
from tui.state.view import View
from tui.terminal_text import column_chart, right_aligned, sparkline
from tui.widgets.line_widget import LABEL, STRONG, line, title
from tui.widgets.panel import Panel


class Throughput(Panel):
    def draw(self, view: View, columns: int, rows: int) -> Sequence[Text]:
        snapshot = view.snapshot
        if snapshot is None:
            return [title("Throughput", columns), line((f" {formatting.UNKNOWN}", LABEL))]
        if snapshot.engine is None:
            return [title("Throughput", columns), saved_line(snapshot, columns)]
        spare = rows - 4
        head = title("Throughput", columns, _span_note(view, columns))
        rates = rates_line(snapshot, columns)
        if spare > 0:
            curve = [line((row, LABEL)) for row in column_chart(view.images_per_s, columns, spare)]
            images = images_line(view, columns, curve=False)
            return [head, images, rates, saved_line(snapshot, columns), *curve]
        return [head, images_line(view, columns, curve=True), rates, saved_line(snapshot, columns)]


def _span_note(view: View, columns: int) -> str:
    minutes = len(view.images_per_s) * history.SPAN_S // 60
    return f"last {min(minutes, columns * history.SPAN_S // 60)} min" if minutes else ""


def images_line(view: View, columns: int, *, curve: bool) -> Text:
    """Images a minute, with the curve beside it if it has no rows of its own."""
    assert view.snapshot is not None
    number = formatting.per_minute(view.snapshot.rates_now.images_per_s)
    unit = " images/min"
    room = columns - len(number) - len(unit) - 1
    spark = right_aligned(sparkline(view.images_per_s, room), room) if curve else ""
    return line((number, STRONG), (unit, LABEL), " ", (spark, LABEL))


def rates_line(snapshot: Snapshot, columns: int) -> Text:
    rates = snapshot.rates_now
    coming, going = (
        formatting.data_size(rates.source_bytes_per_s),
        formatting.data_size(rates.jpeg_bytes_per_s),
    )
    pixels = f"  {formatting.megapixels(rates.megapixels_per_s)}/s"
    parts: list[str | tuple[str, str]] = [("in ", LABEL), f"{coming}/s", ("  out ", LABEL), f"{going}/s"]
    used = len(coming) + len(going) + 13
    if used + cell_len(pixels) <= columns:
        parts.append((pixels, LABEL))
    return line(*parts)


def saved_line(snapshot: Snapshot, columns: int) -> Text:
    """`7.23 TB → 2.93 TB  59.5 % smaller`; the percentage without its word where there is little room."""
    if not snapshot.bytes.source:
        return line((f" {formatting.UNKNOWN}", LABEL))
    amounts = f"{formatting.data_size(snapshot.bytes.source)} → {formatting.data_size(snapshot.bytes.jpeg)}"
    saved = formatting.reduction(snapshot.bytes.source, snapshot.bytes.jpeg)
    if cell_len(amounts) + cell_len(saved) + 2 > columns:
        saved = formatting.short_reduction(snapshot.bytes.source, snapshot.bytes.jpeg)
    return line(amounts, ("  ", ""), (saved, LABEL))
