"""The line above the footer: the result of the last action, else what stands in the way or what to do next."""

from __future__ import annotations

from collections.abc import Sequence

from rich.text import Text
from textual.events import Resize
from textual.message import Message

from tui import formatting
from tui.state.view import Said
from tui.widgets.line_widget import BAD, STRONG, Lines, line
from tui.widgets.text_view import wrapped

MOST_ROWS = 3


class Told(Lines):
    """What was said last stands before what stands in the way; both where there is room and it matters."""

    class Grown(Message):
        """It needs more or fewer lines than before."""

    _said: Said | None = None
    _standing: str = ""
    _both = False
    _rows = 1

    @property
    def text(self) -> str:
        return self._said.text if self._said is not None else self._standing

    @property
    def rows(self) -> int:
        """Lines it needs for all of its text, within reason."""
        return self._rows

    def tell(self, said: Said | None, standing: str, *, both: bool) -> None:
        """`both` keeps `standing` in sight under `said`, if the two fit into MOST_ROWS."""
        if (said, standing, both) != (self._said, self._standing, self._both):
            self._said, self._standing, self._both = said, standing, both
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
            self.post_message(self.Grown())
        self.redraw()

    def _wrapped(self, columns: int) -> list[Text]:
        standing = wrapped(line(formatting.visible(self._standing)), columns)
        if self._said is None:
            return standing
        mark, style = ("✓", STRONG) if self._said.good else ("✗", BAD)
        said = wrapped(line((f"{mark} {formatting.visible(self._said.text)}", style)), columns)
        together = [*said, *standing]
        return together if self._both and self._standing and len(together) <= MOST_ROWS else said

    def lines(self, columns: int, rows: int) -> Sequence[Text]:
        return self._wrapped(columns)
