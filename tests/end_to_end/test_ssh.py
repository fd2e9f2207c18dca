"""A run over a real SSH connection: start, pause, lose the connection, return, requeue, finish."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from engine.control.snapshot import State
from tests.conftest import MakeWorkspace
from tests.support.command_line import COMMAND
from tests.support.engine_runs import status, suspend_busy_worker, wait_for_end
from tests.support.ssh_server import Server, shell, ssh_server
from tests.support.terminals import ROOT, Terminal
from tests.support.waiting import has_ended, own_seconds_until, wait_until

pytestmark = pytest.mark.needs_tool("ssh", "ssh-keygen", "sshd")

ENDS_WITHIN_S = 2.0
STEADY_BYTES_PER_S = 1500
IMAGES = 20


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with ssh_server(tmp_path_factory.mktemp("ssh")) as server:
        yield server


def photostat_over(server: Server, root: Path, *words: str) -> Terminal:
    """Runs `photostat -C ROOT WORDS` on a terminal of the server."""
    environment = shell("env", f"PYTHONPATH={ROOT}", "TERM=xterm-256color", "TZ=UTC")
    return server.terminal(f"{environment} {shell(*COMMAND, '-C', root, *words)}")


def apps(server: Server) -> list[psutil.Process]:
    """The apps that run in the server's connections."""
    found = []
    for process in server.connections():
        with suppress(psutil.NoSuchProcess, psutil.ZombieProcess):
            if "tui.cli" in " ".join(process.cmdline()):
                found.append(process)
    return found


def test_a_run_over_a_connection_that_is_lost(workspace: MakeWorkspace, server: Server) -> None:
    root = workspace(images=IMAGES, width=1200, height=1000, settings="[engine]\nworkers = 1\n")
    missing = next((root / "source").rglob("image_0003.jp2"))
    hidden = missing.rename(root / "elsewhere.jp2")

    with photostat_over(server, root, "run") as terminal:
        terminal.wait_for("RUNNING")
        worker = suspend_busy_worker(root)
        wait_until(lambda: status(root)["totals"]["failed"] == 1, "the failure, beside the run that stands")
        terminal.type("p")
        terminal.wait_for("PAUSED")
        assert status(root)["state"] == State.PAUSED
        os.kill(worker["pid"], signal.SIGCONT)
        engine = status(root)["engine"]["pid"]
        app = apps(server)
        assert app
        server.cut()
        seconds = own_seconds_until(lambda: all(map(has_ended, app)), app[0].pid, "the app's end")
        assert seconds < ENDS_WITHIN_S, "the app ends with its connection"

    assert psutil.pid_exists(engine)
    assert status(root)["state"] == State.PAUSED, "the engine has not noticed"

    with photostat_over(server, root) as terminal:
        terminal.wait_for("PAUSED")
        hidden.rename(missing)
        terminal.type("f")
        terminal.wait_for("remedy  ")
        terminal.type("r")
        terminal.wait_for("1 image requeued")
        terminal.output = b""
        terminal.type("\x1b")
        terminal.wait_for("Workers")  # esc and p at once would be alt-p
        terminal.type("p")
        terminal.wait_for("RUNNING")
        terminal.wait_for("FINISHED")
        terminal.type("q")
        terminal.wait_for("\x1b[?1049l")
    assert wait_for_end(root)["totals"]["done"] == IMAGES


def test_a_steady_run_over_ssh_costs_less_than_1500_bytes_a_second(
    workspace: MakeWorkspace, server: Server
) -> None:
    root = workspace(images=1)
    command = shell(*COMMAND[:1], "-m", "tests.support.fake_poller", "steady", root)
    environment = shell("env", f"PYTHONPATH={ROOT}", "TERM=xterm-256color")
    with server.terminal(f"{environment} {command}") as terminal:
        terminal.wait_for("RUNNING")
        terminal.read(2)
        seconds = 10
        assert len(terminal.read(seconds)) / seconds < STEADY_BYTES_PER_S
        assert b"proving" in re.sub(rb"\x1b\[[0-9;?]*[A-Za-z]", b"", terminal.output)
