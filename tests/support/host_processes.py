"""Real hosts on this machine: they are invited, join, and are ended."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import pytest

from engine.hosts.invitations import Invitation
from engine.ledger.reader import LedgerReader
from engine.workspace import Workspace
from tests.support.command_line import photostat
from tests.support.engine_runs import restore_share, status
from tests.support.waiting import LONGEST_WAIT_S, wait_until


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


def settings(port: int) -> str:
    return listening(f"tls://127.0.0.1:{port}")


def listening(at: str) -> str:
    return f'[cluster]\nlisten = "{at}"\n'


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
        env: Mapping[str, str] | None = None,
    ) -> None:
        """A machine that is not as it should be: `site` is what all interpreters there run first, `through` the words
        before its command line."""
        self.name = name
        self.directory = root.parent / f"machine-{name}"
        self.directory.mkdir(exist_ok=True)
        self.invitation = self.directory / f"{name}.pem"
        if invitation is not None:
            self.invitation.touch(0o600)
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
        env = {**os.environ, **(env or {})}
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

    @property
    def workers(self) -> list[psutil.Process]:
        """Those that run."""
        found = []
        for child in self._seen.children():
            with suppress(psutil.NoSuchProcess):  # one that has just ended
                if child.cmdline()[-1:] and child.cmdline()[-1].startswith("photostat-worker"):
                    found.append(child)
        return found

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

    def suspend(self) -> None:
        """SIGSTOP for all of it, as a machine that sleeps."""
        for process in (self._seen, *self._seen.children(recursive=True)):
            process.suspend()

    def resume(self) -> None:
        for process in (self._seen, *self._seen.children(recursive=True)):
            with suppress(psutil.NoSuchProcess):  # the first that goes on may end the others
                process.resume()

    @property
    def _seen(self) -> psutil.Process:
        return psutil.Process(self.process.pid)


def stop_in_the_middle(root: Path, *hosts: str) -> dict[str, dict[str, Any]]:
    """Gives an engine its share back if it is away, and suspends a worker of each of these machines while it has an
    image, however small that is. Returns these workers, as `status` shows them."""
    suspend_workers(root)  # one that stands before it could take an image is given the first, and keeps it
    if (root / "elsewhere").exists():
        restore_share(root)
    stopped: dict[str, dict[str, Any]] = {}
    waits_until = time.monotonic() + 1.0

    def all_stand() -> bool:
        for worker in status(root)["workers"]:
            if worker["host"] in hosts and worker["host"] not in stopped and worker["pid"]:
                os.kill(worker["pid"], signal.SIGSTOP)
                if worker["image_id"] is not None and all(_still_there(root, worker) for _ in range(8)):
                    stopped[worker["host"]] = worker
                elif time.monotonic() > waits_until:  # it has not begun yet
                    os.kill(worker["pid"], signal.SIGCONT)
        return stopped.keys() >= set(hosts)

    wait_until(all_stand, "a worker stopped in the middle of an image on each machine", longest_pause_s=0.01)
    return stopped


def _still_there(root: Path, worker: dict[str, Any]) -> bool:
    if worker["host"] != "here":
        time.sleep(0.1)  # what it had said before comes through a host that is busy
    return _still(root, worker)


def suspend_workers(root: Path) -> None:
    for worker in status(root)["workers"]:
        if worker["pid"]:
            with suppress(ProcessLookupError):
                os.kill(worker["pid"], signal.SIGSTOP)


def _still(root: Path, worker: dict[str, Any]) -> bool:
    return any(
        all(one[key] == worker[key] for key in ("host", "pid", "image_id")) for one in status(root)["workers"]
    )


def messages(root: Path) -> list[str]:
    """What the engine has told of itself and of its hosts, the last first."""
    with LedgerReader(Workspace(root)) as reader:
        return [event.message for event in reader.events(limit=1000) if event.kind == "engine"]


@pytest.fixture
def hosts() -> Iterator[list[HostProcess]]:
    """Those that a test has started; what is left of them is ended."""
    started: list[HostProcess] = []
    yield started
    for host in started:
        with suppress(psutil.NoSuchProcess):
            host.kill()


def there(root: Path) -> set[str]:
    """The machines that are there, not those that were lost or have left."""
    return {host["name"] for host in status(root)["hosts"] if host["gone"] is None}


def wait_for_hosts(root: Path, *names: str) -> None:
    """Until these, and no others, are there beside the engine's own machine."""
    wait_until(
        lambda: there(root) == {"here", *names}, lambda: f"hosts {names}; there are {status(root)['hosts']}"
    )


def engine_events(root: Path, kind: str = "engine") -> list[str]:
    """What is told of the engine and of its hosts."""
    with LedgerReader(Workspace(root)) as reader:
        return [event.message for event in reader.events(limit=1000) if event.kind == kind]
