"""Every batch with its account; enter shows its images."""

from __future__ import annotations

from rich.text import Text

from engine.snapshot import BatchSnapshot
from tui import words
from tui.view import View
from tui.widgets.lines import LABEL, line, title
from tui.widgets.menu import Menu

_NAME = 24
_BAR = 30


class Batches(Menu):
    def keys(self, view: View) -> list[str]:
        return [batch.name for batch in view.snapshot.batches] if view.snapshot else []

    def head(self, view: View, columns: int, shown: int, count: int) -> Text:
        note = f"{shown} of {count} shown" if count > shown else ""
        return title("Batches", columns, note)

    def row(self, view: View, key: str, columns: int) -> Text:
        assert view.snapshot is not None
        return batch_line(next(b for b in view.snapshot.batches if b.name == key), columns)

    def nothing(self, view: View) -> Text:
        return line((" none", LABEL))


def batch_line(batch: BatchSnapshot, columns: int) -> Text:
    """Name, bar, share, done of rows, failures."""
    account = batch.account
    settled = account.done + account.accepted
    share = words.right(words.percent(settled, account.rows), 7)
    figures = f" {words.integer(settled)}/{words.integer(account.rows)}"
    failed = f"  {words.integer(account.failed)} failed" if account.failed else ""
    if not batch.selected:
        failed += "  not in this run"
    name_columns = max(8, min(_NAME, columns // 4))
    width = max(0, min(_BAR, columns - name_columns - 2 - len(share) - len(figures) - len(failed)))
    fraction = settled / account.rows if account.rows else 0.0
    return line(
        " ",
        words.padded(batch.name, name_columns, words.Keep.BOTH),
        " ",
        (words.bar(fraction, width), LABEL),
        share,
        (figures, LABEL if not batch.selected else ""),
        failed,
    )
