"""`photostat hosts`: the machines that convert for this workspace's engine; has one leave, or be forgotten."""

from __future__ import annotations

import sys

import click
from msgspec import UNSET, to_builtins

from engine.config.cluster_extra import HERE
from engine.control.client import EngineClient, EngineSilent, NoEngine
from engine.control.requests import DrainHost, ForgetHost, HostReply
from engine.control.snapshot import HostSnapshot
from engine.failures import UserError
from engine.formatting import counted
from engine.ledger.reader import LedgerReader
from engine.workspace import Workspace
from tui.commands.shared.engine import print_reply, send_command
from tui.commands.shared.hosts import certificates_stay, last_seen, print_hosts
from tui.commands.shared.options import json_option, workspace_of
from tui.commands.shared.output import print_json, print_line
from tui.state.hosts import is_away


@click.group(invoke_without_command=True)
@json_option
@click.pass_context
def hosts(ctx: click.Context, as_json: bool) -> None:
    """Show the machines of the run: the engine's own, those that have joined it, and those that were lost or have left.

    `photostat host invite NAME` invites another one; `photostat workers N --host NAME` says how many workers it has.
    """
    if ctx.invoked_subcommand is not None:
        if as_json:
            raise click.UsageError(
                f"--json goes behind: photostat hosts {ctx.invoked_subcommand} NAME --json"
            )
        return
    workspace = workspace_of(ctx)
    with EngineClient.connect(workspace) as client:
        snapshot = client.snapshot()
    found = snapshot.hosts
    if as_json:
        print_json(to_builtins(() if found is UNSET else found))
        return
    if found is UNSET:
        print_line("No host can join: there is no listen under [cluster] in photostat.toml.")
        return
    if found:
        print_hosts(found, snapshot.state, snapshot.time)
    else:
        print_line(snapshot.hold.detail if snapshot.hold else "No host is there.")
    away = sorted(set(_invited(workspace)) - {host.name for host in found})
    if away:
        with LedgerReader(workspace) as reader:
            seen = {host.name: f" ({last_seen(host, snapshot.time)})" for host in reader.hosts()}
        print_line(f"Invited, and not there: {', '.join(name + seen.get(name, '') for name in away)}.")


def _invited(workspace: Workspace) -> list[str]:
    from engine.hosts.invited import Invited

    return Invited(workspace.cluster_dir).names


@hosts.command()
@click.argument("name")
@json_option
@click.pass_context
def drain(ctx: click.Context, name: str, as_json: bool) -> None:
    """Have NAME finish what it has and leave.

    It gets nothing new; when all that it had is in the store, `photostat host` ends there, with exit code 0. The run
    goes on without it. Its invitation still holds: started again, it joins again.
    """
    reply = send_command(ctx, DrainHost(name))
    print_reply(reply, _draining(reply), as_json=as_json)


def _draining(reply: HostReply) -> str:
    count = reply.in_flight + reply.waiting
    left = f"{counted(count, 'image')} will be finished first" if count else "it has no image"
    return f"{reply.host} {'leaves' if reply.changed else 'leaves already'}: {left}."


@hosts.command()
@click.argument("name")
@click.option("--yes", is_flag=True, help="Without a question, if it has images.")
@json_option
@click.pass_context
def forget(ctx: click.Context, name: str, yes: bool, as_json: bool) -> None:
    """Forget NAME, a host that will not come back.

    Its invitation is void. If it is still there, it is let go at once: what it has and has not stored is converted by
    others, and no attempt counts. It may join again only if it is invited anew. With a running engine and without one.

    With [cluster] scheduler its certificates are those of that cluster, which photostat cannot revoke: whoever has its
    invitation can still connect there.
    """
    workspace = workspace_of(ctx)
    try:
        with EngineClient.connect(workspace) as client:
            shown = client.snapshot().hosts if name != HERE else ()
            _ask(next((host for host in shown or () if host.name == name), None), yes=yes)
            reply = client.ask(ForgetHost(name))
    except EngineSilent:
        raise
    except NoEngine:
        reply = _forget(workspace, name)
    print_reply(reply, _forgotten(reply), as_json=as_json)


def _forget(workspace: Workspace, name: str) -> HostReply:
    """Without an engine. Raises UserError for a host that was never invited."""
    from engine.hosts.invitations import Authority

    if name == HERE:
        raise UserError(f"{HERE} is the engine's own machine: it cannot be forgotten")
    return HostReply(
        host=name,
        changed=Authority(workspace.cluster_dir).withdraw(name),
        is_there=False,
        in_flight=0,
        waiting=0,
        still_connects_to=workspace.config().cluster.scheduler,
    )


def _ask(host: HostSnapshot | None, *, yes: bool) -> None:
    images = host.busy + host.waiting if host is not None else 0
    if yes or host is None or not images:
        return
    name, images_of_it = host.name, counted(images, "image")
    what = (
        f"{name} is not there, but may come back; {images_of_it} whose JPEGs wait on its scratch"
        if is_away(host)
        else f"{name} is there; {images_of_it} that it has not stored"
    )
    what += " will be converted by others"
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        instead = "" if is_away(host) else f", or let it leave with `photostat hosts drain {name}`"
        raise click.UsageError(f"{what}: say so with --yes{instead}")
    if not click.confirm(f"{what}. Forget it?", err=True):
        raise UserError("nothing was changed")


def _forgotten(reply: HostReply) -> str:
    stays = f" {certificates_stay(reply.still_connects_to)}" if reply.still_connects_to else ""
    if not reply.changed:
        return f"{reply.host} was forgotten already. Nothing was changed.{stays}"
    count = reply.in_flight + reply.waiting
    back = f" {counted(count, 'image')} that it had will be converted by others." if count else ""
    anew = "it may join again only if it is invited anew"
    void = "the engine lets it in no more" if stays else "its invitation is void"
    return f"{reply.host} is forgotten: {void}, and {anew}.{back}{stays}"
