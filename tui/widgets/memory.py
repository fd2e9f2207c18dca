"""Memory as a bar: used, reserved but not used yet, and free, with the floor marked; and its history."""

from __future__ import annotations

from collections.abc import Sequence

from rich.text import Text

from engine import formatting
from engine.control.snapshot import MemorySnapshot
from tui.state.view import View
from tui.terminal_text import column_chart
from tui.widgets.line_widget import BAD, LABEL, line, title
from tui.widgets.panel import Panel

USED, RESERVED, FREE, FLOOR = "█", "▒", "·", "┃"


class Memory(Panel):
    def draw(self, view: View, columns: int, rows: int) -> Sequence[Text]:
        memory = view.snapshot.memory if view.snapshot else None
        if memory is None or memory.total <= 0:
            return [title("Memory", columns), line((f" {formatting.UNKNOWN}", LABEL))]
        low = memory.available < memory.floor
        drawn = [
            title(
                "Memory", columns, "below the floor" if low else f"of {formatting.memory_size(memory.total)}"
            ),
            memory_bar(memory, columns),
            figures_line(memory),
            room_line(memory),
        ]
        spare = rows - len(drawn)
        if spare > 0:
            history = column_chart(view.used_bytes, columns, spare, float(memory.total))
            drawn += [line((row, LABEL)) for row in history]
        return drawn


def memory_bar(memory: MemorySnapshot, columns: int) -> Text:
    """Used from the left, then reserved; the mark stands where only the floor is left free."""
    used = memory.total - memory.available
    ends = [round(columns * min(1.0, amount / memory.total)) for amount in (used, used + memory.committed)]
    cells = [
        USED if column < ends[0] else RESERVED if column < ends[1] else FREE for column in range(columns)
    ]
    mark = min(columns - 1, max(0, round(columns * (1 - memory.floor / memory.total))))
    before, after = "".join(cells[:mark]), "".join(cells[mark + 1 :])
    return line(before, (FLOOR, BAD), (after, LABEL))


def figures_line(memory: MemorySnapshot) -> Text:
    used = memory.total - memory.available
    return line(
        (f"{USED} ", ""),
        ("used ", LABEL),
        formatting.short_memory(used),
        (f"  {RESERVED} ", ""),
        ("reserved ", LABEL),
        formatting.short_memory(memory.committed),
    )


def room_line(memory: MemorySnapshot) -> Text:
    """Room is the memory that new images can still reserve; below zero nothing starts."""
    return line(
        (f"{FREE} ", ""),
        ("room ", LABEL),
        (formatting.short_memory(memory.headroom), BAD if memory.headroom < 0 else ""),
        ("  ", ""),
        (FLOOR, BAD),
        (" floor ", LABEL),
        formatting.short_memory(memory.floor),
    )
