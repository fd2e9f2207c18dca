"""Under the event log: the event under the cursor in full."""

from __future__ import annotations

from collections.abc import Sequence

from rich.text import Text

from engine.formatting import date_and_second
from engine.ledger.models import Event
from engine.ledger.told_events import told
from tui.widgets.line_widget import LABEL, STRONG, LineWidget, line
from tui.widgets.row_details import cut
from tui.widgets.text_view import wrapped


class EventDetails(LineWidget):
    _event: Event | None = None

    def show(self, event: Event | None) -> None:
        self._event = event
        self.redraw()

    def lines(self, columns: int, rows: int) -> Sequence[Text]:
        rule = line(("─" * columns, LABEL))
        return [rule, *(_lines(self._event, columns, rows - 1) if self._event is not None else [])]


def _lines(event: Event, columns: int, rows: int) -> list[Text]:
    about = f"on {event.host}: " if event.host else ""
    about += f"{event.target}: " if event.target and event.times == 1 else ""
    text = line(
        (f"{date_and_second(event.time)} ", LABEL), (f"{event.kind}: ", STRONG), f"{about}{told(event)}"
    )
    return cut(wrapped(text, columns), rows, columns)
