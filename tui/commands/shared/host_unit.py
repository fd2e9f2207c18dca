"""The systemd user unit of a host: it keeps a machine converting for whatever engine has invited it."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path

from engine.failures import UserError
from engine.formatting import visible
from engine.hosts.invitations import Invitation
from tui.commands.shared.units import percent, unit_word

_UNIT = """\
# A systemd user unit with which this machine converts for an engine elsewhere, printed by `photostat service --host`.
# To install it:
#   mkdir -p ~/.config/systemd/user && {again} > ~/.config/systemd/user/{name}
#   systemctl --user enable --now {name}
# So that it also runs while you are not logged in, and after a reboot:  loginctl enable-linger
# `journalctl --user -u {name}` has what it says. `systemctl --user stop {name}` lets it finish what it has
# (75 s at most) and leave; others convert what is left, and no attempt counts.

[Unit]
Description=photostat: host {host} of {address}
StartLimitIntervalSec=1h
StartLimitBurst=6

[Service]
Type=exec
ExecStart={command}
# It waits for its engine by itself. Exit code 2: the engine refuses it, or the invitation does not hold; the journal
# says why, and a person has to see to it.
Restart=on-failure
RestartPreventExitStatus=2
RestartSec=30
# SIGTERM is the host's, which finishes what it has within 75 s; its workers leave it to the host.
KillSignal=SIGTERM
KillMode=control-group
TimeoutStopSec=90
# A worker that the kernel kills for memory costs its image one attempt, not this host.
OOMPolicy=continue
Nice=5
# A service does not see your shell's environment. If the store is S3 and its credentials are not in ~/.aws, put
# AWS_ACCESS_KEY_ID=… and AWS_SECRET_ACCESS_KEY=… into a file that only you can read, and name it here without the #:
#EnvironmentFile=%h/.config/photostat.env

[Install]
WantedBy=default.target
"""


def host_unit(file: Path, program: Sequence[str], workers: int | None) -> str:
    """Its text. Raises UserError if the file is no invitation, or its path cannot stand in a unit."""
    invitation, path = Invitation.read(file), file.absolute()
    options = ["--workers", str(workers)] if workers else []
    scratch = path.parent / f"photostat-{invitation.name}-scratch"
    command = [*program, "host", str(path), "--scratch", str(scratch), *options]
    for word in command:
        if not word.isprintable():
            raise UserError(
                f"{visible(word)}: a systemd unit cannot have this path, which is not text: rename the directory"
            )
    if "$" in command[0]:  # systemd replaces variables in arguments, not in the program (systemd.service(5))
        command.insert(0, "/usr/bin/env")
    return _UNIT.format(
        again=shlex.join([*program, "service", "--host", str(path), *options]),
        name=f"photostat-host-{invitation.name}.service",
        host=invitation.name,
        address=percent(invitation.address),
        command=" ".join(map(unit_word, command)),
    )
