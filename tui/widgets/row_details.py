"""Under a list of images: the row under the cursor in full."""

from __future__ import annotations

from collections.abc import Sequence

from rich.text import Text

from engine.config.cluster_extra import HERE
from engine.failures import without_path
from engine.ledger.models import ImageRow
from tui.terminal.text import ELLIPSIS
from tui.widgets.line_widget import BAD, LABEL, LineWidget, line
from tui.widgets.text_view import wrapped

_LABEL_COLUMNS = 9


_ROWS_AROUND = 4
"""Of a page that are neither its list's nor the details': header, names of columns, status line and keys."""


def rows_for_details(wanted: int, rows: int) -> int:
    """At most half of what a page of this height has left for its list and the details of one row; none if only their
    rule would fit."""
    fitting = min(wanted, (rows - _ROWS_AROUND) // 2)
    return fitting if fitting > 1 else 0


class RowDetails(LineWidget):
    _row: ImageRow | None = None

    def show(self, row: ImageRow | None) -> None:
        self._row = row
        self.redraw()

    def lines(self, columns: int, rows: int) -> Sequence[Text]:
        rule = line(("─" * columns, LABEL))
        return [rule, *(detail_lines(self._row, columns, rows - 1) if self._row is not None else [])]


def detail_lines(row: ImageRow, columns: int, rows: int) -> list[Text]:
    """What happened, what to do, whose image it is and where, wrapped; every fact has a line before any has two."""
    facts = [wrapped(fact, columns) for fact in _facts(row)][:rows]
    room = [1] * len(facts)
    spare = rows - len(facts)
    for index, lines in enumerate(facts):
        more = min(spare, len(lines) - 1)
        room[index] += more
        spare -= more
    return [text for lines, few in zip(facts, room, strict=True) for text in cut(lines, few, columns)]


def _facts(row: ImageRow) -> list[Text]:
    facts: list[tuple[str, list[tuple[str, str]]]] = []
    if row.message:
        on = f" on {row.host}" if _is_elsewhere(row) else ""
        cause = [(f"{row.cause}{on}: ", BAD)] if row.cause and row.state == "failed" else []
        facts.append(("error", [*cause, (without_path(row.message, row.source), "")]))
    if row.remedy and row.state == "failed":
        facts.append(("remedy", [(row.remedy, "")]))
    if row.warnings and not row.message:
        facts.append(("warning", [("; ".join(row.warnings), "")]))
    whose = [f"batch {row.batch}", *(f"{name} {of}" for name, of in _numbers(row) if of)]
    facts.append(("item", [(", ".join(whose), "")]))
    facts.append(("source", [(row.source, "")]))
    if not row.message:
        facts.append(("target", [(row.target, "")]))
    return [line((label.ljust(_LABEL_COLUMNS), LABEL), *parts) for label, parts in facts]


def _numbers(row: ImageRow) -> list[tuple[str, str | None]]:
    elsewhere = row.host if _is_elsewhere(row) and row.state != "failed" else None
    return [("barcode", row.barcode), ("record", row.record), ("last tried on", elsewhere)]


def _is_elsewhere(row: ImageRow) -> bool:
    return row.host not in (None, HERE)


def cut(lines: list[Text], rows: int, columns: int) -> list[Text]:
    """The first rows, with an ellipsis if there are more."""
    if len(lines) <= rows:
        return lines
    last = lines[rows - 1].copy()
    last.truncate(columns - 1)
    last.rstrip()
    last.append(ELLIPSIS)
    return [*lines[: rows - 1], last]
