"""A panel of the dashboard: lines drawn from the view."""

from __future__ import annotations

from collections.abc import Sequence

from rich.text import Text

from tui.state.view import View
from tui.widgets.line_widget import LineWidget


class Panel(LineWidget):
    """Subclasses implement `draw`, for a view with or without a snapshot."""

    view: View | None = None

    def show(self, view: View) -> None:
        self.view = view
        self.redraw()

    def lines(self, columns: int, rows: int) -> Sequence[Text]:
        return self.draw(self.view, columns, rows) if self.view else []

    def draw(self, view: View, columns: int, rows: int) -> Sequence[Text]:
        raise NotImplementedError
