"""The failures by cause, the most frequent first, with what to do about each; enter shows the images."""

from __future__ import annotations

from rich.text import Text

from engine import formatting
from engine.failures import REMEDIES, Cause
from tui.state.view import View
from tui.terminal_text import fit, padded, right_aligned
from tui.widgets.line_widget import BAD, LABEL, line, title
from tui.widgets.selectable_panel import SelectablePanel

_CAUSE = 19


class Failures(SelectablePanel):
    def keys(self, view: View) -> list[str]:
        return (
            [cause for cause, count in view.snapshot.failures_by_cause.items() if count]
            if view.snapshot
            else []
        )

    def head(self, view: View, columns: int, shown: int, count: int) -> Text:
        note = "enter lists them" if count else ""
        if count > shown:
            note = f"{formatting.counted(count - shown, 'cause')} more; {note}"
        return title("Failures", columns, note)

    def row(self, view: View, key: str, columns: int) -> Text:
        assert view.snapshot is not None
        count = view.snapshot.failures_by_cause[key]
        number = right_aligned(formatting.integer(count), 7)
        remedy = remedy_of(key)
        room = columns - len(number) - 1 - _CAUSE - 1
        return line(
            (number, BAD),
            " ",
            padded(key, _CAUSE),
            " ",
            (fit(remedy, room), LABEL),
        )

    def empty_row(self, view: View) -> Text:
        return line((" none", LABEL)) if view.snapshot else line("")


def remedy_of(cause: str) -> str:
    """The cause's remedy; empty for a cause that this version does not know."""
    return REMEDIES[Cause(cause)] if cause in set(Cause) else ""
