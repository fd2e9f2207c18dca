"""The batches with their accounts; enter shows the images of one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich.cells import cell_len
from rich.text import Text

from engine import formatting
from engine.control.snapshot import BatchSnapshot
from tui.state.view import View
from tui.terminal_text import Keep, bar, padded, right_aligned
from tui.widgets.line_widget import LABEL, STRONG, line, title
from tui.widgets.selectable_panel import SelectablePanel

_NAME = 24
_SHARE = 7


class Batches(SelectablePanel):
    def keys(self, view: View) -> list[str]:
        return [batch.name for batch in view.snapshot.batches] if view.snapshot else []

    def head(self, view: View, columns: int, shown: int, count: int) -> Text:
        note = f"{shown} of {count} shown" if count > shown else ""
        return title("Batches", columns, note)

    def row(self, view: View, key: str, columns: int) -> Text:
        assert view.snapshot is not None
        batches = view.snapshot.batches
        return batch_line(
            next(b for b in batches if b.name == key), ColumnWidths.of(batches, columns), columns
        )

    def empty_row(self, view: View) -> Text:
        return line((" none", LABEL))


@dataclass(frozen=True)
class ColumnWidths:
    """The widths of the parts of a line, so that those of all batches line up."""

    name: int
    figures: int
    failed: int

    @classmethod
    def of(cls, batches: Sequence[BatchSnapshot], columns: int) -> ColumnWidths:
        longest = max((cell_len(batch.name) for batch in batches), default=0)
        return cls(
            name=max(6, min(longest, _NAME, columns // 4)),
            figures=max((cell_len(_figures(batch)) for batch in batches), default=0),
            failed=max((cell_len(_failed(batch)) for batch in batches), default=0),
        )


def batch_line(batch: BatchSnapshot, widths: ColumnWidths, columns: int) -> Text:
    """Name, bar, percentage, done of rows, failures."""
    account = batch.account
    ready = account.done_or_accepted
    gaps = 5 if widths.failed else 3
    width = columns - widths.name - _SHARE - widths.figures - widths.failed - gaps
    fraction = ready / account.rows if account.rows else 0.0
    style = "" if batch.selected else LABEL
    return line(
        " ",
        (padded(batch.name, widths.name, Keep.BOTH), style),
        " ",
        (bar(fraction, max(0, width)), LABEL),
        (right_aligned(formatting.percent(ready, account.rows), _SHARE), style),
        " ",
        (right_aligned(_figures(batch), widths.figures), style),
        "  ",
        (right_aligned(_failed(batch), widths.failed), STRONG if account.failed else LABEL),
    )


def _figures(batch: BatchSnapshot) -> str:
    account = batch.account
    return f"{formatting.integer(account.done_or_accepted)}/{formatting.integer(account.rows)}"


def _failed(batch: BatchSnapshot) -> str:
    failed = [f"{formatting.integer(batch.account.failed)} failed"] if batch.account.failed else []
    return ", ".join(failed if batch.selected else [*failed, "not in this run"])
