"""`photostat failures`, `requeue` and `accept`: what failed and why; another round; out of the account."""

from __future__ import annotations

from collections.abc import Callable

import click

from engine.failures import UserError, one_line
from engine.formatting import counted, visible
from engine.ledger.filters import Selection
from engine.ledger.models import ImageRow
from engine.ledger.reader import LedgerReader
from engine.ledger.writer import Ledger
from engine.workspace import Workspace
from tui.commands.shared import (
    batch_option,
    cause_option,
    check_batch,
    check_cause,
    json_option,
    print_json,
    print_json_array,
    remark,
    say,
    workspace_of,
)


@click.command()
@batch_option
@cause_option
@json_option
@click.pass_context
def failures(ctx: click.Context, batch: str | None, cause: str | None, as_json: bool) -> None:
    """List the images that failed, by cause, with what to do about it."""
    check_cause(cause)
    with LedgerReader(workspace_of(ctx)) as reader:
        check_batch(batch, reader.account())
        if as_json:
            print_json_array(
                image.to_json() for image in reader.iterate(batch=batch, state="failed", cause=cause)
            )
            return
        groups = [group for group in reader.failure_groups(batch) if cause in (None, group.cause)]
        if not groups:
            say("Nothing has failed.")
        for number, group in enumerate(groups):
            if number:
                click.echo()
            say(f"{group.cause}: {counted(group.images, 'image')}")
            say(f"  {group.remedy}")
            for image in reader.iterate(batch=batch, state="failed", cause=group.cause):
                _print_failure(image)


def _print_failure(image: ImageRow) -> None:
    click.echo(f"  {image.id:>7}  {visible(image.target)}")
    click.echo(f"           {visible(image.message or '')}")
    if image.hint:
        click.echo(f"           {visible(image.hint)}")


@click.command()
@click.argument("ids", nargs=-1, type=click.IntRange(min=1))
@batch_option
@cause_option
@click.option("--all", "everything", is_flag=True, help="Every failed image.")
@json_option
@click.pass_context
def requeue(
    ctx: click.Context,
    ids: tuple[int, ...],
    batch: str | None,
    cause: str | None,
    everything: bool,
    as_json: bool,
) -> None:
    """Send failed images round again.

    Those with these IDS, or all of a batch or cause, or --all. An image whose target another one has stays
    failed until one of them has another name or is accepted. An ID may also name an accepted image, to take
    that back. With an engine at work, it takes them up at once.
    """
    selection = Selection(ids=ids, batch=batch, cause=cause, all=everything)
    if selection.is_empty:
        raise click.UsageError("which ones? Give IDs, --batch, --cause, or --all")
    if ids and everything:
        raise click.UsageError("give IDs or --all, not both")
    check_cause(cause)
    workspace = workspace_of(ctx)
    with LedgerReader(workspace) as reader:
        check_batch(batch, reader.account())
        _check_ids(reader, ids)
        wanted = reader.selected(selection)
    count = _order(
        workspace, "requeue", {"selection": selection.to_json()}, lambda ledger: ledger.requeue(selection)
    )
    colliding = max(0, wanted - count)
    others = len(set(ids)) - wanted if ids else 0
    if as_json:
        print_json({"requeued": count, "still_colliding": colliding, "not_failed": others})
    else:
        say(f"{counted(count, 'image')} sent round again.")
    if colliding:
        remark(f"{counted(colliding, 'image')} still with another's target: not requeued.")
    if others:
        remark(f"{counted(others, 'image')} not failed, and left alone.")
    ctx.exit(1 if colliding or others else 0)


@click.command()
@click.argument("ids", nargs=-1, required=True, type=click.IntRange(min=1))
@click.option("--reason", required=True, help="Why these images need not be converted; it goes on record.")
@json_option
@click.pass_context
def accept(ctx: click.Context, ids: tuple[int, ...], reason: str, as_json: bool) -> None:
    """Take failed images out of the account, with a reason.

    They count as accepted from then on; `photostat requeue ID` takes it back.
    """
    if not reason.strip():
        raise click.UsageError("--reason is empty")
    reason = one_line(reason)
    workspace = workspace_of(ctx)
    with LedgerReader(workspace) as reader:
        _check_ids(reader, ids)
    count = _order(
        workspace, "accept", {"ids": list(ids), "reason": reason}, lambda ledger: ledger.accept(ids, reason)
    )
    others = len(set(ids)) - count
    if as_json:
        print_json({"accepted": count, "not_failed": others})
    else:
        say(f"{counted(count, 'image')} accepted.")
    if others:
        remark(f"{counted(others, 'image')} not failed, and left alone.")
    ctx.exit(1 if others else 0)


def _check_ids(reader: LedgerReader, ids: tuple[int, ...]) -> None:
    unknown = [str(number) for number in ids if reader.image(number) is None]
    if unknown:
        shown = ", ".join(unknown[:20]) + (", …" if len(unknown) > 20 else "")
        raise UserError(f"no image {shown} in the ledger; nothing was changed")


def _order(
    workspace: Workspace, command: str, arguments: dict[str, object], offline: Callable[[Ledger], int]
) -> int:
    """By the engine where one answers, else in the ledger itself; returns how many images it was done to."""
    from engine.control.client import EngineClient, EngineSilent, NoEngine

    try:
        client = EngineClient.connect(workspace)
    except EngineSilent:
        raise
    except NoEngine:
        with Ledger.open(workspace, command) as ledger:
            return offline(ledger)
    with client:
        return int(client.command(command, **arguments)["count"])
