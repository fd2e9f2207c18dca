"""Text to read: wrapped to the width, scrolled with the arrow keys."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from rich.console import Console
from rich.text import Text
from textual.binding import Binding, BindingType

from tui.widgets.lines import LABEL, Lines, line

_MEASURE = Console(color_system=None, markup=False, emoji=False, highlight=False, width=80)


class Paper(Lines, can_focus=True):
    """A line that is longer than the width goes on indented under itself."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "move(-1)", show=False),
        Binding("down,j", "move(1)", show=False),
        Binding("pageup,ctrl+b", "page(-1)", show=False),
        Binding("pagedown,ctrl+f,space", "page(1)", show=False),
        Binding("home,g", "move(-1000000)", show=False),
        Binding("end,G", "move(1000000)", show=False),
    ]

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
            shown[-1] = line((f"↓ {below + 1} lines more", LABEL))
        return shown

    def action_move(self, by: int) -> None:
        self.top += by
        self.redraw()

    def action_page(self, by: int) -> None:
        self.action_move(by * max(1, self.size.height - 2))


def wrapped(text: Text, columns: int) -> list[Text]:
    """The text in lines of at most `columns`; continued lines start under the text after its first wide gap."""
    indent = _indent(text.plain) if columns > 30 else 0
    if text.cell_len <= columns:
        return [text]
    first = text.copy()
    first.no_wrap = False
    parts = list(first.wrap(_MEASURE, columns))
    if indent and len(parts) > 1:
        used = len(parts[0].plain)
        rest = first[used:]
        rest = rest[len(rest.plain) - len(rest.plain.lstrip()) :]
        parts = [parts[0]]
        for part in rest.wrap(_MEASURE, columns - indent):
            parts.append(Text.assemble(" " * indent, part, end=""))
    return parts


def _indent(plain: str) -> int:
    """Where the second column starts: after the first run of two spaces that follows text."""
    body = plain.lstrip()
    lead = len(plain) - len(body)
    gap = body.find("  ")
    if gap < 0:
        return lead
    return lead + gap + len(body[gap:]) - len(body[gap:].lstrip())
