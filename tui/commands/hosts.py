"""`photostat hosts`: the machines that convert for this workspace's engine."""

from __future__ import annotations

import click
from msgspec import UnsetType, to_builtins

from engine.control.client import EngineClient
from engine.control.snapshot import HostSnapshot
from engine.formatting import counted, memory_size
from tui.commands.shared.options import json_option, workspace_of
from tui.commands.shared.output import print_json, print_line


@click.command()
@json_option
@click.pass_context
def hosts(ctx: click.Context, as_json: bool) -> None:
    """Show the machines that convert now: the engine's own, and those that have joined it."""
    with EngineClient.connect(workspace_of(ctx)) as client:
        found = client.snapshot().hosts
    if as_json:
        print_json(to_builtins(() if isinstance(found, UnsetType) else found))
        return
    if isinstance(found, UnsetType):
        print_line("No host can join: there is no listen under [cluster] in photostat.toml.")
        return
    for one in found:
        print_line(_words(one))


def _words(host: HostSnapshot) -> str:
    waiting = f", {counted(host.waiting, 'JPEG')} on the way to the store" if host.waiting else ""
    hold = f": {host.hold.detail}" if host.hold else ""
    return (
        f"{host.name}: {host.state}{hold}; {host.busy} of {counted(host.workers, 'worker')} busy{waiting}; "
        f"{memory_size(max(0, host.memory.headroom))} free for images"
    )
