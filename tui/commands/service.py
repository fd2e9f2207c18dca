"""`photostat service`: a systemd user unit that starts the engine again after a crash or a reboot."""

from __future__ import annotations

import os
import re
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

import click

from engine.failures import UserError
from engine.formatting import visible
from engine.ledger.reader import LedgerReader
from engine.workspace import Workspace
from tui.commands.shared.host_unit import host_unit
from tui.commands.shared.options import batches_option, check_batch, workers_option, workspace_of
from tui.commands.shared.units import percent, unit_word

_UNIT = """\
# A systemd user unit for one photostat workspace, printed by `photostat service`. To install it:
#   mkdir -p ~/.config/systemd/user && {again} > ~/.config/systemd/user/{name}
#   systemctl --user enable --now {name}
# So that it also runs while you are not logged in, and after a reboot:  loginctl enable-linger
# While it runs, `photostat`, `photostat status` and all other commands work as always.
# `systemctl --user stop {name}` lets what is in flight finish. When all is converted the unit ends;
# then `systemctl --user disable {name}`, or it looks for new work at every boot.

[Unit]
Description=photostat: {described}
# An engine that cannot stay up is not started for ever.
StartLimitIntervalSec=1h
StartLimitBurst=6

[Service]
Type=exec
{directory}ExecStart={command}
# Exit code 1: it ran to its end, and some images failed or are left, because somebody has drained or stopped it.
SuccessExitStatus=1
# A crash, a kill, and exit code 2: a fault, or a disk with the workspace that is not there yet.
Restart=on-failure
RestartSec=30
# SIGTERM drains; workers and what notifies leave it to the engine. What is not ready in time goes back to pending.
KillSignal=SIGTERM
KillMode=control-group
TimeoutStopSec=5min
# A worker that the kernel kills for memory costs its image one attempt, not the run.
OOMPolicy=continue
Nice=5
{environment}
[Install]
WantedBy=default.target
"""
_CREDENTIALS = """\
# A service does not see your shell's environment. Unless the store's credentials are in ~/.aws, put AWS_ACCESS_KEY_ID=…
# and AWS_SECRET_ACCESS_KEY=… into a file that only you can read, and name it here without the #:
#EnvironmentFile=%h/.config/photostat.env
"""


@click.command()
@batches_option
@workers_option
@click.option(
    "--host",
    "invitation",
    metavar="FILE",
    type=click.Path(dir_okay=False, path_type=Path),
    help="A unit for this machine as a host, with this invitation, in place of the engine's.",
)
@click.pass_context
def service(
    ctx: click.Context, batches: tuple[str, ...], workers: int | None, invitation: Path | None
) -> None:
    """Print a systemd user unit that starts the engine again after a crash or a reboot.

    Two commands install it; they stand at its top, with this workspace's names. It ends when all is converted, and is
    started again only after a crash, not because images failed.
    """
    if invitation is not None:
        if batches:
            raise click.UsageError("--batch is the engine's: leave it out with --host")
        click.echo(host_unit(invitation, _program(), workers), nl=False)
        return
    workspace = workspace_of(ctx)
    with LedgerReader(workspace) as reader:
        names = list(reader.account())
    for batch in batches:
        check_batch(batch, names)
    options = [
        *(["--workers", str(workers)] if workers else []),
        *(w for b in batches for w in ("--batch", b)),
    ]
    is_s3 = workspace.config().store.url.startswith("s3:")
    click.echo(unit_of(workspace, _program(), options, is_s3=is_s3), nl=False)


def unit_of(workspace: Workspace, program: Sequence[str], options: Sequence[str], *, is_s3: bool) -> str:
    """The unit's text. Raises UserError if the workspace's path cannot stand in one."""
    root = str(workspace.root)
    command = [*program, "-C", root, "run", "--foreground", *options]
    for word in command:
        if not word.isprintable():
            raise UserError(
                f"{visible(word)}: a systemd unit cannot have this path, which is not text: rename the directory"
            )
    if "$" in command[0]:  # systemd replaces variables in arguments, not in the program (systemd.service(5))
        command.insert(0, "/usr/bin/env")
    is_plain = root == root.strip() and not root.endswith("\\")  # which would end or continue a line
    return _UNIT.format(
        again=shlex.join([*program, "-C", root, "service", *options]),
        name=unit_name(root),
        described=percent(root) if is_plain else unit_name(root),
        directory=f"WorkingDirectory={percent(root)}\n" if is_plain else "",
        command=" ".join(map(unit_word, command)),
        environment=_CREDENTIALS if is_s3 else "",
    )


def unit_name(root: str) -> str:
    """`photostat-glass-plates.service`."""
    name = re.sub(r"[^A-Za-z0-9_.-]+", "-", Path(root).name).strip("-.")
    return f"photostat-{name}.service" if name else "photostat.service"


def _program() -> list[str]:
    """The installed command, by its absolute path; else this Python with its module."""
    for place in (Path(sys.argv[0]).absolute(), Path(sys.executable).absolute().parent / "photostat"):
        if place.name == "photostat" and os.access(place, os.X_OK) and place.is_file():
            return [str(place)]
    return [sys.executable, "-P", "-m", "tui.cli"]
