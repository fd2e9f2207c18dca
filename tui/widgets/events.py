"""The last lines of the event log: what is new, and above all what is notable, however long ago it was."""

from __future__ import annotations

import time
from collections.abc import Sequence

from rich.cells import cell_len
from rich.text import Text

from engine import formatting
from engine.ledger.models import Event
from engine.ledger.told_events import told
from tui.state.view import View
from tui.terminal.text import Keep, fit, padded
from tui.widgets.line_widget import BAD, LABEL, STRONG, line, title
from tui.widgets.panel import Panel

MARKS = {"error": "✗", "warning": "!", "info": " ", "debug": " "}
"""The mark of a level, because colour alone must not show it."""
KIND = 9
"""Columns of the longest kind, `converted`."""
_NAME = 14
"""The least width of an image's name."""
_LEAST_HOST = 6
"""The least width of the name of a host."""
_ROOM_FOR_HOST = 30
_STYLES = {"error": BAD, "warning": STRONG}


class Events(Panel):
    def draw(self, view: View, columns: int, rows: int) -> Sequence[Text]:
        events = in_sight(view.status.events, view.status.notable, rows - 1)
        if not events:
            return [title("Events", columns), line((" none yet", LABEL))]
        times = [_short_time(event.time, view.now) for event in events]
        width = max(map(len, times))
        drawn = [
            event_line(event, columns, at=at.rjust(width)) for event, at in zip(events, times, strict=True)
        ]
        return [title("Events", columns, "e: all"), *drawn]


def in_sight(newest: Sequence[Event], notable: Sequence[Event], rows: int) -> list[Event]:
    """The events for a panel of so many rows, the newest first: up to half of them the last notable ones, so that
    routine does not push them out of sight, and otherwise the newest of all."""
    kept = {event.id: event for event in notable[: (rows + 1) // 2]}
    for event in newest:
        if len(kept) >= rows:
            break
        kept.setdefault(event.id, event)
    return sorted(kept.values(), key=lambda event: -event.id)[: max(0, rows)]


def event_line(event: Event, columns: int, *, now: float | None = None, at: str = "") -> Text:
    """Time, kind, host if it is not the engine's own, image and message; with `now`, Unix time in s, the date too. `at`
    is the time as it is shown."""
    if not at:
        at = formatting.time_of_day(event.time) if now is None else formatting.dated(event.time, now)
    mark = MARKS.get(event.level, " ")
    style = _STYLES.get(event.level, "")
    room = columns - len(at) - 3 - KIND - 1
    has_name = bool(event.image) and event.times == 1
    host = fit(event.host, max(_LEAST_HOST, room // 6)) if room >= _ROOM_FOR_HOST else ""
    room -= cell_len(host) + 1 if host else 0
    name = fit(event.image, max(_NAME, room // 2), Keep.BOTH) if has_name else ""
    parts: list[str | tuple[str, str]] = [
        (at, LABEL),
        (f" {mark} ", style),
        (padded(event.kind, KIND), style),
        " ",
    ]
    if host:
        parts.append((f"{host} ", LABEL))
    if name:
        parts.append((f"{name}: ", STRONG))
        room -= cell_len(name) + 2
    return line(*parts, *_with_cause(event, fit(told(event), room)))


def _with_cause(event: Event, message: str) -> list[tuple[str, str]]:
    """Of a failure only the cause stands out, with which its message begins."""
    if event.level == "error" and event.kind == "failed":
        cause = message.partition(" ")[0].rstrip(":")
        return [(cause, BAD), (message[len(cause) :], "")]
    return [(message, "")]


def _short_time(moment: float, now: float) -> str:
    """`23:14:05`; of another day `Tue 23:14`."""
    if time.localtime(moment)[:3] == time.localtime(now)[:3]:
        return formatting.time_of_day(moment)
    return formatting.clock(moment, now)
