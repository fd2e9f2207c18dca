"""Hosts that the engine starts over a real sshd: they end with it, and one that cannot be started holds nobody up."""

from __future__ import annotations

import getpass
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.conftest import MakeWorkspace
from tests.support.engine_runs import (
    kill_engine,
    restore_share,
    start_engine,
    start_engine_without_share,
    status,
    wait_for_end,
)
from tests.support.host_processes import engine_events, free_port, settings, wait_for_hosts
from tests.support.ssh_server import Server, ssh_server
from tests.support.system_tools import system_tool
from tests.support.terminals import ROOT
from tests.support.waiting import wait_until

pytestmark = pytest.mark.needs_tool("ssh", "ssh-keygen", "sshd")

_SSH_SETTINGS = """\
Host closed
  Port {closed}
Host stranger
  StrictHostKeyChecking ask
Host *
  User {user}
  HostName 127.0.0.1
  Port {port}
  IdentityFile {home}/client_key
  UserKnownHostsFile /dev/null
  StrictHostKeyChecking no
"""
_HOSTS = """\
command = "{there}/photostat"
hosts = [
    {{ at = "conv2", workers = 1, scratch = "{there}/my scratch" }}, "closed", "stranger",
    {{ at = "bare", command = "/no/photostat" }},
]
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with ssh_server(tmp_path_factory.mktemp("ssh")) as server:
        yield server


@pytest.fixture
def there(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The other machine's photostat; the system's ssh is told of it as by a ~/.ssh/config."""
    there, bin_dir = tmp_path / "there", tmp_path / "bin"
    there.mkdir()
    bin_dir.mkdir()
    config = there / "ssh_config"
    config.write_text(
        _SSH_SETTINGS.format(user=getpass.getuser(), port=server.port, home=server.home, closed=free_port())
    )
    _script(bin_dir / "ssh", f'exec {system_tool("ssh")} -F "{config}" "$@"')
    _script(there / "photostat", f'exec env PYTHONPATH="{ROOT}" "{sys.executable}" -m tui.cli "$@"')
    monkeypatch.setenv("PATH", f"{bin_dir}:{os.environ['PATH']}")
    return there


def _script(path: Path, line: str) -> None:
    path.write_text(f"#!/bin/sh\n{line}\n")
    path.chmod(0o755)


def hosts_there(server: Server) -> list[psutil.Process]:
    found = []
    for process in server.connections():
        try:
            if "engine.host" in process.cmdline():
                found.append(process)
        except (psutil.NoSuchProcess, psutil.ZombieProcess):
            continue
    return found


def test_hosts_over_ssh_come_end_with_the_engine_and_hold_nobody_up(
    workspace: MakeWorkspace, server: Server, there: Path
) -> None:
    root = workspace(images=4, settings=settings(free_port()) + _HOSTS.format(there=there))
    engine = start_engine_without_share(root, "--workers", "1")
    wait_for_hosts(root, "conv2")
    wait_until_told(root, "closed", "Connection refused")
    wait_until_told(root, "stranger", "Host key verification failed")
    wait_until_told(root, "bare", "install photostat there, or set [cluster] command to its path")
    (host,) = hosts_there(server)
    assert "--while-stdin" in host.cmdline() and not any("KEY" in word for word in host.cmdline())
    assert (there / "my scratch").is_dir()
    secrets = [path for path in there.rglob("*") if path.is_file() and b"PRIVATE KEY" in path.read_bytes()]
    assert secrets == []

    kill_engine(engine)
    wait_until(lambda: not hosts_there(server), "the host to end with its engine")
    start_engine(root, "--workers", "1")
    wait_for_hosts(root, "conv2")
    server.cut()  # the connection, not what runs in it
    wait_until(lambda: not hosts_there(server), "the host to end with its connection")
    wait_for_hosts(root, "conv2")  # it is started again
    restore_share(root)
    assert wait_for_end(root)["totals"]["done"] == 4
    wait_until(lambda: not hosts_there(server), "the host to end with the run")
    assert status(root)["totals"]["failed"] == 0


def wait_until_told(root: Path, name: str, why: str) -> None:
    def told() -> bool:
        begin = f"{name} was not started over ssh: "
        return any(message.startswith(begin) and why in message for message in engine_events(root))

    wait_until(told, lambda: f"what is told of {name}: {engine_events(root)}")
