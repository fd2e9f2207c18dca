"""GPUs as nvtop shows them: a line each, and curves of how busy it is, of its memory and of what it decodes."""

from __future__ import annotations

from collections.abc import Sequence

from rich.cells import cell_len
from rich.text import Text

from engine import formatting
from engine.control.gpu_snapshot import GpuSnapshot, GpuState
from engine.control.snapshot import Snapshot
from tui.state.gpus import busy_share, gpu_labels, gpus_of
from tui.state.view import View
from tui.terminal.text import bar, fit, padded, right_aligned, sparkline
from tui.widgets.line_widget import BUSY, LABEL, STRONG, WARNING, line, title
from tui.widgets.panel import Panel

_LABEL_COLUMNS, _VALUE_COLUMNS = 7, 12
_SHORTEST_LABEL = 16
_BAR = 12
_GAP = "  "
_CLOSED = "not used any more"
_WORD_COLUMNS = len(_GAP + _CLOSED) + 2
"""With a beginning of why."""


def gpu_rows(snapshot: Snapshot) -> int:
    """What the panel can use, without its title; 0 where there is no GPU."""
    return sum(1 + _curve_rows(gpu) for gpu in gpus_of(snapshot))


def _curve_rows(gpu: GpuSnapshot) -> int:
    """Below a GPU's line, if there is room for them."""
    return 0 if gpu.state is not GpuState.READY else 3 if gpu.memory_total else 2


class Gpus(Panel):
    def draw(self, view: View, columns: int, rows: int) -> Sequence[Text]:
        gpus = gpus_of(view.snapshot) if view.snapshot else ()
        if len(gpus) >= max(2, rows):
            return _some(gpus, columns, rows)
        drawn = [title("GPU" if len(gpus) < 2 else "GPUs", columns, _note(gpus, 0))]
        table = _Table(gpus, columns)
        for number, gpu in enumerate(gpus):
            others = len(gpus) - number - 1
            below = _curve_rows(gpu)
            with_curves = below > 0 and rows - len(drawn) > below + others
            drawn.append(table.line(number, with_bar=not with_curves))
            if with_curves:
                drawn += _curves(gpu, columns)
        return drawn


def _some(gpus: Sequence[GpuSnapshot], columns: int, rows: int) -> list[Text]:
    """All of them in one line, and below it as many as there is room for: first those that do not decode."""
    shown = sorted(gpus, key=lambda gpu: gpu.state is GpuState.READY)[: max(0, rows - 2)]
    table = _Table(shown, columns)
    lines = [table.line(number, with_bar=True) for number in range(len(shown))]
    return [title("GPUs", columns, _note(gpus, len(gpus) - len(shown))), _sum(gpus, columns), *lines]


def _note(gpus: Sequence[GpuSnapshot], hidden: int) -> str:
    """Their pace together, if each has a line of its own; how many have none; what was left to the cores."""
    parts = []
    if hidden:
        parts.append(f"{hidden} more not shown" if hidden < len(gpus) else "each one: photostat status")
    elif len(rates := [gpu.megapixels_per_s for gpu in gpus if gpu.state is GpuState.READY]) > 1:
        parts.append(f"{formatting.three_figures(sum(rates))} Mpx/s")
    if left := sum(sum(gpu.refused.values()) for gpu in gpus):
        parts.append(f"{formatting.integer(left)} left to the cores")
    return ", ".join(parts)


def _sum(gpus: Sequence[GpuSnapshot], columns: int) -> Text:
    """`7 of 8 at work  70 %  4,028 Mpx/s  120G of 1.1T  212,000 images`."""
    at_work = [gpu for gpu in gpus if gpu.state is GpuState.READY]
    busy = sum(map(busy_share, at_work)) / max(1, len(at_work))
    rate = sum(gpu.megapixels_per_s for gpu in at_work)
    used, total = sum(gpu.memory or 0 for gpu in at_work), sum(gpu.memory_total or 0 for gpu in at_work)
    figures = _figures(busy, rate, used, total, sum(gpu.images for gpu in gpus))
    parts = [f"{len(at_work)} of {len(gpus)} at work", *filter(None, figures)]
    while len(parts) > 1 and len(_GAP.join(parts)) > columns:
        parts.pop()
    style = STRONG if len(at_work) == len(gpus) else WARNING
    return line((fit(parts[0], columns), style), *(_GAP + part for part in parts[1:]))


def _figures(busy: float, megapixels_per_s: float, used: int, total: int, images: int) -> list[str]:
    memory = f"{formatting.short_memory(used)} of {formatting.short_memory(total)}" if total else ""
    rate = f"{formatting.three_figures(megapixels_per_s)} Mpx/s"
    return [f"{round(100 * busy)} %", rate, memory, formatting.counted(images, "image")]


class _Table:
    """Lines whose figures stand below one another, as many of them as there is room for."""

    def __init__(self, gpus: Sequence[GpuSnapshot], columns: int) -> None:
        self._gpus, self._columns = gpus, columns
        self._figures = [
            _figures(
                busy_share(gpu), gpu.megapixels_per_s, gpu.memory or 0, gpu.memory_total or 0, gpu.images
            )
            if gpu.state is GpuState.READY
            else []
            for gpu in gpus
        ]
        rows = [row for row in self._figures if row]
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        self._widths = [width and width + len(_GAP) for width in widths]
        longest = max(map(cell_len, gpu_labels(gpus, columns)), default=0)
        while len(self._widths) > 1 and self._least_label(longest) + sum(self._widths) > columns:
            self._widths.pop()
        words = _WORD_COLUMNS if len(rows) < len(gpus) else 0
        self._labels = gpu_labels(gpus, max(0, columns - max(words, sum(self._widths))))
        self._label = max(map(cell_len, self._labels), default=0)

    def _least_label(self, longest: int) -> int:
        """How busy it is and what it decodes are worth more than the whole name; its memory is not."""
        return longest if len(self._widths) > 2 else min(longest, _SHORTEST_LABEL)

    def line(self, number: int, *, with_bar: bool) -> Text:
        """`H200 0   98 %   612 Mpx/s  15.0G of 140G  1,204 images  ███████▊···`; or why it does not decode."""
        gpu, label = self._gpus[number], self._labels[number]
        if gpu.state is not GpuState.READY:
            word = _CLOSED if gpu.state is GpuState.CLOSED else "starts"
            why = f": {gpu.problem}" if gpu.problem else ""
            return line((fit(f"{padded(label, self._label)}{_GAP}{word}{why}", self._columns), WARNING))
        figures = "".join(
            right_aligned(text, width)
            for text, width in zip(self._figures[number], self._widths, strict=False)
            if width
        )
        room = self._columns - self._label - len(figures) - len(_GAP)
        shown = bar(busy_share(gpu), min(room, _BAR)) if with_bar and room >= _BAR // 2 else ""
        return line((padded(label, self._label), STRONG), figures, (shown and _GAP + shown, BUSY))


def _curves(gpu: GpuSnapshot, columns: int) -> list[Text]:
    """The last minutes; the memory's only if the driver tells it."""
    busy = [span.busy_percent for span in gpu.recent]
    speed = [span.megapixels_per_s for span in gpu.recent]
    drawn = [_curve("busy", busy, 100.0, "of 100 %", columns)]
    if gpu.memory_total:
        memory = [span.memory_mib for span in gpu.recent]
        total_mib = gpu.memory_total / 2**20
        drawn.append(
            _curve("memory", memory, total_mib, f"of {formatting.short_memory(gpu.memory_total)}", columns)
        )
    peak = max(speed, default=0.0)
    drawn.append(_curve("Mpx/s", speed, None, f"peak {formatting.three_figures(peak)}", columns))
    return drawn


def _curve(label: str, values: Sequence[float], ceiling: float | None, scale: str, columns: int) -> Text:
    room = max(0, columns - _LABEL_COLUMNS - _VALUE_COLUMNS)
    drawn = sparkline(values, room, ceiling)
    return line(
        (label.ljust(_LABEL_COLUMNS), LABEL),
        (right_aligned(drawn, room), BUSY),
        (right_aligned(scale, _VALUE_COLUMNS), LABEL),
    )
