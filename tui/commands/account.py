"""The account at the end of a run: where every row is, and what failed with what to do about it."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import asdict

from rich.console import Console
from rich.table import Table
from rich.text import Text

from engine.ledger.reader import LedgerReader
from engine.snapshot import Account
from engine.workspace import Workspace
from tui.words import data, integer, reduction

_COLUMNS = ("rows", "pending", "in_flight", "done", "failed", "accepted")


def print_account(workspace: Workspace, batches: Collection[str] | None = None) -> None:
    """Prints the account of these batches (None: all) and their failures to standard output."""
    console = Console(highlight=False)
    with LedgerReader(workspace) as reader:
        snapshot = reader.snapshot()
        groups = reader.failure_groups()
    shown = [b for b in snapshot.batches if batches is None or b.name in batches]
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("batch", overflow="fold")
    for name in _COLUMNS:
        table.add_column(name.replace("_", " "), justify="right")
    for batch in shown:
        table.add_row(Text(batch.name), *_numbers(batch.account))
    if len(shown) > 1:
        table.add_row(Text("all"), *_numbers(sum((b.account for b in shown), Account())), style="bold")
    console.print(table)
    if snapshot.source_bytes and snapshot.jpeg_bytes:
        sizes = f"{data(snapshot.source_bytes)} of JPEG 2000 became {data(snapshot.jpeg_bytes)} of JPEG"
        console.print(Text(f"\n{sizes} ({reduction(snapshot.source_bytes, snapshot.jpeg_bytes)})."))
    if groups:
        console.print(Text("\nFailures", style="bold"))
        for group in groups:
            console.print(Text(f"{integer(group.images):>8}  {group.cause}"))
            console.print(Text(f"          {group.remedy}", style="dim"), soft_wrap=True)
        console.print(
            Text("`photostat failures` lists them; `photostat requeue --cause CAUSE` sends them round again.")
        )


def _numbers(account: Account) -> list[str]:
    return [integer(value) for value in asdict(account).values()]
