"""Under a list: the image under the cursor in full."""

from __future__ import annotations

from collections.abc import Sequence

from rich.text import Text

from engine.ledger.models import ImageRow
from tui.widgets import image_columns
from tui.widgets.line_widget import LABEL, LineWidget, line


class RowDetails(LineWidget):
    _row: ImageRow | None = None

    def show(self, row: ImageRow | None) -> None:
        self._row = row
        self.redraw()

    def lines(self, columns: int, rows: int) -> Sequence[Text]:
        rule = line(("─" * columns, LABEL))
        return [rule, *(image_columns.notes(self._row, columns, rows - 1) if self._row is not None else [])]
