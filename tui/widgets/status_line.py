"""The line above the footer: the result of the last action, else what stands in the way or what to do next."""

from __future__ import annotations

from collections.abc import Sequence

from rich.text import Text
from textual.events import Resize
from textual.message import Message

from engine import formatting
from tui.state.view import ActionResult
from tui.widgets.line_widget import BAD, STRONG, LineWidget, line
from tui.widgets.text_view import wrapped

MOST_ROWS = 3


class StatusLine(LineWidget):
    """What was said last stands before what stands in the way; both where there is room and it matters."""

    class HeightChanged(Message):
        """It needs more or fewer lines than before."""

    _result: ActionResult | None = None
    _standing: str = ""
    _both = False
    _rows = 1

    @property
    def text(self) -> str:
        return self._result.text if self._result is not None else self._standing

    @property
    def rows(self) -> int:
        """LineWidget it needs for all of its text, within reason."""
        return self._rows

    def show(self, result: ActionResult | None, status_hint: str, *, both: bool) -> None:
        """`both` keeps `standing` in sight under `said`, if the two fit into MOST_ROWS."""
        if (result, status_hint, both) != (self._result, self._standing, self._both):
            self._result, self._standing, self._both = result, status_hint, both
            self._changed()

    def on_resize(self, event: Resize) -> None:
        self._changed()

    def _changed(self) -> None:
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
        status_hint = wrapped(line(formatting.visible(self._standing)), columns)
        if self._result is None:
            return status_hint
        mark, style = ("✓", STRONG) if self._result.good else ("✗", BAD)
        result = wrapped(line((f"{mark} {formatting.visible(self._result.text)}", style)), columns)
        together = [*result, *status_hint]
        return together if self._both and self._standing and len(together) <= MOST_ROWS else result

    def lines(self, columns: int, rows: int) -> Sequence[Text]:
        return self._wrapped(columns)
