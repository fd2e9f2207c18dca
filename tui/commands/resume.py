"""`photostat resume`: the end of a pause."""

from __future__ import annotations

import click

from engine.control.requests import Resume
from tui.commands.shared.engine import print_reply, send_command
from tui.commands.shared.options import json_option


@click.command()
@json_option
@click.pass_context
def resume(ctx: click.Context, as_json: bool) -> None:
    """Continue after a pause. In a hold: check at once whether its reason is gone.

    In a hold because the store shows none of the images that should be there, go on without them.
    """
    print_reply(send_command(ctx, Resume()), "Resumed.", as_json=as_json)
