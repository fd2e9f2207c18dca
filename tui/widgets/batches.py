"""The batches in their order, with their accounts; keys move, hold and release the one under the cursor."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar

from rich.cells import cell_len
from rich.text import Text
from textual.binding import BindingType
from textual.message import Message

from engine import formatting
from engine.control.snapshot import BatchSnapshot
from engine.ledger.batch_order import BatchMove
from tui.actions.registry import Scope, widget_bindings
from tui.state.view import View
from tui.terminal.text import Keep, padded, right_aligned
from tui.widgets.account_bar import account_bar
from tui.widgets.line_widget import BAD, LABEL, WARNING, line, title
from tui.widgets.selectable_panel import SelectablePanel

_NAME = 24
_SHARE = 7


class BatchMessage(Message):
    """A key was pressed at a batch."""

    def __init__(self, batch: str) -> None:
        super().__init__()
        self.batch = batch


class Batches(SelectablePanel):
    BINDINGS: ClassVar[list[BindingType]] = widget_bindings(Scope.BATCHES)

    class Moved(BatchMessage):
        def __init__(self, batch: str, to: BatchMove) -> None:
            super().__init__(batch)
            self.to = to

    class Held(BatchMessage):
        pass

    class Released(BatchMessage):
        pass

    class SignedOff(BatchMessage):
        """Somebody wants to approve it, or to withdraw that."""

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

    def action_move_batch(self, to: str) -> None:
        self._post(lambda batch: self.Moved(batch, BatchMove(to)))

    def action_hold_batch(self) -> None:
        self._post(self.Held)

    def action_release_batch(self) -> None:
        self._post(self.Released)

    def action_sign_off(self) -> None:
        self._post(self.SignedOff)

    def _post(self, message: Callable[[str], BatchMessage]) -> None:
        """About the batch under the cursor, which stays there when it moves."""
        if (batch := self.current) is not None:
            self.cursor = batch
            self.post_message(message(batch))


@dataclass(frozen=True)
class ColumnWidths:
    """The widths of the parts of a line, so that those of all batches line up."""

    name: int
    figures: int
    notes: int

    @classmethod
    def of(cls, batches: Sequence[BatchSnapshot], columns: int) -> ColumnWidths:
        longest = max((cell_len(batch.name) for batch in batches), default=0)
        return cls(
            name=max(6, min(longest, _NAME, columns // 4)),
            figures=max((cell_len(_figures(batch)) for batch in batches), default=0),
            notes=max((cell_len(_notes(batch)) for batch in batches), default=0),
        )


def batch_line(batch: BatchSnapshot, widths: ColumnWidths, columns: int) -> Text:
    """Name, done of rows, percentage; how its images are divided; failures, and what keeps it from being converted.

    The figures stand before the bar: what changes often is painted from the left, and the bar costs bytes."""
    account = batch.account
    ready = account.done_or_accepted
    gaps = 6 if widths.notes else 4
    width = max(0, columns - widths.name - _SHARE - widths.figures - widths.notes - gaps)
    style = "" if batch.selected else LABEL
    return line(
        " ",
        (padded(batch.name, widths.name, Keep.BOTH), style),
        " ",
        (right_aligned(_figures(batch), widths.figures), style),
        (right_aligned(formatting.percent(ready, account.rows), _SHARE), style),
        "  ",
        *account_bar(account, width),
        "  ",
        (right_aligned(_notes(batch), widths.notes), _notes_style(batch)),
    )


def _figures(batch: BatchSnapshot) -> str:
    account = batch.account
    return f"{formatting.integer(account.done_or_accepted)}/{formatting.integer(account.rows)}"


def _notes(batch: BatchSnapshot) -> str:
    failed = f"{formatting.integer(batch.account.failed)} failed" if batch.account.failed else ""
    held = "held" if batch.held is not None else ""
    return ", ".join(filter(None, (failed, held, "" if batch.selected else "not in this run")))


def _notes_style(batch: BatchSnapshot) -> str:
    if batch.held is not None and batch.pending:
        return WARNING
    return BAD if batch.account.failed else LABEL
