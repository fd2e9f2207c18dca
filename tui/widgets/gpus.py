"""GPUs as nvtop shows them: a line each, and curves of how busy it is, of its memory and of what it decodes."""

from __future__ import annotations

from collections.abc import Sequence

from rich.text import Text

from engine import formatting
from engine.control.gpu_snapshot import GpuSnapshot, GpuState
from engine.control.snapshot import Snapshot
from tui.state.gpus import busy_share, gpu_name, gpus_of
from tui.state.view import View
from tui.terminal.text import fit, right_aligned, sparkline
from tui.widgets.line_widget import BUSY, LABEL, STRONG, WARNING, line, title
from tui.widgets.panel import Panel

CURVES = 3
"""Rows below a GPU's line, if there is room for them."""
_LABEL_COLUMNS, _VALUE_COLUMNS = 7, 12


def gpu_rows(snapshot: Snapshot) -> int:
    """What the panel can use, without its title; 0 where there is no GPU."""
    return len(gpus_of(snapshot)) * (1 + CURVES)


class Gpus(Panel):
    def draw(self, view: View, columns: int, rows: int) -> Sequence[Text]:
        gpus = gpus_of(view.snapshot) if view.snapshot else ()
        left = sum(sum(gpu.refused.values()) for gpu in gpus)
        note = f"{formatting.integer(left)} left to the cores" if left else ""
        drawn = [title("GPU" if len(gpus) < 2 else "GPUs", columns, note)]
        for number, gpu in enumerate(gpus):
            drawn.append(_line(gpu, columns))
            others = len(gpus) - number - 1
            if gpu.state is GpuState.READY and rows - len(drawn) >= CURVES + others:
                drawn += _curves(gpu, columns)
        return drawn


def _line(gpu: GpuSnapshot, columns: int) -> Text:
    """`H200 0  98 %  612 Mpx/s  15.0G of 140G  1,204 images`, as much of it as there is room for."""
    if gpu.state is not GpuState.READY:
        word = "not used any more" if gpu.state is GpuState.CLOSED else "starts"
        why = f": {gpu.problem}" if gpu.problem else ""
        return line((fit(f"{gpu_name(gpu)}  {word}{why}", columns), WARNING))
    parts = [f"  {round(100 * busy_share(gpu))} %"]
    parts.append(f"  {formatting.three_figures(gpu.megapixels_per_s)} Mpx/s")
    if gpu.memory is not None and gpu.memory_total is not None:
        parts.append(
            f"  {formatting.short_memory(gpu.memory)} of {formatting.short_memory(gpu.memory_total)}"
        )
    parts.append(f"  {formatting.counted(gpu.images, 'image')}")
    while len(parts) > 1 and len(gpu_name(gpu)) + sum(map(len, parts)) > columns:
        parts.pop()
    return line((fit(gpu_name(gpu), columns - sum(map(len, parts))), STRONG), *parts)


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
