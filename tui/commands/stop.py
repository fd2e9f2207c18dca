"""`photostat stop`: the engine ends at once."""

from __future__ import annotations

import time

import click
from msgspec import structs

from engine.control.children_file import left_behind
from engine.control.requests import Stop
from engine.formatting import counted
from engine.ledger.lock import find_engine
from engine.workspace import Workspace
from tui.commands.shared.account import print_left_behind
from tui.commands.shared.engine import in_flight, print_reply, send_command
from tui.commands.shared.options import json_option, workspace_of
from tui.commands.shared.output import warn

_LEAVES_WITHIN_S = 15.0
_LOOK_EVERY_S = 0.05


@click.command()
@json_option
@click.pass_context
def stop(ctx: click.Context, as_json: bool) -> None:
    """End the engine at once. Nothing is lost: what was in flight is converted again by the next run.

    Returns when the engine has left. A process that waits for a share or a disk that does not answer cannot be
    ended; it is named, and ends when that answers.
    """
    workspace = workspace_of(ctx)
    engine = find_engine(workspace.lock_path)
    reply = send_command(ctx, Stop())
    has_left = _wait_for_end(workspace, engine.pid if engine else 0)
    reply = structs.replace(reply, left_behind=left_behind(workspace.children_path))
    rest = in_flight(reply.in_flight, "goes back to pending", "go back to pending")
    kept = reply.on_scratch
    wait = f"; {counted(kept, 'JPEG')} on scratch {'waits' if kept == 1 else 'wait'} for the next run"
    done = "Stopped" if has_left else "Stopping; the engine has not left yet"
    print_reply(reply, f"{done}. {rest}{wait if kept else ''}.", as_json=as_json)
    print_left_behind(reply.left_behind, warn if as_json else None)


def _wait_for_end(workspace: Workspace, pid: int) -> bool:
    """Whether that engine has left in time."""
    deadline = time.monotonic() + _LEAVES_WITHIN_S
    while (engine := find_engine(workspace.lock_path)) is not None and engine.pid == pid:
        if time.monotonic() > deadline:
            return False
        time.sleep(_LOOK_EVERY_S)
    return True
