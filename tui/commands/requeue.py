"""`photostat requeue`: failed images become pending again."""

from __future__ import annotations

import click

from engine.control.requests import Requeue
from engine.formatting import counted
from engine.ledger.filters import Selection
from engine.ledger.reader import LedgerReader
from engine.ledger.verdicts import Verdict
from tui.commands.shared.options import (
    batch_option,
    cause_option,
    check_batch,
    check_cause,
    check_ids,
    json_option,
    warn_of_others,
    workspace_of,
)
from tui.commands.shared.orders import carry_out
from tui.commands.shared.output import print_json, print_line, warn
from tui.commands.shared.replacing import ReplacementSettings, replace_delivered, replace_doubted


@click.command()
@click.argument("ids", nargs=-1, type=click.IntRange(min=1))
@batch_option
@cause_option
@click.option("--all", "everything", is_flag=True, help="Every failed image.")
@click.option(
    "--verdict",
    type=click.Choice([Verdict.NOT_FINE.value]),
    help="Delivered images that are not fine: their JPEGs are replaced.",
)
@click.option("--replace", is_flag=True, help="The IDs are of delivered images: their JPEGs are replaced.")
@click.option(
    "--gpu-differs",
    is_flag=True,
    help="Delivered images of a GPU's pixels, of kinds of files of which it has decoded one differently: their JPEGs "
    "are replaced.",
)
@click.option("--quality", type=click.IntRange(1, 100), help="For JPEGs that are replaced.")
@click.option(
    "--subsampling",
    type=click.Choice(["auto", "4:4:4", "4:2:0"]),
    help="For JPEGs that are replaced.",
)
@click.option("--yes", is_flag=True, help="Replace delivered JPEGs without a question.")
@json_option
@click.pass_context
def requeue(
    ctx: click.Context,
    ids: tuple[int, ...],
    batch: str | None,
    cause: str | None,
    everything: bool,
    verdict: str | None,
    replace: bool,
    gpu_differs: bool,
    quality: int | None,
    subsampling: str | None,
    yes: bool,
    as_json: bool,
) -> None:
    """Requeue failed images: they are converted again.

    Give IDS, or all of a batch or cause, or --all. An image with the target of another image stays failed until
    one of the two has another name or is accepted. An ID may also name an accepted image: that takes the
    acceptance back. A running engine converts them at once.

    With --verdict not-fine, with --gpu-differs, or with --replace and IDS, delivered images are converted again, with
    a quality or subsampling of their own if you give it. The object in the store stays until the new JPEG is verified,
    and is replaced only if it is still the one that was delivered. Until an image is converted, the same command gives
    it other settings.
    """
    if gpu_differs:
        if cause or everything or verdict or replace or ids:
            raise click.UsageError("give --gpu-differs with or without --batch")
        settings = ReplacementSettings(quality, subsampling)
        ctx.exit(replace_doubted(workspace_of(ctx), batch, settings, yes=yes, as_json=as_json))
    if verdict or replace:
        if cause or everything or (verdict and ids) or (replace and not ids) or (ids and batch):
            raise click.UsageError("give --verdict with or without --batch, or --replace with IDs alone")
        settings = ReplacementSettings(quality, subsampling)
        ctx.exit(replace_delivered(workspace_of(ctx), ids, batch, settings, yes=yes, as_json=as_json))
    if quality or subsampling or yes:
        raise click.UsageError(
            "--quality, --subsampling and --yes are for --replace, --verdict and --gpu-differs"
        )
    selection = Selection(ids=ids, batch=batch, cause=cause, all=everything)
    if selection.is_empty:
        raise click.UsageError("which ones? Give IDs, --batch, --cause, or --all")
    if ids and everything:
        raise click.UsageError("give IDs or --all, not both")
    check_cause(cause)
    workspace = workspace_of(ctx)
    with LedgerReader(workspace) as reader:
        check_batch(batch, reader.account())
        check_ids(reader, ids)
        wanted = reader.selected(selection)
    count = carry_out(workspace, "requeue", "Requeueing", Requeue(selection))
    colliding = max(0, wanted - count)
    others = len(set(ids)) - wanted if ids else 0
    if as_json:
        print_json({"requeued": count, "still_colliding": colliding, "not_failed": others})
    else:
        print_line(f"{counted(count, 'image')} requeued.")
    if colliding:
        why = "another image has the same target" if colliding == 1 else "other images have the same targets"
        warn(f"{counted(colliding, 'image')} not requeued: {why}.")
    warn_of_others(others)
    ctx.exit(1 if colliding or others else 0)
