"""`photostat stop`: the engine ends at once."""

from __future__ import annotations

import click

from engine.control.requests import Stop
from engine.formatting import counted
from tui.commands.shared.engine import in_flight, print_reply, send_command
from tui.commands.shared.options import json_option


@click.command()
@json_option
@click.pass_context
def stop(ctx: click.Context, as_json: bool) -> None:
    """End the engine at once. Nothing is lost: what was in flight is converted again by the next run."""
    reply = send_command(ctx, Stop())
    rest = in_flight(reply.in_flight, "goes back to pending", "go back to pending")
    kept = reply.on_scratch
    wait = f"; {counted(kept, 'JPEG')} on scratch {'waits' if kept == 1 else 'wait'} for the next run"
    print_reply(reply, f"Stopped. {rest}{wait if kept else ''}.", as_json=as_json)
