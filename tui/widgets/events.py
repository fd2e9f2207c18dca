"""The last lines of the event log."""

from __future__ import annotations

import time
from collections.abc import Sequence

from rich.text import Text

from engine.ledger.rows import Event
from tui import words
from tui.view import View
from tui.widgets.lines import BAD, LABEL, STRONG, line, title
from tui.widgets.section import Section

MARKS = {"error": "✗", "warning": "!", "info": " ", "debug": " "}
"""A level by a mark, so that it is not said by colour alone."""
_STYLES = {"error": BAD, "warning": STRONG}


class Events(Section):
    def draw(self, view: View, columns: int, rows: int) -> Sequence[Text]:
        events = view.picture.events[: rows - 1]
        if not events:
            return [title("Events", columns), line((" none yet", LABEL))]
        return [title("Events", columns, "e: all"), *(event_line(event, columns) for event in events)]


def event_line(event: Event, columns: int, *, dated: bool = False) -> Text:
    moment = time.localtime(event.time)
    at = time.strftime("%d %b %H:%M:%S" if dated else "%H:%M:%S", moment)
    mark = MARKS.get(event.level, " ")
    room = columns - len(at) - 4
    return line((at, LABEL), f" {mark} ", (words.fit(event.message, room), _STYLES.get(event.level, "")))
