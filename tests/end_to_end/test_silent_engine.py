"""A running engine is never reported as stopped: not if it is suspended, has other names, or has many clients."""

from __future__ import annotations

import json
import os
import signal
import socket
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from engine.control.client import EngineClient, EngineSilent, NoEngine
from engine.failures import UserError
from engine.ledger.lock import ENGINE_COMMAND, Lock, find_engine
from engine.workspace import Workspace
from tests.conftest import MakeWorkspace
from tests.support.command_line import photostat, start
from tests.support.engine_runs import restore_share, start_engine_without_share, status, wait_for_end
from tests.support.waiting import LONGEST_WAIT_S, wait_until

MORE_THAN_A_SOCKET_S_QUEUE = 300
IMAGES = 2


@contextmanager
def suspended(pid: int) -> Iterator[None]:
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


@pytest.fixture
def root(workspace: MakeWorkspace) -> Path:
    return workspace(images=IMAGES)


def test_a_suspended_engine_is_not_reported_as_stopped(root: Path) -> None:
    pid = start_engine_without_share(root)
    with suspended(pid):
        text = photostat("status", workspace=root)
        document = photostat("status", "--json", workspace=root)
        orders = [
            photostat(*order, workspace=root, expect=3).stderr for order in (["pause"], ["run", "--detach"])
        ]
    assert text.stdout.startswith(f"DISCONNECTED: the engine (pid {pid}, since ")
    assert "STOPPED" not in text.stdout and "no engine" not in text.stdout
    assert (document.json["state"], document.json["engine"]["pid"]) == ("running", pid)
    assert document.json["engine"]["answers"] is False
    assert document.json["totals"]["pending"] == IMAGES
    for printed in (*orders, document.stderr):
        assert f"the engine (pid {pid}, since " in printed and printed.count("\n") == 1
        assert f"does not answer: it is suspended; `kill -CONT {pid}` lets it continue" in printed
    restore_share(root)
    assert wait_for_end(root)["totals"]["done"] == IMAGES


def test_every_client_distinguishes_a_suspended_engine_from_none(root: Path) -> None:
    pid = start_engine_without_share(root)
    with EngineClient.connect(Workspace(root), timeout_s=3) as client, suspended(pid):
        with pytest.raises(EngineSilent, match="is suspended"):
            client.snapshot()
        with pytest.raises(EngineSilent, match="is suspended"):
            EngineClient.connect(Workspace(root), timeout_s=0.2)
    restore_share(root)
    assert wait_for_end(root)["totals"]["done"] == IMAGES


def test_silent_clients_do_not_keep_others_out(root: Path) -> None:
    start_engine_without_share(root)
    path = str(Workspace(root).socket_path)
    idle = []
    with EngineClient.connect(Workspace(root)) as watching:
        watching.snapshot()
        for _ in range(MORE_THAN_A_SOCKET_S_QUEUE):
            connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            connection.settimeout(LONGEST_WAIT_S)
            connection.connect(path)
            assert connection.recv(1000).startswith(b'{"photostat"')
            idle.append(connection)
        assert status(root)["state"] == "holding"
        assert photostat("pause", workspace=root).stdout.startswith("Paused.")
        assert watching.snapshot().state == "paused", "who asks is not dropped for who does not"
    assert idle[0].recv(1000) == b"", "the one that has been silent longest"
    for connection in idle:
        connection.close()
    restore_share(root)
    photostat("resume", workspace=root)
    assert wait_for_end(root)["totals"]["done"] == IMAGES


def test_an_engine_is_found_under_every_path_of_its_workspace(
    workspace: MakeWorkspace, tmp_path: Path
) -> None:
    deep = workspace(images=IMAGES, name="/".join(["a-directory-with-a-long-name"] * 4))
    short = tmp_path / "short"
    short.symlink_to(deep)
    pid = start_engine_without_share(short)
    for place in (short, deep):
        for temporary in (None, tmp_path):
            env = {"TMPDIR": str(temporary)} if temporary else {}
            assert photostat("status", "--json", workspace=place, env=env).json["engine"]["pid"] == pid
    photostat("pause", workspace=deep, env={"TMPDIR": str(tmp_path)})
    restore_share(short)
    photostat("resume", workspace=short)
    assert wait_for_end(short)["totals"]["done"] == IMAGES


def test_the_socket_has_one_path_for_all_names_of_a_workspace_and_it_is_short(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    deep = tmp_path / "/".join(["a-directory-with-a-long-name"] * 4)
    deep.mkdir(parents=True)
    short = tmp_path / "short"
    short.symlink_to(deep)
    assert Workspace(short).socket_path == Workspace(deep).socket_path
    back = deep / "back"
    with tempfile.TemporaryDirectory() as shallow:  # pytest's own directories may be deep
        back.symlink_to(shallow)
        assert Workspace(back).socket_path == Path(shallow).resolve() / ".engine" / "engine.sock"
    monkeypatch.setattr("tempfile.gettempdir", lambda: str(deep))
    assert len(str(Workspace(deep).socket_path)) < 100


def test_clients_wait_for_an_engine_that_does_not_listen_yet(root: Path) -> None:
    workspace = Workspace(root)
    lock = Lock.acquire(workspace.lock_path, ENGINE_COMMAND)
    with pytest.raises(EngineSilent, match=f"pid {os.getpid()}"):
        EngineClient.connect(workspace, timeout_s=0.2)
    threading.Timer(0.3, lock.release).start()
    with pytest.raises(NoEngine, match="no engine answers in") as caught:
        EngineClient.connect(workspace, timeout_s=LONGEST_WAIT_S)
    assert not isinstance(caught.value, EngineSilent)
    assert find_engine(workspace.lock_path) is None


@contextmanager
def listening(workspace: Workspace, *lines: bytes) -> Iterator[None]:
    """Another program at the engine's socket: it sends the first line, and then one to each request."""
    path = workspace.socket_path
    path.unlink(missing_ok=True)
    server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    server.bind(str(path))
    server.listen()
    lock = Lock.acquire(workspace.lock_path, ENGINE_COMMAND)
    lock.publish_socket(path)

    def serve() -> None:
        while True:
            try:
                connection, _ = server.accept()
            except OSError:
                return
            with connection:
                connection.sendall(lines[0])
                for line in lines[1:]:
                    connection.recv(65536)
                    connection.sendall(line)
                connection.recv(65536)

    threading.Thread(target=serve, daemon=True).start()
    try:
        yield
    finally:
        server.shutdown(socket.SHUT_RDWR)
        server.close()
        lock.release()


HELLO = json.dumps({"photostat": 1, "version": "9.9", "pid": 1}).encode() + b"\n"


@pytest.mark.parametrize(
    ("lines", "says"),
    [
        ([b"garbage\n"], "not a photostat engine"),
        ([b"[]\n"], "not a photostat engine"),
        ([b'"photostat"\n'], "not a photostat engine"),
        ([b"\xff\xfe\n"], "not a photostat engine"),
        ([b"[" * 100_000 + b"\n"], "not a photostat engine"),
        ([b'{"photostat": 1}\n'], "another version"),
        ([b'{"photostat": 2, "version": "2.0", "pid": 1}\n'], "version 2.0"),
        ([HELLO, b"{}\n"], "version 9.9"),
        ([HELLO, b'{"id": 1, "ok": true}\n'], "version 9.9"),
        ([HELLO, b'{"id": 1, "ok": true, "snapshot": []}\n'], "version 9.9"),
        ([HELLO, b'{"id": 1, "ok": true, "snapshot": {"state": "dancing"}}\n'], "version 9.9"),
    ],
)
def test_another_program_or_version_at_the_socket_is_one_clear_line(
    workspace: MakeWorkspace, lines: list[bytes], says: str
) -> None:
    root = workspace(images=1, add=False)
    with listening(Workspace(root), *lines), pytest.raises(UserError, match=says) as caught:
        EngineClient.connect(Workspace(root)).snapshot()
    assert "\n" not in str(caught.value)


def test_the_command_prints_that_line(workspace: MakeWorkspace) -> None:
    root = workspace(images=1, add=False)
    with listening(Workspace(root), b"garbage\n"):
        printed = photostat("status", workspace=root, expect=2).stderr
    place = Workspace(root).socket_path
    assert printed == f"photostat: {place}: what listens there is not a photostat engine\n"


def test_run_without_a_terminal_starts_nothing(workspace: MakeWorkspace) -> None:
    root = workspace(images=1)
    printed = photostat("run", workspace=root, expect=2).stderr
    assert "--headless" in printed and "--detach" in printed and printed.count("\n") == 1
    assert not (root / "logs").exists() and not (root / ".engine").exists()
    assert status(root)["totals"]["pending"] == 1


def test_run_headless_waits_for_an_engine_that_is_suspended(root: Path) -> None:
    pid = start_engine_without_share(root)
    watching = start("run", "--headless", workspace=root)
    assert watching.stderr is not None
    assert "watching it" in watching.stderr.readline()
    wait_until(lambda: _connections(pid, Workspace(root).socket_path) > 1, "it to watch")
    with suspended(pid):
        lines = iter(watching.stderr.readline, "")
        silent = next(line for line in lines if "does not answer" in line)
        assert "Waiting for it" in silent
    restore_share(root)
    printed = watching.communicate(timeout=LONGEST_WAIT_S)
    assert watching.returncode == 0, printed


def _connections(pid: int, place: Path) -> int:
    """How many connections the engine has; its listening socket counts as one."""
    return sum(1 for c in psutil.Process(pid).net_connections("unix") if str(c.laddr) == str(place))
