"""The failures by cause, the most frequent first, with what to do about each; enter shows the images."""

from __future__ import annotations

from collections.abc import Sequence

from rich.text import Text

from engine import formatting
from engine.failures import REMEDIES, Cause
from tui.state.view import View
from tui.terminal.text import fit, padded, right_aligned
from tui.widgets.line_widget import BAD, CURSOR, LABEL, line, title
from tui.widgets.selectable_panel import SelectablePanel
from tui.widgets.text_view import wrapped

_NUMBER, _CAUSE = 7, 19
_REMEDY = _NUMBER + 1 + _CAUSE + 1
"""The column in which remedies begin."""


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

    def draw(self, view: View, columns: int, rows: int) -> Sequence[Text]:
        """With whole remedies under one another, if there is room for all of them."""
        keys = self.keys(view)
        if not keys or rows - 1 < rows_needed(keys, columns):
            return super().draw(view, columns, rows)
        drawn = [self.head(view, columns, len(keys), len(keys))]
        for key in keys:
            row = self.row(view, key, columns)
            first, *others = _remedy_lines(key, columns)
            row.truncate(_REMEDY)
            row.append(first, LABEL)
            if self.has_focus and key == self.current:
                row = Text(padded(row.plain, columns), style=CURSOR, end="")
            drawn += [row, *(line(" " * _REMEDY, (text, LABEL)) for text in others)]
        return drawn

    def row(self, view: View, key: str, columns: int) -> Text:
        assert view.snapshot is not None
        count = view.snapshot.failures_by_cause[key]
        number = right_aligned(formatting.integer(count), _NUMBER)
        remedy = fit(remedy_of(key), columns - _REMEDY)
        return line((number, BAD), " ", padded(key, _CAUSE), " ", (remedy, LABEL))

    def empty_row(self, view: View) -> Text:
        return line((" none", LABEL)) if view.snapshot else line("")


def rows_needed(causes: Sequence[str], columns: int) -> int:
    """For every cause with its whole remedy."""
    return sum(len(_remedy_lines(cause, columns)) for cause in causes)


def _remedy_lines(cause: str, columns: int) -> list[str]:
    return [text.plain for text in wrapped(line(remedy_of(cause)), columns - _REMEDY)]


def remedy_of(cause: str) -> str:
    """The cause's remedy; empty for a cause that this version does not know."""
    return REMEDIES[Cause(cause)] if cause in set(Cause) else ""
