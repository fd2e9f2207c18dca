"""The footer: the keys that matter here and now, whole or not at all."""

from __future__ import annotations

from collections.abc import Sequence

from rich.text import Text

from tui.actions.available import SEPARATOR, Hint
from tui.widgets.line_widget import LineWidget, line


class Footer(LineWidget):
    hints: Sequence[Hint] = ()

    def show(self, hints: Sequence[Hint]) -> None:
        self.hints = hints
        self.redraw()

    def lines(self, columns: int, rows: int) -> Sequence[Text]:
        parts: list[str | tuple[str, str]] = []
        for hint in self.hints:
            if parts:
                parts.append(" " * SEPARATOR)
            parts += [(hint.key, "bold reverse"), f" {hint.label}"]
        return [line(*parts)]
