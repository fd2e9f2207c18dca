"""Requests over the engine's socket: all are answered, bad ones with the reason; and how the commands show replies."""

from __future__ import annotations

import getpass
import json
import re
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from msgspec import to_builtins

from engine.control.client import EngineClient, Refused
from engine.control.ordering import order
from engine.control.requests import MAX_LINE_BYTES, Accept, SetWorkers
from engine.failures import Cause, Failure, Stage
from engine.ledger.filters import Selection
from engine.ledger.reader import LedgerReader
from engine.ledger.writer import Ledger
from engine.workspace import Workspace
from tests.conftest import MakeWorkspace, end_engine, make_sources
from tests.support.command_line import COMMAND, photostat
from tests.support.engine_runs import start_engine_without_share, status, wait_for_end
from tests.support.jp2_files import write_export
from tests.support.ledgers import make_ledger
from tests.support.terminals import Terminal
from tests.support.waiting import LONGEST_WAIT_S
from tui.commands.shared.engine import draining, in_flight

FAILED = 3


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """An engine that holds during all these tests, because its share is away; three images have failed."""
    place = tmp_path_factory.mktemp("orders") / "workspace"
    photostat("init", place)
    (place / "photostat.toml").write_text('[engine]\nmemory_limit = "800MiB"\n')
    write_export(place / "export.csv", make_sources(place, 10, 160, 120))
    photostat("add", place / "export.csv", workspace=place)
    with Ledger.open(Workspace(place), "add") as ledger:
        for image_id in range(1, FAILED + 1):
            ledger.failed(image_id, Failure(Cause.CORRUPT, Stage.DECODING, "a bad tile"))
    start_engine_without_share(place)
    yield place
    end_engine(place)


class Line:
    """A connection that sends and receives lines."""

    def __init__(self, root: Path) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.settimeout(LONGEST_WAIT_S)
        self._socket.connect(str(Workspace(root).socket_path))
        self._file = self._socket.makefile("rb")
        self._file.readline()

    def ask(self, request: bytes) -> Any:
        """The reply; None if the connection ends."""
        self._socket.sendall(request + b"\n")
        line = self._file.readline()
        return json.loads(line) if line else None

    def close(self) -> None:
        self._file.close()
        self._socket.close()


@pytest.fixture
def line(root: Path) -> Iterator[Line]:
    connection = Line(root)
    yield connection
    connection.close()


@pytest.mark.parametrize(
    ("request_line", "identity", "says"),
    [
        (b"", None, "a line of JSON"),
        (b"garbage", None, "a line of JSON"),
        (b"\xff\xfe", None, "a line of JSON"),
        (b"[" * 200_000, None, "a line of JSON"),
        (b"[]", None, 'JSON object with a "command"'),
        (b'{"id": 2}', 2, 'JSON object with a "command"'),
        (b'{"id": "two", "command": 5}', "two", 'JSON object with a "command"'),
        (b'{"id": [2], "command": "dance"}', None, "unknown command 'dance'"),
        (b'{"id": 1e400, "command": "dance\\u001b"}', None, "unknown command 'dance\\\\x1b'"),
        (b'{"id": 3, "command": "pause", "for": 5}', 3, "pause: there is no argument 'for'"),
        (b'{"id": 3, "command": "pause", "self": 5}', 3, "pause: there is no argument 'self'"),
        (b'{"id": 3, "command": "workers"}', 3, "workers: the argument 'count' is missing"),
        (b'{"id": 3, "command": "workers", "count": true}', 3, "a number from 1 to 1024, not True"),
        (b'{"id": 3, "command": "workers", "count": 2.0}', 3, "a number from 1 to 1024, not 2.0"),
        (b'{"id": 3, "command": "workers", "count": 0}', 3, "a number from 1 to 1024, not 0"),
        (
            b'{"id": 3, "command": "requeue", "selection": 5}',
            3,
            "requeue: selection: a JSON object that selects images",
        ),
        (
            b'{"id": 3, "command": "requeue", "selection": {"ids": [1.5]}}',
            3,
            "a JSON object that selects images, not {'ids': [1.5]}",
        ),
        (b'{"id": 3, "command": "requeue", "selection": {"batch": "\\ud800"}}', 3, "not a text"),
        (b'{"id": 3, "command": "requeue", "selection": {"ids": [1000000000000000000000]}}', 3, "no image"),
        (b'{"id": 3, "command": "requeue_missing", "ids": [1e400]}', 3, "an array of whole numbers"),
        (b'{"id": 3, "command": "requeue_missing", "ids": 5}', 3, "an array of whole numbers"),
        (
            b'{"id": 3, "command": "accept", "selection": {"ids": [1]}, "reason": 5}',
            3,
            "accept: reason: text, not 5",
        ),
        (b'{"id": 3, "command": "accept", "selection": {"ids": [1]}, "reason": "\\ud800"}', 3, "not a text"),
        (
            b'{"id": 3, "command": "accept", "selection": {"ids": [1]}, "reason": " \\n "}',
            3,
            "accepting needs a reason",
        ),
        (
            b'{"id": 3, "command": "accept", "selection": {"ids": {"1": 1}}, "reason": "x"}',
            3,
            "selects images",
        ),
        (b'{"id": 3, "command": "accept", "selection": {"ids": [true]}, "reason": "x"}', 3, "selects images"),
    ],
)
def test_a_bad_request_gets_one_clear_reply(
    line: Line, root: Path, request_line: bytes, identity: object, says: str
) -> None:
    reply = line.ask(request_line)
    assert (reply["id"], reply["ok"]) == (identity, False)
    assert says in reply["error"] and "\n" not in reply["error"]
    assert line.ask(b'{"id": 9, "command": "snapshot"}')["ok"] is True, "the connection is as good as before"
    assert (root / "logs" / "engine-output.log").read_text() == ""
    assert status(root)["totals"]["failed"] == FAILED


def test_a_request_without_an_end_is_answered_before_the_connection_ends(line: Line) -> None:
    assert "no longer than 4 MiB" in line.ask(b" " * (MAX_LINE_BYTES + 1))["error"]


def test_a_reason_is_recorded_without_control_characters(root: Path) -> None:
    with EngineClient.connect(Workspace(root)) as client:
        assert order(client, Accept(Selection(ids=(1,)), "lost\x1b[2J in\nthe flood")).count == 1
        with LedgerReader(Workspace(root)) as reader:
            accepted = reader.image(1)
        assert accepted is not None and accepted.reason == r"lost\x1b[2J in the flood"
        with pytest.raises(Refused, match="no image 99"):
            client.ask(Accept(Selection(ids=(99,)), "x"))


def test_so_is_a_reason_without_an_engine(tmp_path: Path) -> None:
    workspace = make_ledger(tmp_path / "workspace", 2, failed=1)
    photostat("accept", "1", "--reason", "lost\x1b[2J", workspace=workspace.root)
    with LedgerReader(workspace) as reader:
        accepted = reader.image(1)
    assert accepted is not None and accepted.reason == r"lost\x1b[2J"


def test_fewer_workers_than_asked_for_come_with_the_reason(root: Path) -> None:
    with EngineClient.connect(Workspace(root)) as client:
        client.ask(SetWorkers(1))
        limited = {"id": 2, "before": 1, "count": 2, "limited_by": "memory"}
        assert to_builtins(client.ask(SetWorkers(5))) == limited
        assert to_builtins(client.ask(SetWorkers(2))) == {"id": 3, "before": 2, "count": 2}
    assert (
        photostat("workers", "5", workspace=root).stdout == "2 workers instead of 5: memory allows no more.\n"
    )
    assert photostat("workers", "1", workspace=root).stdout == (
        "1 worker, before: 2. The extra worker stops after its image.\n"
    )
    assert photostat("workers", "1", workspace=root).stdout == "1 worker.\n"
    assert photostat("workers", "7", "--json", workspace=root).json["limited_by"] == "memory"
    assert "instead of 7: memory allows no more" in photostat("status", workspace=root).stdout
    assert "workers: 2 to 2 instead of 5: memory allows no more" in _journal(root)


def test_run_says_that_memory_allows_fewer_workers(workspace: MakeWorkspace) -> None:
    root = workspace(images=1, settings='[engine]\nmemory_limit = "800MiB"\n')
    printed = photostat("run", "--detach", "--workers", "3", workspace=root).stderr
    assert "with 2 workers instead of 3: memory allows no more." in printed
    wait_for_end(root)
    assert "2 workers instead of 3: memory allows no more" in _journal(root)


def test_the_snapshot_has_the_workers_that_were_asked_for(root: Path) -> None:
    photostat("workers", "3", workspace=root)
    document = status(root)
    assert (document["workers_wanted"], document["workers_asked"]) == (2, 3)


def test_a_paused_engine_is_paused_even_if_something_holds_it_too(root: Path) -> None:
    state, why, *_ = photostat("status", workspace=root).stdout.splitlines()
    assert re.match(r"HOLDING for source since \d\d:\d\d; engine \d+", state)
    assert "is the share mounted?" in why, "on a line of its own"
    paused = photostat("pause", workspace=root).stdout
    assert paused == "Paused. Nothing is in flight. `photostat resume` continues.\n"
    text = photostat("status", workspace=root).stdout
    me = getpass.getuser()
    assert re.match(
        rf"PAUSED by {me} \(.*{socket.gethostname()}\) since \d\d:\d\d; also holding for source since ", text
    )
    assert "is the share mounted?" in text and "HOLDING" not in text


def test_a_pause_says_who_and_where(root: Path) -> None:
    """The user as the kernel says it, the terminal, and the other end of the SSH connection."""
    if status(root)["pause"]:
        photostat(
            "resume", workspace=root
        )  # in a hold, it would have the missing sources fail, and the engine end
    began = time.time()
    over_ssh = {"SSH_CONNECTION": "192.0.2.7 50022 192.0.2.1 22", "USER": "somebody-else"}
    with Terminal([*COMMAND[1:], "-C", str(root), "pause"], env=over_ssh) as terminal:
        tty = str(Path(f"/proc/{terminal.process.pid}/fd/0").readlink()).removeprefix("/dev/")
        terminal.wait_for("Paused.")
        terminal.wait_for_end()
    pause = status(root)["pause"]
    assert pause["by"] == {"user": getpass.getuser(), "host": "192.0.2.7", "tty": tty}
    assert began <= pause["since"] <= time.time()
    who = f"{getpass.getuser()} ({tty}, 192.0.2.7)"
    assert photostat("status", workspace=root).stdout.startswith(f"PAUSED by {who} since ")
    assert f"paused by {who}" in _journal(root)
    photostat("resume", workspace=root)
    assert status(root)["pause"] is None
    assert f"resumed by {getpass.getuser()} (" in _journal(root)


@pytest.mark.parametrize(
    ("count", "says"),
    [
        (0, "Draining. Nothing is in flight: the engine ends."),
        (1, "Draining. The image in flight will be finished, then the engine ends."),
        (2, "Draining. The 2 images in flight will be finished, then the engine ends."),
    ],
)
def test_drain_reports_any_number_of_images(count: int, says: str) -> None:
    assert draining(count) == says


def test_stop_reports_any_number_of_images() -> None:
    printed = [in_flight(count, "goes back", "go back") for count in (0, 1, 2000)]
    assert printed == [
        "Nothing is in flight",
        "The image in flight goes back",
        "The 2,000 images in flight go back",
    ]


def test_stop_with_nothing_in_flight(workspace: MakeWorkspace) -> None:
    root = workspace(images=1)
    start_engine_without_share(root)
    printed = photostat("stop", workspace=root).stdout
    assert printed == "Stopped. Nothing is in flight.\n"


def _journal(root: Path) -> str:
    with LedgerReader(Workspace(root)) as reader:
        return "\n".join(event.message for event in reader.events(limit=1000))
