"""The footer: the keys that are most useful here and now, each shown whole or not at all."""

from __future__ import annotations

from collections.abc import Sequence

from rich.text import Text

from tui.actions.available import HINT_GAP, Hint
from tui.widgets.line_widget import LABEL, STRONG, LineWidget, line


class Footer(LineWidget):
    hints: Sequence[Hint] = ()

    def show(self, hints: Sequence[Hint]) -> None:
        self.hints = hints
        self.redraw()

    def lines(self, columns: int, rows: int) -> Sequence[Text]:
        parts: list[str | tuple[str, str]] = []
        for hint in self.hints:
            if parts:
                parts.append(" " * HINT_GAP)
            parts += [(hint.key, STRONG), (f" {hint.label}", LABEL)]
        return [line(*parts)]
