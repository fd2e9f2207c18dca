"""`photostat resume`: the end of a pause."""

from __future__ import annotations

import time

import click

from engine.control.requests import Resume, ResumeReply
from engine.control.snapshot import HoldReason
from engine.formatting import clock
from tui.commands.shared.engine import print_reply, send_command
from tui.commands.shared.options import json_option


@click.command()
@json_option
@click.pass_context
def resume(ctx: click.Context, as_json: bool) -> None:
    """Continue after a pause. In a hold: check at once whether its reason is gone.

    In a hold because the store shows none of the images that should be there, go on without them. Outside its
    hours, work until the end of its next ones.
    """
    reply = send_command(ctx, Resume())
    print_reply(reply, resumed(reply), as_json=as_json)


def resumed(reply: ResumeReply) -> str:
    now = time.time()
    if reply.outside_hours_until is not None:
        until = clock(reply.outside_hours_until, now)
        return f"Resumed. It works outside its hours too, until {until}, when its next hours end."
    if reply.hold is not None and reply.hold.reason is HoldReason.HOURS:
        return f"Resumed. It is {reply.hold.detail}; another `photostat resume` continues now."
    if reply.hold is not None and reply.hold.reason is HoldReason.BATCH:
        return f"Resumed, but nothing starts: {reply.hold.detail}."
    return "Resumed."
