"""The line above the footer: the result of the last action, else what stands in the way or what to do next."""

from __future__ import annotations

from collections.abc import Sequence

from rich.text import Text
from textual.events import Resize
from textual.message import Message

from tui import words
from tui.widgets.lines import BAD, STRONG, Lines, line
from tui.widgets.paper import wrapped

MOST_ROWS = 3


class Told(Lines):
    """`say` is for results, they stay until `forget`; `stand` for what holds meanwhile."""

    class Grown(Message):
        """It needs more or fewer lines than before."""

    _said: str = ""
    _good: bool = True
    _standing: str = ""
    _rows = 1

    @property
    def text(self) -> str:
        return self._said or self._standing

    @property
    def rows(self) -> int:
        """Lines it needs for all of its text, within reason."""
        return self._rows

    def say(self, text: str, *, good: bool = True) -> None:
        self._said, self._good = text, good
        self._changed()

    def forget(self) -> None:
        self._said = ""
        self._changed()

    def stand(self, text: str) -> None:
        if text != self._standing:
            self._standing = text
            self._changed()

    def on_resize(self, event: Resize) -> None:
        self._changed()

    def _changed(self) -> None:
        columns = self.screen.size.width
        rows = max(1, min(MOST_ROWS, len(self._wrapped(columns)))) if columns else 1
        if rows != self._rows:
            self._rows = rows
            self.styles.height = rows
            self.post_message(self.Grown())
        self.redraw()

    def _wrapped(self, columns: int) -> list[Text]:
        if not self._said:
            return wrapped(line(words.visible(self._standing)), columns)
        mark = "✓" if self._good else "✗"
        return wrapped(line((f"{mark} {words.visible(self._said)}", STRONG if self._good else BAD)), columns)

    def lines(self, columns: int, rows: int) -> Sequence[Text]:
        return self._wrapped(columns)
