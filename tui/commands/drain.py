"""`photostat drain`: what is in flight finishes, then the engine ends."""

from __future__ import annotations

import click

from engine.control.requests import Drain
from tui.commands.shared.engine import draining, print_reply, send_command
from tui.commands.shared.options import json_option


@click.command()
@json_option
@click.pass_context
def drain(ctx: click.Context, as_json: bool) -> None:
    """Finish what is in flight, then end the engine."""
    reply = send_command(ctx, Drain())
    print_reply(reply, draining(reply.in_flight), as_json=as_json)
