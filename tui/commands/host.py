"""`photostat host`: this machine converts for an engine on another one, which has invited it."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import click

from engine.config import Config
from engine.config.cluster_extra import missing_extra
from engine.failures import UserError
from tui.commands.shared.options import json_option, worker_count, workspace_of
from tui.commands.shared.output import print_json, print_line, warn


@click.command()
@click.argument("invitation", metavar="FILE | invite NAME", nargs=-1, required=True)
@click.option("--address", metavar="HOST", help="With invite: by which name other machines reach this one.")
@click.option(
    "--workers",
    type=worker_count,
    help="With FILE: processes that convert here; by default one a core, from four up one less.",
)
@click.option(
    "--scratch",
    type=click.Path(file_okay=False, path_type=Path),
    help="With FILE: directory for JPEGs on their way to the store; photostat-NAME-scratch by default.",
)
@click.option(
    "--while-stdin", is_flag=True, hidden=True, help="End when standard input does, or the connection."
)
@json_option
@click.pass_context
def host(
    ctx: click.Context,
    invitation: tuple[str, ...],
    address: str | None,
    workers: int | None,
    scratch: Path | None,
    while_stdin: bool,
    as_json: bool,
) -> None:
    """Convert on this machine for an engine that has invited it, until somebody ends this.

    It waits for the engine, and when that has ended, for the next one. Ctrl-C or SIGTERM lets it finish what it has,
    75 seconds at most, and leave; the second one lets it leave at once: nothing is lost, others convert what it had.
    `photostat hosts drain NAME` where the engine is ends it too. The exit code is 0 then, and 2 if the engine refuses
    it.

    In the workspace `photostat host invite NAME` writes NAME.pem, an invitation for one other machine; that one runs
    `photostat host NAME.pem`. It has the same photostat with the extra [cluster], sees the sources under the same
    paths, and reaches the store with credentials of its own. Whoever has an invitation can run programs on all of these
    machines: keep it secret. Inviting a name again ends its earlier invitation, as does `photostat hosts forget NAME`.
    With - for FILE it is read from standard input, and is never on a disk.
    """
    if why := missing_extra():
        raise UserError(f"this {why}")
    match invitation:
        case ("invite", name):
            if workers is not None or scratch is not None:
                raise click.UsageError(
                    "--workers and --scratch go with FILE, on the other machine: photostat host FILE --workers N"
                )
            _invite(ctx, name, address, as_json=as_json)
        case ("invite",):
            raise click.UsageError("invite whom? Give the other machine a name: photostat host invite NAME")
        case (_,) if address is not None or as_json:
            raise click.UsageError("--address and --json go with invite, in the workspace")
        case (file,):
            _run(Path(file), workers, scratch, while_stdin=while_stdin)
        case _:
            raise click.UsageError("either FILE, or invite NAME")


def _invite(ctx: click.Context, name: str, address: str | None, *, as_json: bool) -> None:
    from engine.hosts.credentials import Admission, is_this_machine_only
    from engine.hosts.invitations import Authority, check_name, check_writable, write_invitation

    workspace = workspace_of(ctx)
    config = workspace.config()
    if not config.cluster.lets_others_join:
        raise UserError(
            'no host can connect to this workspace\'s engine: set listen under [cluster], as in listen = "tls://0.0.0.0:8786"'
        )
    check_name(name)
    path = Path(f"{name}.pem")
    was_invited = Authority(workspace.cluster_dir).invited.has_holding(name)
    replaces = was_invited and not config.cluster.scheduler
    check_writable(path)
    invitation = Admission(workspace, config).invite(name, address or "")
    write_invitation(path, invitation)
    tell = warn if as_json else print_line
    if as_json:
        print_json(
            {
                "host": name,
                "file": str(path.absolute()),
                "address": invitation.address,
                "replaced": replaces,
            }
        )
    tell(
        f"{path} invites one machine to {invitation.address}: copy it there, and run `photostat host {path.name}`."
    )
    listen = config.cluster.listen
    if listen and is_this_machine_only(invitation.address) and not is_this_machine_only(listen):
        tell(
            f"Only this machine itself is reached at {invitation.address}. For another one, remove {path} and say how "
            f"it reaches this one: `photostat host invite {name} --address NAME`."
        )
    if was_invited and not replaces:
        tell(f"The earlier invitation of {name} holds too: both have the certificates of that cluster.")
    if replaces:
        tell(f"The earlier invitation of {name} is void: whoever uses it is let go.")


def _run(file: Path, workers: int | None, scratch: Path | None, *, while_stdin: bool) -> None:
    """In place of this process: it starts others, and imports nothing of a terminal."""
    from engine.hosts.invitations import Invitation

    if str(file) != "-":
        Invitation.read(file)  # or a line that says what it is instead
    count = workers or Config().engine.worker_count(os.cpu_count() or 1)
    arguments = ["-m", "engine.host", str(file), "--workers", str(count)]
    arguments += ["--scratch", str(scratch.absolute())] if scratch else []
    arguments += ["--while-stdin"] if while_stdin else []
    sys.stdout.flush()
    os.execv(sys.executable, [sys.executable, "-X", "utf8", *arguments])
