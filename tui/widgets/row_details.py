"""Under a list of images: the row under the cursor in full."""

from __future__ import annotations

from collections.abc import Sequence

from rich.text import Text

from engine.failures import without_path
from engine.ledger.models import ImageRow
from tui.terminal_text import Keep, fit
from tui.widgets.line_widget import LABEL, LineWidget, line

_LABEL_COLUMNS = 8


class RowDetails(LineWidget):
    _row: ImageRow | None = None

    def show(self, row: ImageRow | None) -> None:
        self._row = row
        self.redraw()

    def lines(self, columns: int, rows: int) -> Sequence[Text]:
        rule = line(("─" * columns, LABEL))
        return [rule, *(detail_lines(self._row, columns, rows - 1) if self._row is not None else [])]


def detail_lines(row: ImageRow, columns: int, rows: int) -> list[Text]:
    """What happened to the image, what to do, and where it is."""
    facts: list[tuple[str, str, Keep]] = []
    if row.message:
        facts.append(("error", without_path(row.message, row.source), Keep.START))
    if row.remedy and row.state == "failed":
        facts.append(("remedy", row.remedy, Keep.START))
    if row.warnings and not row.message:
        facts.append(("warning", "; ".join(row.warnings), Keep.START))
    facts.append(("source", row.source, Keep.END))
    facts.append(("target", row.target, Keep.BOTH))
    room = columns - _LABEL_COLUMNS
    return [
        line((label.ljust(_LABEL_COLUMNS), LABEL), fit(text, room, keep))
        for label, text, keep in facts[:rows]
    ]
