"""Commands to the engine, and what its replies mean in words."""

from __future__ import annotations

from typing import TypeVar

import click
from msgspec import to_builtins

from engine.control.client import EngineClient
from engine.control.requests import Reply, Request
from engine.formatting import integer
from tui.commands.shared.options import workspace_of
from tui.commands.shared.output import print_json, print_line, warn

ReplyT = TypeVar("ReplyT", bound=Reply)


def send_command(ctx: click.Context, request: Request[ReplyT]) -> ReplyT:
    """The engine's reply. Raises NoEngine, and UserError if the engine refuses."""
    with EngineClient.connect(workspace_of(ctx)) as client:
        return client.ask(request)


def print_reply(reply: Reply, text: str, *, as_json: bool) -> None:
    """The text, or the reply as JSON with the text beside it on stderr."""
    if as_json:
        print_json(to_builtins(reply))
        warn(text)
    else:
        print_line(text)


def in_flight(count: int, one: str, many: str) -> str:
    """`Nothing is in flight`, `The image in flight` and `one`, `The 3 images in flight` and `many`."""
    if count == 0:
        return "Nothing is in flight"
    return f"The image in flight {one}" if count == 1 else f"The {integer(count)} images in flight {many}"


def draining(count: int) -> str:
    """What `drain` answers if `count` images are in flight."""
    will = "will be finished"
    return f"Draining. {in_flight(count, will, will)}{', then' if count else ':'} the engine ends."
