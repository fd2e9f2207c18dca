"""In a workspace that others can write to, nobody but the engine is believed, and nobody else orders it."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.conftest import end_engine, make_sources
from tests.support.command_line import photostat
from tests.support.engine_runs import start_engine_without_share, status, wait_for_end
from tests.support.jp2_files import write_export
from tests.support.waiting import wait_until

NOBODY = 65534
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="becomes another user")

IMPOSTOR = """
import fcntl, json, os, socket, sys, time
path, lock, answers = sys.argv[1:4]
os.setgid(65534); os.setuid(65534)
os.makedirs(os.path.dirname(path), exist_ok=True)
server = socket.socket(socket.AF_UNIX)
server.bind(path)
server.listen()
if lock:
    descriptor = os.open(lock, os.O_RDWR | os.O_CREAT, 0o644)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    holder = {"pid": os.getpid(), "host": socket.gethostname(), "command": "run", "since": time.time(), "socket": path}
    os.write(descriptor, json.dumps(holder).encode() + b"\\n")
print("listening", flush=True)
while True:
    client, _ = server.accept()
    try:
        client.sendall(json.dumps({"photostat": 1, "version": "0.1.0", "pid": 1}).encode() + b"\\n")
        if client.recv(4096):
            open(answers, "a").write("asked\\n")
            client.sendall(b'{"id": 1, "ok": true, "in_flight": 0}\\n')
            client.recv(4096)
    except OSError:
        pass
    client.close()
"""
ORDER = """
import contextlib, os, socket, sys
server = socket.socket(socket.AF_UNIX)
os.setegid(65534); os.seteuid(65534)
server.connect(sys.argv[1])
with contextlib.suppress(BrokenPipeError):  # it may have refused and left before it was asked
    server.sendall(b'{"id": 1, "command": "stop"}\\n')
print(server.makefile().readline())
"""


@contextmanager
def impostor(path: Path, answers: Path, lock: Path | str = "") -> Iterator[int]:
    """Another user's process that listens there and says yes to everything; with `lock`, it holds that too."""
    command = [sys.executable, "-c", IMPOSTOR, str(path), str(lock), str(answers)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        assert process.stdout.readline() == "listening\n"
        yield process.pid
    finally:
        process.kill()
        process.communicate()


@pytest.fixture
def root() -> Iterator[Path]:
    """A workspace into which everybody can write."""
    place = Path(tempfile.mkdtemp(prefix="photostat-shared-"))
    photostat("init", place)
    write_export(place / "export.csv", make_sources(place, 2, 160, 120))
    photostat("add", place / "export.csv", workspace=place)
    place.chmod(0o777)
    yield place
    end_engine(place)

    def is_removed() -> bool:
        """What the engine wrote while it ended may come after its directory was emptied."""
        shutil.rmtree(place, ignore_errors=True)
        return not place.exists()

    wait_until(is_removed, "the workspace to be removed")


@needs_root
def test_another_user_s_process_in_the_engine_s_place_is_not_believed(root: Path, tmp_path: Path) -> None:
    pid = start_engine_without_share(root)
    answers = Path(tempfile.gettempdir()) / f"{root.name}.answers"
    aside = root / "aside"
    (root / ".engine").rename(aside)  # whoever can write into a directory can do this
    with impostor(root / ".engine" / "engine.sock", answers):
        for command in ("pause", "stop", "status"):
            printed = photostat(command, workspace=root, expect=None)
            assert printed.code == (0 if command == "status" else 3)
            said = printed.stdout if command == "status" else printed.stderr
            assert f"the engine (pid {pid}, since " in said
            assert f"another user (uid {NOBODY}) listens in its place, and is not believed" in said
            assert "Traceback" not in printed.stderr and printed.stderr.count("\n") <= 1
    assert not answers.exists(), "it was asked something"
    shutil.rmtree(root / ".engine")
    aside.rename(root / ".engine")
    assert photostat("pause", workspace=root).stdout.startswith("Paused.")


@needs_root
def test_nor_with_a_lock_of_its_own_and_nor_without_any_engine(root: Path) -> None:
    answers = Path(tempfile.gettempdir()) / f"{root.name}.answers"
    with impostor(root / ".engine" / "engine.sock", answers):
        assert "no engine" in photostat("pause", workspace=root, expect=3).stderr
    shutil.rmtree(root / ".engine")
    (root / "ledger.lock").unlink()
    with impostor(root / ".engine" / "engine.sock", answers, root / "ledger.lock") as pid:
        printed = photostat("pause", workspace=root, expect=3).stderr
    assert f"(pid {pid}, since " in printed and f"another user (uid {NOBODY}) listens" in printed
    assert not answers.exists(), "it was asked something"


def test_a_process_that_does_not_hold_the_lock_is_not_believed(root: Path) -> None:
    pid = start_engine_without_share(root)
    path = root / ".engine" / "engine.sock"
    path.rename(root / "aside")
    with socket.socket(socket.AF_UNIX) as mine:
        mine.bind(str(path))
        mine.listen()
        printed = photostat("pause", workspace=root, expect=3).stderr
    assert f"another process (pid {os.getpid()}) listens in its place, and is not believed" in printed
    assert f"the engine (pid {pid}, since " in printed
    path.unlink()
    (root / "aside").rename(path)
    assert status(root)["state"] == "holding"


@needs_root
def test_only_its_user_and_root_give_orders(root: Path) -> None:
    start_engine_without_share(root)
    directory = root / ".engine"
    assert directory.stat().st_mode & 0o777 == 0o700
    directory.chmod(0o777)
    (directory / "engine.sock").chmod(0o777)
    command = [sys.executable, "-c", ORDER, str(directory / "engine.sock")]
    reply = json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout)
    assert reply == {"id": None, "ok": False, "error": "only user 0 and root give orders to this engine"}
    assert status(root)["state"] == "holding"


def _link(place: Path) -> None:
    (place.parent / "there").mkdir(mode=0o700)
    place.symlink_to(place.parent / "there")


def _open_to_all(place: Path) -> None:
    place.mkdir()
    place.chmod(0o755)


def _of_another_user(place: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("gives a directory away")
    place.mkdir(mode=0o700)
    os.chown(place, NOBODY, NOBODY)


def _a_file(place: Path) -> None:
    place.touch()


@pytest.mark.parametrize("make", [_link, _open_to_all, _of_another_user, _a_file])
def test_an_engine_listens_in_a_private_directory_only(root: Path, make: object) -> None:
    place = root / ".engine"
    assert callable(make)
    make(place)
    printed = photostat("run", "--headless", workspace=root, expect=2).stderr
    assert printed == f"photostat: {place} should be a directory only you can enter; move it away\n"
    assert status(root)["engine"] is None


WITHOUT_MODES = """
import os
mkdir = os.mkdir
def without_modes(path, mode=0o777, **more):
    mkdir(path, mode, **more)
    if os.path.dirname(os.path.abspath(path)) == ROOT:
        os.chmod(path, 0o755)
os.mkdir = without_modes
"""
OF_ANOTHER_OWNER = """
import os
stat = os.stat
def of_another_owner(path, **more):
    found = stat(path, **more)
    if not isinstance(path, int) and os.path.dirname(os.path.abspath(path)) == ROOT:
        return os.stat_result([*found[:4], 65534, *found[5:]])
    return found
os.stat = of_another_owner
"""
WITHOUT_SOCKETS = """
import os, socket
class Socket(socket.socket):
    def bind(self, address):
        if isinstance(address, str) and os.path.dirname(os.path.dirname(address)) == ROOT:
            raise PermissionError(1, "Operation not permitted")
        super().bind(address)
socket.socket = Socket
"""


@pytest.mark.parametrize("behaviour", [WITHOUT_MODES, OF_ANOTHER_OWNER, WITHOUT_SOCKETS])
def test_where_no_directory_can_be_private_the_engine_listens_in_the_temporary_one(
    root: Path, behaviour: str
) -> None:
    """As on vfat: every directory is open to all, or another user's, whatever it was made with, or has no sockets."""
    hook = root / "hook"
    hook.mkdir()
    (hook / "sitecustomize.py").write_text(f"ROOT = {os.path.realpath(root)!r}\n{behaviour}")
    temporary = root / "tmp" / "there"
    temporary.mkdir(parents=True)
    env = {"PYTHONPATH": f"{hook}:{Path.cwd()}", "TMPDIR": str(temporary)}
    (root / "source").rename(root / "elsewhere")
    (root / "source").mkdir()
    photostat("run", "--detach", workspace=root, env=env)
    assert not (root / ".engine").exists(), "it is not left there"
    private = temporary / f"photostat-{os.geteuid()}"
    assert private.stat().st_mode & 0o777 == 0o700
    (listening,) = private.iterdir()
    assert listening.is_socket()
    assert photostat("pause", workspace=root).stdout.startswith("Paused."), "clients need not know"
    photostat("stop", workspace=root)
    wait_for_end(root)
    assert list(private.iterdir()) == []
