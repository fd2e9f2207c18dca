"""`photostat reconcile`: the ledger against a listing of the store."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text
from tui.commands.shared import json_option, workspace_of

from engine.client import EngineClient, NoEngine
from engine.failures import UserError
from engine.ledger.reader import LedgerReader
from engine.ledger.writer import Ledger
from engine.reconcile import Counts, Difference, Kind, Reconciliation
from engine.store import StoreTrouble, open_store
from engine.workspace import Workspace
from tui.commands.engine import known_batches
from tui.words import data, integer

_SHOWN_PER_KIND = 20
_IDS_AT_ONCE = 5000
_REASON = "not in the store any more"


@dataclass
class _Found:
    """What one pass over the store has shown."""

    counts: Counts = field(default_factory=Counts)
    missing: list[int] = field(default_factory=list)


@click.command()
@click.option("--batch", help="Only this batch.")
@click.option("--requeue", is_flag=True, help="Send the missing images round again.")
@json_option
@click.pass_context
def reconcile(ctx: click.Context, batch: str | None, requeue: bool, as_json: bool) -> None:
    """Compare the ledger with what is in the store.

    Lists the store and says which images that are done are missing there, which objects are extra, and which
    differ in size or digest. Changes nothing in the store; with --requeue the missing images become pending and
    are converted again. Exits with 1 when anything differs.
    """
    workspace = workspace_of(ctx)
    known_batches(workspace, (batch,) if batch else ())
    store = open_store(workspace.config().store, workspace.root)
    try:
        with LedgerReader(workspace) as reader:
            comparison = Reconciliation(reader, store, batch)
            found = (_print_json if as_json else _print)(comparison)
    except StoreTrouble as trouble:
        raise UserError(f"{trouble.failure.message}. {trouble.failure.remedy}") from trouble
    finally:
        store.close()
    if requeue:
        count = requeue_missing(workspace, found.missing)
        click.echo(f"{integer(count)} missing images are pending again.", err=True)
    ctx.exit(0 if found.counts.is_clean else 1)


def requeue_missing(workspace: Workspace, ids: list[int]) -> int:
    """done → pending: by the engine where one is at work, else here; returns how many. Raises UserError."""
    if not ids:
        return 0
    chunks = [ids[at : at + _IDS_AT_ONCE] for at in range(0, len(ids), _IDS_AT_ONCE)]
    try:
        with EngineClient.connect(workspace) as engine:
            return sum(int(engine.command("requeue_missing", ids=chunk)["count"]) for chunk in chunks)
    except NoEngine:
        with Ledger.open(workspace, "reconcile") as ledger:
            return sum(ledger.convert_again(chunk, _REASON) for chunk in chunks)


def _collect(comparison: Reconciliation, found: _Found) -> Iterator[Difference]:
    for difference in comparison.differences():
        if difference.kind is Kind.MISSING and difference.image_id is not None:
            found.missing.append(difference.image_id)
        yield difference


def _print_json(comparison: Reconciliation) -> _Found:
    """One document, written as it is found: {"differences": [...], "expected": n, ...}."""
    found = _Found(comparison.counts)
    separator = '{"differences": [\n'
    for difference in _collect(comparison, found):
        click.echo(separator + json.dumps(_document(difference), ensure_ascii=False), nl=False)
        separator = ",\n"
    opening = '{"differences": [' if separator.startswith("{") else ""
    click.echo(f"{opening}], {json.dumps(asdict(found.counts))[1:]}")
    return found


def _document(difference: Difference) -> dict[str, object]:
    return {
        "kind": difference.kind.value,
        "target": difference.target,
        "message": difference.message,
        "id": difference.image_id,
        "batch": difference.batch,
        "state": difference.state,
    }


def _print(comparison: Reconciliation) -> _Found:
    console, found = Console(highlight=False), _Found(comparison.counts)
    shown = dict.fromkeys(Kind, 0)
    for difference in _collect(comparison, found):
        shown[difference.kind] += 1
        if shown[difference.kind] <= _SHOWN_PER_KIND:
            console.print(
                Text(f"{difference.kind:9}  {difference.target}  {difference.message}"), soft_wrap=True
            )
        elif shown[difference.kind] == _SHOWN_PER_KIND + 1:
            console.print(f"{difference.kind:9}  ... and more; --json lists them all")
    counts = found.counts
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_row("done in the ledger", integer(counts.expected))
    table.add_row("in the store", f"{integer(counts.objects)}, {data(counts.object_bytes)}")
    table.add_row("missing", integer(counts.missing))
    table.add_row("extra", integer(counts.extra))
    table.add_row("different", integer(counts.different))
    console.print(table)
    return found
