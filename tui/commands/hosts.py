"""`photostat hosts`: the machines that convert for this workspace's engine."""

from __future__ import annotations

import click
from msgspec import UnsetType, to_builtins

from engine.control.client import EngineClient
from tui.commands.shared.hosts import print_hosts
from tui.commands.shared.options import json_option, workspace_of
from tui.commands.shared.output import print_json, print_line


@click.command()
@json_option
@click.pass_context
def hosts(ctx: click.Context, as_json: bool) -> None:
    """Show the machines that convert now: the engine's own, and those that have joined it."""
    with EngineClient.connect(workspace_of(ctx)) as client:
        snapshot = client.snapshot()
    found = snapshot.hosts
    if as_json:
        print_json(to_builtins(() if isinstance(found, UnsetType) else found))
        return
    if isinstance(found, UnsetType):
        print_line("No host can join: there is no listen under [cluster] in photostat.toml.")
        return
    if found:
        print_hosts(found)
    else:
        print_line(snapshot.hold.detail if snapshot.hold else "No host is there.")
