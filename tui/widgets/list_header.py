"""The first line of a list: its heading, filters, position, and the engine's state."""

from __future__ import annotations

from collections.abc import Sequence

from rich.cells import cell_len
from rich.text import Text

from tui.state.status import Banner, Tone
from tui.terminal.text import padded
from tui.widgets.line_widget import LABEL, STRONG, TONES, LineWidget, line


class ListHeader(LineWidget):
    _heading = ""
    _facts: Sequence[str] = ()
    _position = ""
    _state = Banner("", "", Tone.NEUTRAL)

    def show_state(self, banner: Banner) -> None:
        """The engine's state, at the right edge."""
        self._state = banner
        self.redraw()

    def show(self, heading: str, facts: Sequence[str], position: str = "") -> None:
        self._heading, self._facts, self._position = heading, facts, position
        self.redraw()

    def lines(self, columns: int, rows: int) -> Sequence[Text]:
        label = f" {self._state.label} "
        room = columns - cell_len(self._heading) - cell_len(self._position) - cell_len(label) - 4
        facts = padded(" · ".join(self._facts), max(0, room))
        state = (label, TONES[self._state.tone])
        return [line((self._heading, STRONG), "  ", facts, " ", (self._position, LABEL), " ", state)]
