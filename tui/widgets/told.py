"""The line above the footer: the result of the last action, else what stands in the way or what to do next."""

from __future__ import annotations

from collections.abc import Sequence

from rich.text import Text

from tui import words
from tui.widgets.lines import BAD, STRONG, Lines, line


class Told(Lines):
    """`say` is for results, they stay until `forget`; `stand` for what holds meanwhile."""

    _said: str = ""
    _good: bool = True
    _standing: str = ""

    @property
    def text(self) -> str:
        return self._said or self._standing

    def say(self, text: str, *, good: bool = True) -> None:
        self._said, self._good = text, good
        self.redraw()

    def forget(self) -> None:
        self._said = ""
        self.redraw()

    def stand(self, text: str) -> None:
        if text != self._standing:
            self._standing = text
            self.redraw()

    def lines(self, columns: int, rows: int) -> Sequence[Text]:
        if not self._said:
            return [line(words.fit(self._standing, columns))]
        mark = "✓ " if self._good else "✗ "
        return [line((mark + words.fit(self._said, columns - 2), STRONG if self._good else BAD))]
