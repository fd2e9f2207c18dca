"""The account as the commands print it: where every row is, and what failed with what to do about it."""

from __future__ import annotations

import time
from collections.abc import Collection, Sequence
from dataclasses import asdict

import click

from engine.control.snapshot import BatchSnapshot, Snapshot
from engine.formatting import data_size, integer, reduction
from engine.ledger.account import Account
from engine.ledger.reader import LedgerReader
from engine.workspace import Workspace
from tui.commands.shared import print_table, say

_COUNTS = ("rows", "pending", "in_flight", "done", "failed", "accepted")


def print_account(workspace: Workspace, batches: Collection[str] | None = None) -> None:
    """Prints the account of these batches (None: all) and their failures, as at the end of a run."""
    with LedgerReader(workspace) as reader:
        snapshot = Snapshot.from_ledger(reader.figures(), time.time())
        groups = reader.failure_groups()
    print_batches([b for b in snapshot.batches if batches is None or b.name in batches])
    print_sizes(snapshot)
    if groups:
        click.echo("\nFailures:")
        for group in groups:
            say(f"{integer(group.images):>8}  {group.cause}")
            say(f"          {group.remedy}")
        say("`photostat failures` lists them; `photostat requeue --cause CAUSE` sends them round again.")


def print_batches(batches: Sequence[BatchSnapshot]) -> None:
    """A row a batch, and their sum where there are several."""
    rows = [[b.name, *_numbers(b.account)] for b in batches]
    if len(rows) > 1:
        rows.append(["all", *_numbers(sum((b.account for b in batches), Account()))])
    names = [name.replace("_", " ") for name in _COUNTS]
    print_table(["batch", *names], rows, right=names)


def print_sizes(snapshot: Snapshot) -> None:
    """What the JPEGs take beside their sources, once there are any."""
    if snapshot.bytes.jpeg and snapshot.bytes.source:
        sizes = (
            f"{data_size(snapshot.bytes.source)} of JPEG 2000 became {data_size(snapshot.bytes.jpeg)} of JPEG"
        )
        click.echo()
        say(f"{sizes} ({reduction(snapshot.bytes.source, snapshot.bytes.jpeg)}).")


def _numbers(account: Account) -> list[str]:
    return [integer(value) for value in asdict(account).values()]
