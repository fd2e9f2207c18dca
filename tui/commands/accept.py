"""`photostat accept`: failed images that need no JPEG, with the reason."""

from __future__ import annotations

import click

from engine.control.requests import Accept
from engine.failures import one_line
from engine.formatting import counted
from engine.ledger.filters import Selection
from engine.ledger.reader import LedgerReader
from tui.commands.shared.options import check_ids, json_option, warn_of_others, workspace_of
from tui.commands.shared.orders import carry_out
from tui.commands.shared.output import print_json, print_line


@click.command()
@click.argument("ids", nargs=-1, required=True, type=click.IntRange(min=1))
@click.option("--reason", required=True, help="Why these images need no JPEG; it is recorded.")
@json_option
@click.pass_context
def accept(ctx: click.Context, ids: tuple[int, ...], reason: str, as_json: bool) -> None:
    """Accept failed images without a JPEG, for a reason.

    They count as accepted from then on; `photostat requeue ID` takes it back.
    """
    if not reason.strip():
        raise click.UsageError("--reason is empty")
    reason = one_line(reason)
    workspace = workspace_of(ctx)
    with LedgerReader(workspace) as reader:
        check_ids(reader, ids)
        selection = Selection(ids=ids, until_event=reader.last_event())
    count = carry_out(workspace, "accept", "Accepting", Accept(selection, reason))
    others = len(set(ids)) - count
    if as_json:
        print_json({"accepted": count, "not_failed": others})
    else:
        print_line(f"{counted(count, 'image')} accepted.")
    warn_of_others(others)
    ctx.exit(1 if others else 0)
