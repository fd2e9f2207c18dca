"""The line above the footer: the result of the last action, or a hint: what is wrong or what to do next."""

from __future__ import annotations

from collections.abc import Sequence

from rich.text import Text
from textual.events import Resize
from textual.message import Message

from engine import formatting
from tui.state.view import ActionResult
from tui.widgets.line_widget import BAD, STRONG, LineWidget, line
from tui.widgets.text_view import wrapped

MOST_ROWS = 5


class StatusLine(LineWidget):
    """The result covers the hint; on request both are shown, if they fit."""

    class HeightChanged(Message):
        """It needs more or fewer rows than before."""

    _result: ActionResult | None = None
    _hint: str = ""
    _both = False
    _rows = 1

    @property
    def text(self) -> str:
        return self._result.text if self._result is not None else self._hint

    @property
    def rows(self) -> int:
        """Rows that it needs for its text, MOST_ROWS at most."""
        return self._rows

    def show(self, result: ActionResult | None, hint: str, *, both: bool) -> None:
        """`both` shows `hint` under `result`, if the two fit into MOST_ROWS."""
        if (result, hint, both) != (self._result, self._hint, self._both):
            self._result, self._hint, self._both = result, hint, both
            self._fit_height()

    def on_resize(self, event: Resize) -> None:
        self._fit_height()

    def _fit_height(self) -> None:
        if not self.is_attached:
            return
        columns = self.screen.size.width
        rows = max(1, min(MOST_ROWS, len(self._wrapped(columns)))) if columns else 1
        if rows != self._rows:
            self._rows = rows
            self.styles.height = rows
            self.post_message(self.HeightChanged())
        self.redraw()

    def _wrapped(self, columns: int) -> list[Text]:
        hint = wrapped(line(formatting.visible(self._hint)), columns)
        if self._result is None:
            return hint
        mark, style = ("✓", STRONG) if self._result.good else ("✗", BAD)
        result = wrapped(line((f"{mark} {formatting.visible(self._result.text)}", style)), columns)
        together = [*result, *hint]
        return together if self._both and self._hint and len(together) <= MOST_ROWS else result

    def lines(self, columns: int, rows: int) -> Sequence[Text]:
        found = self._wrapped(columns)
        if len(found) > rows:
            last = found[rows - 1]
            last.truncate(max(1, columns - 2))
            last.append(" …")
        return found[:rows]
