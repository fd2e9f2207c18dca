"""`photostat pause`: no more images start."""

from __future__ import annotations

import click

from engine.control.requests import Pause
from tui.commands.shared.engine import in_flight, print_reply, send_command
from tui.commands.shared.options import json_option


@click.command()
@json_option
@click.pass_context
def pause(ctx: click.Context, as_json: bool) -> None:
    """Start no more images; those in flight finish."""
    reply = send_command(ctx, Pause())
    will = "will be finished"
    rest = in_flight(reply.in_flight, will, will)
    print_reply(reply, f"Paused. {rest}. `photostat resume` continues.", as_json=as_json)
