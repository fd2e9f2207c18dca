"""`photostat workers`: how many processes convert."""

from __future__ import annotations

import click

from engine.config.cluster_extra import HERE
from engine.control.requests import SetWorkers, WorkersReply
from engine.formatting import counted, integer
from tui.commands.shared.engine import print_reply, send_command
from tui.commands.shared.options import json_option, worker_count


@click.command()
@click.argument("count", type=worker_count)
@click.option(
    "--host",
    metavar="NAME",
    default=HERE,
    help="On this machine of `photostat hosts`; without it on the engine's own, `here`.",
)
@json_option
@click.pass_context
def workers(ctx: click.Context, count: int, host: str, as_json: bool) -> None:
    """Have COUNT worker processes from now on, on the engine's own machine or on another host.

    Each host has a number of its own. That of another host holds until this run ends, also if the host goes and comes
    back; then it is again what `photostat host` says there.
    """
    reply = send_command(ctx, SetWorkers(count, host))
    print_reply(reply, _workers_now(count, reply, host), as_json=as_json)


def _workers_now(asked: int, reply: WorkersReply, host: str) -> str:
    """`2 workers instead of 5: memory allows no more.`, `1 worker on conv2, before: 2. …`."""
    count, before = reply.count, reply.before
    text = counted(count, "worker") + ("" if host == HERE else f" on {host}")
    if reply.limited_by is not None:
        text += f" instead of {integer(asked)}: {reply.limited_by} allows no more"
    elif count != before:
        text += f", before: {integer(before)}"
    if count < before:
        one = before - count == 1
        text += f". The extra {'worker stops after its image' if one else 'workers stop after their images'}"
    return f"{text}."
