"""A bar of how many images are done, accepted, failed, in flight and waiting, stacked as in the report."""

from __future__ import annotations

from engine.ledger.account import Account
from tui.terminal.text import Mark, stacked
from tui.widgets.line_widget import MARKS


def account_bar(account: Account, columns: int) -> list[tuple[str, str]]:
    """A stacked bar; a state that has any image can be seen."""
    counts = (account.done, account.accepted, account.failed, account.in_flight, account.pending)
    widths = stacked(counts, columns) if account.rows else [0, 0, 0, 0, columns]
    return [(mark * width, MARKS[mark]) for mark, width in zip(Mark, widths, strict=True)]
