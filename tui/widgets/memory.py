"""Memory as one bar of all there is: in use, promised, headroom and the floor; and the last half hour as a curve."""

from __future__ import annotations

from collections.abc import Sequence

from rich.text import Text

from engine import formatting
from engine.control.snapshot import MemorySnapshot
from tui.state.view import View
from tui.terminal.text import right_aligned, stacked
from tui.widgets.chart import chart, memory_curve
from tui.widgets.line_widget import BAD, BUSY, LABEL, line, title
from tui.widgets.panel import Panel

IN_USE, PROMISED, HEADROOM, FLOOR = "█", "▒", "·", "░"
_CHART_ROWS = 3
"""The least rows of a curve with its time axis."""
_NAME, _AMOUNT = 9, 6


class Memory(Panel):
    def draw(self, view: View, columns: int, rows: int) -> Sequence[Text]:
        snapshot = view.snapshot
        memory = snapshot.memory if snapshot else None
        if snapshot is None or memory is None or memory.total <= 0:
            return [title("Memory", columns), line((f" {formatting.UNKNOWN}", LABEL))]
        total = formatting.memory_size(memory.total)
        drawn = [
            title("Memory", columns, f"of {total}, below the floor" if is_low(memory) else f"of {total}"),
            line(*memory_bar(memory, columns)),
            *figures_lines(memory),
        ]
        spare = rows - len(drawn)
        if spare >= _CHART_ROWS:
            scale = formatting.short_memory(memory.total).rjust(5)
            curve = memory_curve(snapshot.recent, columns - len(scale) - 1)
            drawn += chart(curve, columns, spare, float(memory.total), scale, BUSY)
        return drawn


def is_low(memory: MemorySnapshot) -> bool:
    return memory.available < memory.floor


def memory_bar(memory: MemorySnapshot, columns: int) -> list[tuple[str, str]]:
    """What is used or promised of the floor is taken from the floor's part."""
    in_use = memory.total - memory.available
    promised = min(memory.committed, memory.available)
    floor = max(0, min(memory.floor, memory.available - promised))
    headroom = memory.total - in_use - promised - floor
    widths = stacked((in_use, promised, headroom, floor), columns)
    styles = (BUSY, BUSY, LABEL, _floor_style(memory))
    marks = (IN_USE, PROMISED, HEADROOM, FLOOR)
    return [(mark * width, style) for mark, width, style in zip(marks, widths, styles, strict=True)]


def figures_lines(memory: MemorySnapshot) -> list[Text]:
    """The bar's key; headroom below zero means that nothing starts."""
    in_use = _figure(IN_USE, BUSY, "in use", memory.total - memory.available)
    promised = _figure(PROMISED, BUSY, "promised", memory.committed)
    headroom = _figure(HEADROOM, LABEL, "headroom", memory.headroom)
    floor = _figure(FLOOR, _floor_style(memory), "floor", memory.floor)
    return [line(*in_use, "   ", *promised), line(*headroom, "   ", *floor)]


def _figure(mark: str, style: str, name: str, amount: int) -> list[tuple[str, str]]:
    value = right_aligned(formatting.short_memory(amount), _AMOUNT)
    return [(f"{mark} ", style), (name.ljust(_NAME), LABEL), (value, BAD if amount < 0 else "")]


def _floor_style(memory: MemorySnapshot) -> str:
    return BAD if is_low(memory) else LABEL
