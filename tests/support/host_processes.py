"""Real hosts on this machine: they are invited, join, and are ended."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import psutil

from engine.hosts.invitations import Invitation
from engine.ledger.reader import LedgerReader
from engine.workspace import Workspace
from tests.support.command_line import photostat
from tests.support.engine_runs import status
from tests.support.waiting import LONGEST_WAIT_S, wait_until


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


def settings(port: int) -> str:
    return f'[cluster]\nlisten = "tls://127.0.0.1:{port}"\n'


class HostProcess:
    """`photostat host` with an invitation of the workspace at `root`."""

    def __init__(
        self,
        root: Path,
        name: str,
        *options: str,
        site: str = "",
        invitation: Invitation | None = None,
        through: Sequence[str] = (),
    ) -> None:
        """A machine that is not as it should be: `site` is what all interpreters there run first, `through` the words
        before its command line."""
        self.name = name
        self.directory = root.parent / f"machine-{name}"
        self.directory.mkdir(exist_ok=True)
        self.invitation = self.directory / f"{name}.pem"
        if invitation is not None:
            self.invitation.write_text(invitation.text())
        elif not self.invitation.exists():
            photostat("host", "invite", name, workspace=root, cwd=self.directory)
        self._said = self.directory / "said.log"
        command = [
            *through,
            sys.executable,
            "-m",
            "tui.cli",
            "host",
            str(self.invitation),
            "--workers",
            "1",
            *options,
        ]
        env = dict(os.environ)
        if site:
            changed = self.directory / "site"
            changed.mkdir(exist_ok=True)
            (changed / "sitecustomize.py").write_text(site)
            env["PYTHONPATH"] = str(changed)
        with self._said.open("ab") as said:
            self.process = subprocess.Popen(command, cwd=self.directory, stderr=said, env=env)

    @property
    def said(self) -> str:
        return self._said.read_text()

    def has_said(self, what: str) -> bool:
        return what in self.said

    @property
    def last_line(self) -> str:
        return self.said.splitlines()[-1]

    @property
    def scratch(self) -> list[Path]:
        """All files that are on its scratch."""
        found = (self.directory / f"photostat-{self.name}-scratch").rglob("*")
        return [path for path in found if path.is_file()]

    def kill(self) -> None:
        """SIGKILL, and a wait until it and all its children are gone."""
        family = [self._seen, *self._seen.children(recursive=True)]
        self.process.kill()
        self.process.wait()
        _, alive = psutil.wait_procs(family, timeout=LONGEST_WAIT_S)
        assert not alive, f"children outlived their host: {alive}"

    def end(self) -> int:
        """As Ctrl-C does; returns its exit code."""
        self.process.send_signal(signal.SIGINT)
        return self.process.wait()

    @property
    def _seen(self) -> psutil.Process:
        return psutil.Process(self.process.pid)


def wait_for_hosts(root: Path, *names: str) -> None:
    """Until these, and no others, are there beside the engine's own machine."""

    def there() -> bool:
        return {host["name"] for host in status(root)["hosts"]} == {"here", *names}

    wait_until(there, lambda: f"hosts {names}; there are {status(root)['hosts']}")


def engine_events(root: Path, kind: str = "engine") -> list[str]:
    """What is told of the engine and of its hosts."""
    with LedgerReader(Workspace(root)) as reader:
        return [event.message for event in reader.events(limit=1000) if event.kind == kind]
