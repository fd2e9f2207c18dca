"""The engine as the commands see it: whether one runs, commands to it, and what its replies mean in words."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from engine.control.client import EngineClient, EngineSilent, NoEngine
from engine.formatting import integer
from engine.ledger.writer import Ledger
from engine.workspace import Workspace
from tui.commands.shared.options import workspace_of
from tui.commands.shared.output import print_json, print_line, warn


def running_engine(workspace: Workspace) -> int | None:
    """Its pid; None if none runs. Raises EngineSilent if one runs and does not answer."""
    try:
        with EngineClient.connect(workspace) as client:
            return client.pid
    except EngineSilent:
        raise
    except NoEngine:
        return None


def send_command(ctx: click.Context, command: str, **arguments: Any) -> dict[str, Any]:
    """The engine's reply. Raises NoEngine, and UserError if the engine refuses."""
    with EngineClient.connect(workspace_of(ctx)) as client:
        return client.command(command, **arguments)


def print_reply(reply: dict[str, Any], text: str, *, as_json: bool) -> None:
    """The text, or the reply as JSON with the text beside it on stderr."""
    if as_json:
        print_json(reply)
        warn(text)
    else:
        print_line(text)


def by_engine_or_ledger(
    workspace: Workspace,
    command: str,
    by_engine: Callable[[EngineClient], int],
    in_ledger: Callable[[Ledger], int],
) -> int:
    """Asks the engine if one runs, else writes the ledger; returns how many images were changed.

    `command` names the writer in the ledger's lock."""
    try:
        client = EngineClient.connect(workspace)
    except EngineSilent:
        raise
    except NoEngine:
        with Ledger.open(workspace, command) as ledger:
            return in_ledger(ledger)
    with client:
        return by_engine(client)


def in_flight(count: int, one: str, many: str) -> str:
    """`Nothing is in flight`, `The image in flight` and `one`, `The 3 images in flight` and `many`."""
    if count == 0:
        return "Nothing is in flight"
    return f"The image in flight {one}" if count == 1 else f"The {integer(count)} images in flight {many}"


def draining(count: int) -> str:
    """What `drain` answers if `count` images are in flight."""
    will = "will be finished"
    return f"Draining. {in_flight(count, will, will)}{', then' if count else ':'} the engine ends."
