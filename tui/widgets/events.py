"""The last lines of the event log."""

from __future__ import annotations

from collections.abc import Sequence

from rich.cells import cell_len
from rich.text import Text

from engine import formatting
from engine.ledger.models import Event
from tui.state.view import View
from tui.terminal_text import Keep, fit, padded
from tui.widgets.line_widget import BAD, LABEL, STRONG, line, title
from tui.widgets.panel import Panel

MARKS = {"error": "✗", "warning": "!", "info": " ", "debug": " "}
"""The mark of a level, because colour alone must not show it."""
KIND = 9
"""Columns of the longest kind, `converted`."""
_NAME = 14
"""The least width of an image's name."""
_STYLES = {"error": BAD, "warning": STRONG}


class Events(Panel):
    def draw(self, view: View, columns: int, rows: int) -> Sequence[Text]:
        events = view.status.events[: rows - 1]
        if not events:
            return [title("Events", columns), line((" none yet", LABEL))]
        return [title("Events", columns, "e: all"), *(event_line(event, columns) for event in events)]


def event_line(event: Event, columns: int, *, now: float | None = None) -> Text:
    """Time, kind, image and message; with `now`, Unix time in s, the date too."""
    at = formatting.time_of_day(event.time) if now is None else formatting.dated(event.time, now)
    mark = MARKS.get(event.level, " ")
    style = _STYLES.get(event.level, "")
    room = columns - len(at) - 3 - KIND - 1
    name = fit(event.image, max(_NAME, room // 2), Keep.BOTH) if event.image else ""
    parts: list[str | tuple[str, str]] = [
        (at, LABEL),
        f" {mark} ",
        (padded(event.kind, KIND), style),
        " ",
    ]
    if name:
        parts.append((f"{name}: ", STRONG))
        room -= cell_len(name) + 2
    return line(*parts, (fit(event.message, room), style))
