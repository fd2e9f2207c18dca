"""A text to read: wrapped to the width, scrolled with the arrow keys."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from rich.cells import cell_len
from rich.text import Text
from textual.binding import BindingType

from tui.actions.registry import Scope, widget_bindings
from tui.widgets.line_widget import LABEL, LineWidget, line


class TextView(LineWidget, can_focus=True):
    """A line that is longer than the width continues below, indented."""

    BINDINGS: ClassVar[list[BindingType]] = widget_bindings(Scope.DETAIL)

    _paragraphs: Sequence[Text] = ()
    _wrapped: Sequence[Text] = ()
    top = 0

    def write(self, paragraphs: Sequence[Text]) -> None:
        self._paragraphs = paragraphs
        self.redraw()

    def lines(self, columns: int, rows: int) -> Sequence[Text]:
        self._wrapped = [part for text in self._paragraphs for part in wrapped(text, columns)]
        self.top = max(0, min(self.top, len(self._wrapped) - rows))
        shown = list(self._wrapped[self.top : self.top + rows])
        below = len(self._wrapped) - self.top - rows
        if below > 0 and shown:
            shown[-1] = line((f"↓ {below + 1} more lines", LABEL))
        return shown

    def action_move(self, by: int) -> None:
        self.top += by
        self.redraw()

    def action_jump(self, to: int) -> None:
        self.action_move(to * len(self._wrapped))

    def action_page(self, by: int) -> None:
        self.action_move(by * max(1, self.size.height - 2))


def wrapped(text: Text, columns: int) -> list[Text]:
    """The text in lines of at most `columns`; continued lines are indented to the second column of the text."""
    if text.cell_len <= columns or columns < 4:
        return [text]
    indent = _indent(text.plain) if columns > 30 else 0
    breaks: list[int] = []
    start = 0
    room = columns
    while cell_len(text.plain[start:]) > room:
        end = _break_at(text.plain, start, room, indent if not breaks else 0)
        breaks.append(end)
        start = end
        room = columns - indent
    parts = text.divide(breaks)
    lines = [parts[0]]
    for part in parts[1:]:
        lead = len(part.plain) - len(part.plain.lstrip())
        lines.append(Text.assemble(" " * indent, part[lead:] if lead else part, no_wrap=True, end=""))
    return lines


def _break_at(plain: str, start: int, room: int, fixed: int) -> int:
    """The offset of the first character of the next line: after the last space that fits, else inside the word.

    The first `fixed` columns are a label, which is not broken."""
    end, used = start, 0
    while end < len(plain) and used + cell_len(plain[end]) <= room:
        used += cell_len(plain[end])
        end += 1
    if end < len(plain) and plain[end] == " ":
        return end
    space = plain.rfind(" ", start + fixed + 1, end)
    return space + 1 if space > start + max(fixed, room // 3) else max(end, start + 1)


def _indent(plain: str) -> int:
    """Where the second column starts: after the first run of two or more spaces that follows text."""
    body = plain.lstrip()
    lead = len(plain) - len(body)
    gap = body.find("  ")
    if gap < 0:
        return lead
    return lead + gap + len(body[gap:]) - len(body[gap:].lstrip())
