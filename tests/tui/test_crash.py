"""Errors in the app, and any answer on the socket, never reach the terminal as a traceback."""

from __future__ import annotations

import asyncio
import json
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest
from msgspec import to_builtins

from engine.control.requests import PROTOCOL
from engine.control.snapshot import Snapshot
from engine.ledger.lock import ENGINE_COMMAND, Lock
from engine.ledger.reader import LedgerReader
from engine.workspace import Workspace
from tests.support.app_pilot import DONE, FAILED, ROWS, on_the_ledger, opened
from tests.support.ledgers import make_ledger
from tests.support.statuses import STATUSES, running
from tests.support.terminals import Terminal
from tests.support.waiting import LONGEST_WAIT_S, wait_until
from tui.connection.ledger_thread import LedgerThread
from tui.state.status import ConnectionState

REPORT = "Please report it"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return make_ledger(tmp_path / "workspace", ROWS, failed=FAILED, done=DONE).root


# -- the app ----

_FAULTS = {
    "in a key": "PhotostatApp.action_events = lambda app: 1 / 0",
    "in a timer": "PhotostatApp.action_events = lambda app: app.set_timer(0.1, lambda: 1 / 0)",
    "in a callback": "PhotostatApp.action_events = lambda app: app.call_later(lambda: 1 / 0)",
    "in a worker": "PhotostatApp.action_events = lambda app: app.run_worker(asyncio.sleep('soon'))",
    "in drawing": "from tui.screens.event_list import EventList; EventList.show = lambda screen, view: 1 / 0",
}
_PROGRAM = (
    "import asyncio, sys, threading; from tui.app import PhotostatApp; {}; from tui.cli import main; main()"
)


@pytest.mark.parametrize("fault", _FAULTS.values(), ids=_FAULTS.keys())
def test_a_crash_of_the_app_is_one_line(root: Path, fault: str) -> None:
    with Terminal(["-c", _PROGRAM.format(fault), "-C", str(root)], columns=200) as terminal:
        terminal.wait_for("STOPPED")
        terminal.type("e")
        terminal.wait_for(REPORT)
        terminal.wait_for_end()
        assert terminal.process.returncode == 1
        after = terminal.output.rpartition(b"\x1b[?1049l")[2]
        assert b"Traceback" not in terminal.output
        assert after.count(b"photostat: the app crashed") == 1
        assert after.count(b"\n") <= 3
    assert "Traceback" in (root / "logs" / "app.log").read_text()


def test_an_error_of_a_thread_is_only_in_the_log(root: Path) -> None:
    fault = "PhotostatApp.action_events = lambda app: threading.Thread(target=lambda: 1 / 0).start()"
    log = root / "logs" / "app.log"
    with Terminal(["-c", _PROGRAM.format(fault), "-C", str(root)]) as terminal:
        terminal.wait_for("STOPPED")
        terminal.type("e")
        wait_until(lambda: log.exists() and "ZeroDivisionError" in log.read_text(), "the log")
        terminal.type("q")
        terminal.wait_for("\x1b[?1049l")
        terminal.wait_for_end()
        assert terminal.process.returncode == 0
        assert b"Traceback" not in terminal.output


async def test_an_answer_of_the_ledger_for_a_closed_screen_is_dropped(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However slow the ledger is, and whichever screen has been closed."""
    slowly = asyncio.Event()
    ask = LedgerThread.ask

    async def ask_slowly(self: LedgerThread, question: Callable[[LedgerReader], Any]) -> Any:
        answer = await ask(self, question)
        await asyncio.shield(slowly.wait())
        return answer

    async with opened(root) as session:
        monkeypatch.setattr(LedgerThread, "ask", ask_slowly)
        for keys in (["f", "A"], ["i", "end"], ["e"], ["f", "u"], ["f", "enter"]):
            slowly.clear()
            await session.pilot.press(*keys, "escape", "escape")
            slowly.set()
            await session.settle()
        assert session.app.is_running
        assert session.app.crash is None


@pytest.mark.parametrize("size", [(1, 1), (3, 2), (12, 4), (30, 7)])
async def test_a_tiny_terminal_does_not_crash_the_app(root: Path, size: tuple[int, int]) -> None:
    async with opened(root, STATUSES["holding"](), size=size) as session:
        keys = ["z", "tab", "S", "escape", "f", "space", "r", "a", "escape", "enter", "escape", "u", "escape"]
        await session.press(*keys, "slash", "x", "enter", "escape", "escape", "e", "question_mark", "escape")
        await session.pilot.resize_terminal(200, 60)
        await session.pilot.resize_terminal(2, 2)
        await session.settle()
        assert session.app.crash is None


async def test_asking_the_ledger_while_the_app_ends_does_not_crash_it(root: Path) -> None:
    async with opened(root) as session:
        session.app.ledger.close()
        await session.press("f")
        assert "the app is leaving" in session.message
        assert session.app.crash is None


# -- what answers on the socket ----


def answer_of(snapshot: Any) -> Any:
    return {"id": 1, "ok": True, "snapshot": snapshot}


def spoilt(**parts: Any) -> Any:
    return answer_of(running().to_json() | parts)


HELLO = {"photostat": PROTOCOL, "version": "0.1.0", "pid": 4711}
_FOREIGN: dict[str, tuple[Any, Any]] = {
    "another program": ("220 mail.example ESMTP", None),
    "no object": ([1, 2], None),
    "no pid": ({"photostat": PROTOCOL}, None),
    "a list": (HELLO, [1]),
    "no snapshot": (HELLO, answer_of("none")),
    "no parts": (HELLO, answer_of({})),
    "a time that is none": (HELLO, spoilt(time="now")),
    "an endless time": (HELLO, spoilt(time=1e300)),
    "a state of another version": (HELLO, spoilt(state="dreaming")),
    "memory that is text": (HELLO, spoilt(memory=to_builtins(running().memory) | {"total": "much"})),
    "a batch without a name": (HELLO, spoilt(batches=[running().to_json()["batches"][0] | {"name": None}])),
    "workers that are numbers": (HELLO, spoilt(workers=[1, 2])),
    "causes that are counted in words": (HELLO, spoilt(failures_by_cause={"corrupt": "many"})),
}


@contextmanager
def listening(path: Path, hello: Any, reply: Any) -> Iterator[None]:
    """A server that sends `hello` to every client and `reply` to its first request."""
    server = socket.socket(socket.AF_UNIX)
    path.unlink(missing_ok=True)  # outside `tmp_path` it outlives a test that was killed
    server.bind(str(path))
    server.listen()

    def serve() -> None:
        while True:
            try:
                client, _ = server.accept()
            except OSError:  # the server is closed
                return
            with client:
                client.sendall((hello if isinstance(hello, str) else json.dumps(hello)).encode() + b"\n")
                if client.recv(4096) and reply is not None:
                    client.sendall(json.dumps(reply).encode() + b"\n")
                    client.recv(4096)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown(socket.SHUT_RDWR)
        server.close()
        thread.join(LONGEST_WAIT_S)
        path.unlink(missing_ok=True)


@contextmanager
def held_by_an_engine(workspace: Workspace) -> Iterator[None]:
    """This process has the lock, as an engine that listens."""
    lock = Lock.acquire(workspace.lock_path, ENGINE_COMMAND)
    lock.publish_socket(workspace.socket_path)
    try:
        yield
    finally:
        lock.release()


@pytest.mark.skipif(sys.platform == "win32", reason="needs Unix sockets")
@pytest.mark.parametrize(("hello", "reply"), _FOREIGN.values(), ids=_FOREIGN.keys())
async def test_another_program_at_the_socket_is_one_clear_line(root: Path, hello: Any, reply: Any) -> None:
    workspace = Workspace(root)
    with held_by_an_engine(workspace), listening(workspace.socket_path, hello, reply):
        async with on_the_ledger(workspace) as session:
            await session.until(
                lambda: session.app.view.status.connection is ConnectionState.LOST, "the contact"
            )
            assert "DISCONNECTED" in session.text
            assert "protocol" in session.message or "engine" in session.message
            assert "\n" not in session.message
            await session.press("f", "r")
            await session.until(lambda: session.app.view.result is not None, "the refusal")
            assert session.app.crash is None


def test_every_snapshot_of_these_tests_is_one_that_an_engine_may_send() -> None:
    for status in STATUSES.values():
        snapshot = status().snapshot
        assert snapshot is not None
        assert msgspec.json.decode(msgspec.json.encode(snapshot), type=Snapshot) == snapshot
