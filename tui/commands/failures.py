"""`photostat failures`: the failed images by cause, with what to do about each."""

from __future__ import annotations

import click

from engine.formatting import counted
from engine.ledger.filters import ImageFilter
from engine.ledger.models import ImageRow
from engine.ledger.reader import LedgerReader
from tui.commands.shared.options import (
    batch_option,
    cause_option,
    check_batch,
    check_cause,
    json_option,
    workspace_of,
)
from tui.commands.shared.output import print_json_array, print_line


@click.command()
@batch_option
@cause_option
@json_option
@click.pass_context
def failures(ctx: click.Context, batch: str | None, cause: str | None, as_json: bool) -> None:
    """List the images that failed, by cause, with what to do about it."""
    check_cause(cause)
    with LedgerReader(workspace_of(ctx)) as reader, reader.one_view():
        check_batch(batch, reader.account())
        if as_json:
            print_json_array(
                image.to_json()
                for image in reader.iterate(ImageFilter(batch=batch, state="failed", cause=cause))
            )
            return
        groups = [group for group in reader.failure_groups(batch) if cause in (None, group.cause)]
        if not groups:
            print_line("Nothing has failed.")
        for number, group in enumerate(groups):
            if number:
                print_line()
            print_line(f"{group.cause}: {counted(group.images, 'image')}")
            print_line(f"  {group.remedy}")
            for image in reader.iterate(ImageFilter(batch=batch, state="failed", cause=group.cause)):
                _print_failure(image)


def _print_failure(image: ImageRow) -> None:
    print_line(f"  {image.id:>7}  {image.target}")
    print_line(f"           {image.message or ''}")
    if image.hint:
        print_line(f"           {image.hint}")
