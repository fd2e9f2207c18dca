"""`photostat skip`: one image that takes too long is taken out of its worker."""

from __future__ import annotations

import click

from engine.control.client import EngineClient
from engine.control.requests import Skip, SkipReply
from engine.formatting import duration
from tui.commands.shared.engine import print_reply
from tui.commands.shared.options import json_option, workspace_of


@click.command()
@click.argument("image", metavar="ID", type=click.IntRange(min=1))
@click.option(
    "--fail", is_flag=True, help="Let it fail, so that the failures list has it, and the run can end."
)
@json_option
@click.pass_context
def skip(ctx: click.Context, image: int, fail: bool, as_json: bool) -> None:
    """End the attempt at the image ID now, and go on with the others.

    It is pending again and waits behind all others of this run; the attempt does not count. With --fail it fails
    instead (`timed-out: stopped by WHO`) until it is requeued or accepted. `photostat status` has the IDs of the
    images that workers have. A worker that no signal ends is left behind.
    """
    with EngineClient.connect(workspace_of(ctx)) as client:
        workers = client.snapshot().workers
        worker = next((worker for worker in workers if worker.image_id == image), None)
        reply = client.ask(Skip(image, worker.started if worker else None, fail))
    print_reply(reply, _words(reply, worker.seconds if worker else None, fail=fail), as_json=as_json)


def _words(reply: SkipReply, seconds: float | None, *, fail: bool) -> str:
    which = f"image {reply.image} ({reply.name})"
    had = f", which worker {reply.worker} had for {duration(seconds)}," if reply.worker is not None else ""
    if fail:
        return f"Stopped: {which}{had} fails. `photostat requeue {reply.image}` tries it again."
    return f"Skipped: {which}{had} is pending again, and waits behind all others."
