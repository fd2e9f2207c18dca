"""The account as the commands print it: how many images are in each state, and what failed with what to do about it."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Sequence

from msgspec import structs

from engine.control.children_file import left_behind
from engine.control.process_snapshots import LeftBehind
from engine.control.snapshot import BatchSnapshot, Snapshot
from engine.formatting import clock, counted, data_size, integer, reduction
from engine.ledger.account import Account
from engine.ledger.reader import LedgerReader
from engine.workspace import Workspace
from tui.commands.shared.output import print_line, print_table

EMPTY_LEDGER = "The ledger is empty: `photostat add EXPORT.csv` adds images."
_COUNTS = ("rows", "pending", "in_flight", "done", "failed", "accepted")


def print_account(workspace: Workspace, batches: Collection[str] | None = None) -> None:
    """Prints the account of these batches (None: all) and their failures, as at the end of a run."""
    with LedgerReader(workspace) as reader, reader.one_view():
        snapshot = Snapshot.from_ledger(reader.figures(), time.time())
        groups = reader.failure_groups()
    shown = [b for b in snapshot.batches if batches is None or b.name in batches]
    print_batches(shown)
    print_sizes(snapshot)
    print_held(shown, snapshot.time)
    if groups:
        print_line()
        print_line("Failures:")
        for group in groups:
            print_line(f"{integer(group.images):>8}  {group.cause}")
            print_line(f"          {group.remedy}")
        print_line("`photostat failures` lists them; `photostat requeue --cause CAUSE` requeues them.")
    print_left_behind(left_behind(workspace.children_path))


def print_batches(batches: Sequence[BatchSnapshot]) -> None:
    """A row a batch, and their sum if there are several."""
    rows = [[b.name, *_numbers(b.account)] for b in batches]
    if len(rows) > 1:
        rows.append(["all", *_numbers(sum((b.account for b in batches), Account()))])
    names = [name.replace("_", " ") for name in _COUNTS]
    print_table(["batch", *names], rows, right=names)


def held_words(batch: BatchSnapshot, now: float) -> str:
    """`held by anna (pts/3, reading-room) since 10:14: the review comes first`; empty if it is not held."""
    held = batch.held
    if held is None:
        return ""
    return f"held by {held.by} since {clock(held.since, now)}{f': {held.reason}' if held.reason else ''}"


def print_held(batches: Sequence[BatchSnapshot], now: float) -> None:
    """A line for each batch of which images wait because a person holds it."""
    for batch in batches:
        if batch.held is not None and batch.pending:
            print_line(
                f"{counted(batch.pending, 'image')} of {batch.name} pending: it is {held_words(batch, now)}. "
                f"`photostat batches release {batch.name}` lets {'it' if batch.pending == 1 else 'them'} start."
            )


def print_left_behind(left: Iterable[LeftBehind], show: Callable[[str], None] | None = None) -> None:
    """A line for each process that no signal ends, on stdout or by `show`."""
    for one in left:
        (show or print_line)(
            f"Left behind: {one}. No signal ends it; it ends when what it waits for answers, and keeps no new run from "
            "starting."
        )


def print_sizes(snapshot: Snapshot) -> None:
    """The size of the JPEGs beside that of their sources, once there are any."""
    if snapshot.bytes.jpeg and snapshot.bytes.source:
        source, jpeg = data_size(snapshot.bytes.source), data_size(snapshot.bytes.jpeg)
        saved = reduction(snapshot.bytes.source, snapshot.bytes.jpeg)
        print_line()
        print_line(f"{source} of JPEG 2000 became {jpeg} of JPEG ({saved}).")


def _numbers(account: Account) -> list[str]:
    return [integer(value) for value in structs.asdict(account).values()]
