"""`photostat batches`: in which order batches are converted, and which are held; moves, holds and releases them."""

from __future__ import annotations

import io
import sys
import time
from collections.abc import Callable, Sequence
from itertools import accumulate

import click
from msgspec import structs, to_builtins

from engine.control.client import EngineClient, NoEngine
from engine.control.offline import arrange_batches
from engine.control.requests import BatchesReply, BatchRequest, HoldBatch, MoveBatch, ReleaseBatch
from engine.control.snapshot import BatchSnapshot, Snapshot
from engine.csv_output import start_table
from engine.formatting import clock, date_and_second, integer
from engine.ledger.batch_order import BatchMove
from engine.ledger.reader import LedgerReader
from engine.workspace import Workspace
from tui.commands.shared.account import held_words
from tui.commands.shared.engine import in_flight
from tui.commands.shared.options import check_batch, complete_batch, json_option, workspace_of
from tui.commands.shared.output import print_json, print_line, print_table

_COUNTS = ("rows", "pending", "in_flight", "done", "failed", "accepted")
_CSV_COLUMNS = ("place", "name", *_COUNTS, "held_since", "held_by", "held_reason")
_EDGE = {
    BatchMove.FIRST: "first",
    BatchMove.UP: "first",
    BatchMove.DOWN: "last",
    BatchMove.LAST: "last",
}

name_argument = click.argument("name", shell_complete=complete_batch)


@click.group(invoke_without_command=True)
@click.option("--csv", "as_csv", is_flag=True, help="CSV with a header on stdout instead.")
@json_option
@click.pass_context
def batches(ctx: click.Context, as_csv: bool, as_json: bool) -> None:
    """List the batches in the order in which they are converted; move, hold or release one.

    With a running engine and without one; the ledger keeps the order and the holds. Nothing of a held batch
    starts: what of it is in flight is finished and stored, and the rest waits until the batch is released.
    """
    if ctx.invoked_subcommand is not None:
        if as_csv or as_json:
            raise click.UsageError(
                f"--json goes behind: photostat batches {ctx.invoked_subcommand} NAME --json"
            )
        return
    if as_csv and as_json:
        raise click.UsageError("--csv and --json exclude each other")
    snapshot = _snapshot(workspace_of(ctx))
    found, ready = snapshot.batches, ready_in_s(snapshot.batches, snapshot.eta_seconds)
    if as_json:
        rows = enumerate(zip(found, ready, strict=True), 1)
        print_json([{"place": n, **to_builtins(batch), "eta_seconds": eta_s} for n, (batch, eta_s) in rows])
    elif as_csv:
        _print_csv(found)
    else:
        _print(found, ready)


def _snapshot(workspace: Workspace) -> Snapshot:
    """The engine's, which knows how long the rest takes; the ledger's if none answers."""
    try:
        with EngineClient.connect(workspace) as client:
            return client.snapshot()
    except NoEngine:
        with LedgerReader(workspace) as reader, reader.one_view():
            return Snapshot.from_ledger(reader.figures(), time.time())


def ready_in_s(batches: Sequence[BatchSnapshot], eta_s: float | None) -> list[float | None]:
    """When each batch will be done, by its share of the images that are left; None if nothing of it is left, or if
    nobody knows: it is held, or not part of this run."""
    left = [each.account.remaining if each.selected and each.held is None else 0 for each in batches]
    if eta_s is None:
        return [None] * len(left)
    until = accumulate(left)
    return [eta_s * so_far / sum(left) if own else None for own, so_far in zip(left, until, strict=True)]


@batches.command()
@name_argument
@json_option
@click.pass_context
def first(ctx: click.Context, name: str, as_json: bool) -> None:
    """Convert NAME before all other batches."""
    _move(ctx, name, BatchMove.FIRST, as_json=as_json)


@batches.command()
@name_argument
@json_option
@click.pass_context
def up(ctx: click.Context, name: str, as_json: bool) -> None:
    """Convert NAME one place earlier."""
    _move(ctx, name, BatchMove.UP, as_json=as_json)


@batches.command()
@name_argument
@json_option
@click.pass_context
def down(ctx: click.Context, name: str, as_json: bool) -> None:
    """Convert NAME one place later."""
    _move(ctx, name, BatchMove.DOWN, as_json=as_json)


@batches.command()
@name_argument
@json_option
@click.pass_context
def last(ctx: click.Context, name: str, as_json: bool) -> None:
    """Convert NAME after all other batches."""
    _move(ctx, name, BatchMove.LAST, as_json=as_json)


@batches.command()
@name_argument
@click.option("--reason", default="", help="Why; it is recorded and shown.")
@json_option
@click.pass_context
def hold(ctx: click.Context, name: str, reason: str, as_json: bool) -> None:
    """Start nothing more of NAME until it is released.

    What of it is in flight is finished and stored."""

    def text(reply: BatchesReply, batch: BatchSnapshot) -> str:
        if not reply.changed:
            held = held_words(batch, time.time()).replace("held by", "held already, by", 1)
            return f"{name} is {held}. Nothing was changed."
        will = "of it will be finished"
        return (
            f"{name} is held. {in_flight(batch.in_flight, will, will)}; the rest waits until it is released."
        )

    _order(ctx, HoldBatch(name, reason), text, as_json=as_json)


@batches.command()
@name_argument
@json_option
@click.pass_context
def release(ctx: click.Context, name: str, as_json: bool) -> None:
    """End the hold of NAME."""

    def text(reply: BatchesReply, batch: BatchSnapshot) -> str:
        return f"{name} is released." if reply.changed else f"{name} is not held; nothing was changed."

    _order(ctx, ReleaseBatch(name), text, as_json=as_json)


def _move(ctx: click.Context, name: str, to: BatchMove, *, as_json: bool) -> None:
    def text(reply: BatchesReply, batch: BatchSnapshot) -> str:
        if not reply.changed:
            return f"{name} is {_EDGE[to]} already; nothing was changed."
        names = [each.name for each in reply.batches]
        return f"{name} is now number {names.index(name) + 1} of {integer(len(names))}: {', '.join(names)}."

    _order(ctx, MoveBatch(name, to), text, as_json=as_json)


def _order(
    ctx: click.Context,
    request: BatchRequest,
    text: Callable[[BatchesReply, BatchSnapshot], str],
    *,
    as_json: bool,
) -> None:
    workspace = workspace_of(ctx)
    with LedgerReader(workspace) as reader:
        check_batch(request.batch, reader.account())
    reply = arrange_batches(workspace, "batches", request)
    if as_json:
        print_json(to_builtins(reply))
    else:
        print_line(text(reply, next(batch for batch in reply.batches if batch.name == request.batch)))


def _print(found: Sequence[BatchSnapshot], ready: Sequence[float | None]) -> None:
    if not found:
        print_line("There are none yet: `photostat add EXPORT.csv` adds images.")
        return
    now = time.time()
    rows = [
        [
            str(place),
            batch.name,
            *map(integer, structs.asdict(batch.account).values()),
            _what_comes(batch, eta_s, now),
        ]
        for place, (batch, eta_s) in enumerate(zip(found, ready, strict=True), 1)
    ]
    names = [count.replace("_", " ") for count in _COUNTS]
    print_table(["#", "batch", *names, ""], rows, right=["#", *names])


def _what_comes(batch: BatchSnapshot, eta_s: float | None, now: float) -> str:
    if not batch.selected:
        return "not in this run"
    return held_words(batch, now) or ("" if eta_s is None else f"done at about {clock(now + eta_s, now)}")


def _print_csv(found: Sequence[BatchSnapshot]) -> None:
    """In UTF-8 whatever the locale, because another program reads it."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(encoding="utf-8")
    add_row = start_table(sys.stdout, _CSV_COLUMNS, line_end="\n")
    for place, batch in enumerate(found, 1):
        held = batch.held
        hold = (date_and_second(held.since), str(held.by), held.reason) if held else (None, None, None)
        add_row([place, batch.name, *structs.asdict(batch.account).values(), *hold])
