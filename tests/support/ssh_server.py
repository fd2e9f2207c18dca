"""An SSH server for tests on the loopback, and a client's terminal that is connected to it."""

from __future__ import annotations

import contextlib
import getpass
import os
import shlex
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from tests.support.system_tools import system_tool
from tests.support.terminals import Terminal
from tests.support.waiting import LONGEST_WAIT_S, wait_until

_SETTINGS = """\
Port {port}
ListenAddress 127.0.0.1
HostKey {home}/host_key
AuthorizedKeysFile {home}/client_key.pub
PidFile {home}/pid
StrictModes no
UsePAM no
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin yes
PermitUserEnvironment no
"""


@dataclass(frozen=True)
class Server:
    """A running sshd; every connection is served by a child of its process."""

    home: Path
    port: int
    process: subprocess.Popen[bytes]

    def terminal(self, command: str, *, columns: int = 80, rows: int = 24) -> Terminal:
        """Runs `command` on a terminal of the server."""
        options = (
            "StrictHostKeyChecking=no",
            "UserKnownHostsFile=/dev/null",
            "LogLevel=ERROR",
            "BatchMode=yes",
        )
        arguments = [part for option in options for part in ("-o", option)]
        arguments += ["-F", "/dev/null", "-tt", "-p", str(self.port), "-i", str(self.home / "client_key")]
        return Terminal(
            [*arguments, f"{getpass.getuser()}@127.0.0.1", command],
            program=(system_tool("ssh"),),
            columns=columns,
            rows=rows,
        )

    def connections(self) -> list[psutil.Process]:
        """The server's processes that serve connections, and the programs in them."""
        return psutil.Process(self.process.pid).children(recursive=True)

    def cut(self) -> None:
        """Kills the processes that serve connections, as if the server died; not the programs in them."""
        for process in self.connections():
            with contextlib.suppress(psutil.NoSuchProcess):  # it was just leaving
                if process.name().startswith("sshd"):
                    process.kill()


@contextmanager
def ssh_server(home: Path) -> Iterator[Server]:
    """For tests that are marked `needs_tool("ssh", "ssh-keygen", "sshd")`; skips them if sshd lets nobody in."""
    for key in ("host_key", "client_key"):
        command = [
            system_tool("ssh-keygen"),
            "-q",
            "-t",
            "ed25519",
            "-N",
            "",
            "-C",
            "photostat test",
            "-f",
            str(home / key),
        ]
        subprocess.run(command, check=True, stdin=subprocess.DEVNULL)
    port = _free_port()
    (home / "settings").write_text(_SETTINGS.format(port=port, home=home), encoding="utf-8")
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)  # where root's sshd locks its helpers in
    log = home / "log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [system_tool("sshd"), "-D", "-e", "-f", str(home / "settings")],
            stdin=subprocess.DEVNULL,
            stderr=output,
        )
    server = Server(home, port, process)
    try:
        wait_until(lambda: process.poll() is not None or _answers(port), "sshd")
        with server.terminal("echo let-in") as terminal:
            terminal.wait_for_end()
            if b"let-in" not in terminal.output:
                pytest.skip(f"sshd lets nobody in here: {log.read_text(errors='replace')[-400:]}")
        yield server
    finally:
        server.cut()
        process.terminate()
        process.wait(LONGEST_WAIT_S)


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def _answers(port: int) -> bool:
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


def shell(*words: str | Path) -> str:
    """A command line for the server's shell."""
    return shlex.join(map(str, words))
