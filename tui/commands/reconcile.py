"""`photostat reconcile`: compares the ledger with a listing of the store."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from dataclasses import asdict, dataclass, field
from functools import partial

import click
from msgspec import structs

from engine.control.requests import RequeueMissing
from engine.failures import UserError
from engine.formatting import counted, data_size, integer
from engine.ledger.known_store import known_store
from engine.ledger.reader import LedgerReader
from engine.leftovers import ToldLeftover, clear_leftovers
from engine.reconcile import Counts, Difference, DifferenceKind, Reconciliation
from engine.store.base import Store, StoreError
from engine.store.open import open_store
from engine.store.redaction import redact
from engine.workspace import Workspace
from tui.commands.shared.options import batch_option, check_batch, json_option, workspace_of
from tui.commands.shared.orders import carry_out
from tui.commands.shared.output import print_json_array, print_line, print_table, warn
from tui.commands.shared.progress import TransientLine

_Clear = Callable[[], list[ToldLeftover]]
_SHOWN_PER_KIND = 20
_ADVICE = "`photostat check` tells whether it is well with the store; then reconcile again."
"""If the store's error has no hint of its own: what its cause advises is for images."""


@dataclass
class _Found:
    """What one pass over the store has found."""

    counts: Counts
    missing: list[int] = field(default_factory=list)
    leftovers: list[ToldLeftover] = field(default_factory=list)


@click.command()
@batch_option
@click.option("--requeue", is_flag=True, help="Requeue the missing images.")
@click.option(
    "--lost",
    is_flag=True,
    help="The images are gone for good: compare although none is there.",
)
@click.option("--sizes-only", is_flag=True, help="Compare sizes alone; read no file of a local directory.")
@json_option
@click.pass_context
def reconcile(
    ctx: click.Context, batch: str | None, requeue: bool, lost: bool, sizes_only: bool, as_json: bool
) -> None:
    """Compare the ledger with what is in the store.

    Lists the store and shows which done images are missing there, which objects are extra, and which differ in
    size or checksum. A bucket's listing has the checksums; the files in a local directory are read, which takes
    longer. Nothing is changed in the store but for what this workspace has left there unfinished, which is
    removed; with --requeue the missing images become pending and are converted again. The exit code is 1 when
    anything differs.

    A directory that shows none of the images that should be there is not compared: probably its volume is not
    mounted. Nor does --requeue requeue every image of a bucket. If they really are gone, give --lost.
    """
    workspace = workspace_of(ctx)
    settings, progress = workspace.config().store, TransientLine()
    with LedgerReader(workspace) as reader:
        accounts = reader.account()
        known = known_store(reader, workspace.root)
        with closing(open_store(settings, workspace.root, known)) as store:
            check_batch(batch, accounts)
            comparison = Reconciliation(
                reader,
                store,
                batch,
                read=not sizes_only,
                progress=lambda counts: progress.show(lambda: _progress(counts)),
            )
            clear = partial(_clear_leftovers, workspace, reader, store, known.owner, batch)
            try:
                if lost:
                    _overrule(store)
                found = (_print_json if as_json else _print)(comparison, progress, clear)
            except StoreError as fault:
                failure = fault.failure
                raise UserError(structs.replace(failure, hint=failure.hint or _ADVICE).with_remedy) from fault
            finally:
                progress.clear()
    if requeue and batch is None and not lost and found.counts.shows_none:
        raise UserError(
            f"none of the {counted(found.counts.expected, 'image')} that should be there is in {redact(settings.url)}: "
            "is it the right store? Nothing was requeued. If they are gone for good, add --lost."
        )
    if requeue:
        count = requeue_missing(workspace, found.missing)
        warn(f"{counted(count, 'missing image')} requeued.")
    elif found.missing and not as_json:
        print_line("`photostat reconcile --requeue` requeues the missing ones.")
    ctx.exit(0 if found.counts.is_clean else 1)


def _overrule(store: Store) -> None:
    """A store takes a person's word only about what it has refused before. Raises StoreError."""
    with suppress(StoreError):
        store.probe()
    store.overrule()


def _clear_leftovers(
    workspace: Workspace, reader: LedgerReader, store: Store, owner: str, batch: str | None
) -> list[ToldLeftover]:
    prefix = f"{batch}/" if batch else ""
    try:
        return clear_leftovers(workspace, reader, store, owner, prefix, time.time())
    except StoreError as fault:
        warn(f"What was left unfinished in the store could not be listed: {fault.failure.message}")
        return []


def requeue_missing(workspace: Workspace, ids: list[int]) -> int:
    """done → pending; returns how many. Raises UserError."""
    if not ids:
        return 0
    return carry_out(workspace, "reconcile", "Requeueing", RequeueMissing(tuple(ids)))


def _progress(counts: Counts) -> str:
    compared = f"{integer(counts.objects)} compared ({data_size(counts.object_bytes)})"
    return f"{compared} of {integer(counts.expected)}"


def _differences(comparison: Reconciliation, found: _Found, progress: TransientLine) -> Iterator[Difference]:
    for difference in comparison.differences():
        progress.clear()
        if difference.kind is DifferenceKind.MISSING and difference.image_id is not None:
            found.missing.append(difference.image_id)
        yield difference


def _print_json(comparison: Reconciliation, progress: TransientLine, clear: _Clear) -> _Found:
    """One object: the differences, a line each as they are found, then the counts.

    ASCII only, because a local store may hold names that are not text."""
    found = _Found(comparison.counts)
    documents = (_document(difference) for difference in _differences(comparison, found, progress))

    def rest() -> dict[str, object]:
        found.leftovers = clear()
        return asdict(found.counts) | {"leftovers": [_leftover(each) for each in found.leftovers]}

    print_json_array(documents, name="differences", rest=rest, ascii_only=True)
    return found


def _leftover(told: ToldLeftover) -> dict[str, object]:
    return {
        "kind": told.leftover.kind.value,
        "target": told.leftover.key,
        "removed": told.removed,
        "message": told.message,
    }


def _document(difference: Difference) -> dict[str, object]:
    return {
        "kind": difference.kind.value,
        "target": difference.target,
        "message": difference.message,
        "id": difference.image_id,
        "batch": difference.batch,
        "state": difference.state,
    }


def _print(comparison: Reconciliation, progress: TransientLine, clear: _Clear) -> _Found:
    found = _Found(comparison.counts)
    printed = dict.fromkeys(DifferenceKind, 0)
    for difference in _differences(comparison, found, progress):
        printed[difference.kind] += 1
        if printed[difference.kind] <= _SHOWN_PER_KIND:
            print_line(f"{difference.kind:9}  {difference.target}: {difference.message}")
        elif printed[difference.kind] == _SHOWN_PER_KIND + 1:
            print_line(f"{difference.kind:9}  ... and more; --json lists them all")
    progress.clear()
    found.leftovers = clear()
    for told in found.leftovers:
        print_line(f"{told.leftover.kind}  {told.leftover.key}: {told.message}")
    counts = found.counts
    rows = [
        ("done in the ledger", integer(counts.expected)),
        ("in the store", f"{integer(counts.objects)} ({data_size(counts.object_bytes)})"),
        ("missing", integer(counts.missing)),
        ("extra", integer(counts.extra)),
        ("different", integer(counts.different)),
    ]
    if sum(printed.values()) or found.leftovers:
        print_line()
    print_table(["", "images"], rows, right=["images"])
    if counts.to_be_replaced:
        print_line(
            f"{counted(counts.to_be_replaced, 'delivered JPEG')} waiting to be replaced: the old one stays until then."
        )
    if counts.size_only:
        print_line(
            f"{counted(counts.size_only, 'object')} compared by size alone: the listing has no checksum of them."
        )
    return found
