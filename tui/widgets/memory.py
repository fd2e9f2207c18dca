"""Memory as one bar of all there is: in use, promised, headroom and the floor; and the last half hour as a curve.

With several hosts, a bar for each: those around the host that the workers' cursor is at."""

from __future__ import annotations

from collections.abc import Sequence

from rich.cells import cell_len
from rich.text import Text

from engine import formatting
from engine.control.snapshot import HostSnapshot, MemorySnapshot
from tui.state.hosts import is_away, several_hosts
from tui.state.view import View
from tui.terminal.text import padded, right_aligned, stacked
from tui.widgets.chart import chart, memory_curve
from tui.widgets.host_lines import short_names
from tui.widgets.line_widget import BAD, BUSY, LABEL, STRONG, line, title
from tui.widgets.panel import Panel

IN_USE, PROMISED, HEADROOM, FLOOR = "█", "▒", "·", "░"
_CHART_ROWS = 3
"""The least rows of a curve with its time axis."""
_NAME, _AMOUNT = 9, 6


class Memory(Panel):
    host = ""
    """The one that is to be in sight."""

    def show_host(self, name: str) -> None:
        self.host = name
        self.redraw()

    def draw(self, view: View, columns: int, rows: int) -> Sequence[Text]:
        snapshot = view.snapshot
        if hosts := several_hosts(snapshot):
            return host_bars(hosts, self.host, columns, rows)
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


def host_bars(hosts: Sequence[HostSnapshot], in_sight: str, columns: int, rows: int) -> list[Text]:
    """A bar for each host that fits, among them this one, and the bar's key if there is room for it too."""
    room = max(1, rows - 1)
    at = next((number for number, host in enumerate(hosts) if host.name == in_sight), 0)
    top = max(0, min(at - room // 2, len(hosts) - room))
    shown = hosts[top : top + room]
    drawn = [title("Memory", columns, _hosts_note(hosts, top, len(shown)))]
    names = short_names(hosts)
    name = max(map(cell_len, names.values()), default=0)
    drawn += [_host_bar(host, padded(names[host.name], name), columns) for host in shown]
    keys = [(IN_USE, BUSY, "in use"), (PROMISED, BUSY, "promised"), (HEADROOM, LABEL, "headroom")]
    keys.append((FLOOR, LABEL, "floor"))
    key = line(*(part for mark, style, what in keys for part in ((f"{mark} ", style), (f"{what}  ", LABEL))))
    return [*drawn, key] if rows > len(drawn) and key.cell_len <= columns + 2 else drawn


def _hosts_note(hosts: Sequence[HostSnapshot], top: int, shown: int) -> str:
    """Which of the hosts are shown; of all, which has the least headroom."""
    known = [host for host in hosts if not is_away(host)]
    if shown == len(hosts) or not known:
        return "and headroom of each host"
    least = min(known, key=lambda host: host.memory.headroom)
    which = f"{top + 1}–{top + shown} of {len(hosts)}"
    return f"{which}, least: {least.name} {formatting.short_memory(least.memory.headroom)}"


def _host_bar(host: HostSnapshot, name: str, columns: int) -> Text:
    memory = host.memory
    label = (f"{name} ", STRONG)
    room = max(0, columns - cell_len(name) - _AMOUNT - 2)
    if is_away(host) or memory.total <= 0:
        word = host.state.value if is_away(host) else formatting.UNKNOWN
        return line(label, (padded(word, room + _AMOUNT + 1), LABEL))
    headroom = right_aligned(formatting.short_memory(memory.headroom), _AMOUNT)
    return line(label, *memory_bar(memory, room), " ", (headroom, BAD if memory.headroom < 0 else ""))


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
