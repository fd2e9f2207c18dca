"""The first line of a list: what it shows, under which limits, and where in it one is."""

from __future__ import annotations

from collections.abc import Sequence

from rich.cells import cell_len
from rich.text import Text

from tui import words
from tui.widgets.lines import LABEL, STRONG, Lines, line


class Caption(Lines):
    _heading = ""
    _facts: Sequence[str] = ()
    _position = ""

    def show(self, heading: str, facts: Sequence[str], position: str = "") -> None:
        self._heading, self._facts, self._position = heading, facts, position
        self.redraw()

    def lines(self, columns: int, rows: int) -> Sequence[Text]:
        room = columns - cell_len(self._heading) - cell_len(self._position) - 3
        facts = words.padded(" · ".join(self._facts), max(0, room))
        return [line((self._heading, STRONG), "  ", facts, " ", (self._position, LABEL))]
