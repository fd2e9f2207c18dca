"""`photostat status` without an engine."""

from __future__ import annotations

import json
import signal
from pathlib import Path

from engine.workspace import Workspace
from tests.support.command_in_process import run
from tests.support.command_line import start
from tests.support.terminals import Terminal
from tui.commands.shared.watching import fitted


def test_status_without_an_engine_is_the_ledger_s_account(collection: Path) -> None:
    text = run("status", at=collection).stdout
    assert text.startswith(
        "STOPPED; no engine runs\n\nAn earlier version of photostat made this run, and kept"
    )
    document = json.loads(run("status", "--json", at=collection).stdout)
    assert document["totals"] == {
        "rows": 10,
        "pending": 3,
        "in_flight": 0,
        "done": 2,
        "failed": 5,
        "accepted": 0,
    }
    assert document["state"] == "stopped" and document["hold"] is None
    assert document["bytes"] == {"source": 33_600_000, "jpeg": 13_620_000}
    for key in ("workers", "memory", "rates", "eta_seconds", "engine"):
        assert key in document


def test_status_of_a_new_workspace_shows_the_next_command(tmp_path: Path) -> None:
    root = Workspace.init(tmp_path / "ws").root
    assert run("status", at=root).stdout.endswith(
        "runs\nThe ledger is empty: `photostat add EXPORT.csv` adds images.\n"
    )
    assert "Nothing has failed." in run("failures", at=root).stdout
    assert json.loads(run("list", "--json", at=root).stdout) == []
    assert json.loads(run("failures", "--json", at=root).stdout) == []
    assert run("list", "--csv", at=root).stdout.startswith("id,batch,uuid,")


def test_a_screen_says_how_many_lines_it_has_no_room_for() -> None:
    assert fitted(["a", "b"], 2) == ["a", "b"]
    assert fitted(["a", "b", "c", "d"], 3) == ["a", "b", "… 2 more lines"]


def test_status_is_watched_calmly_in_one_place(collection: Path) -> None:
    with Terminal(["-m", "tui.cli", "-C", str(collection), "status", "--watch", "0.2"]) as terminal:
        terminal.wait_for("STOPPED; no engine runs")
        terminal.wait_for("`photostat failures` lists them")
        first = len(terminal.output)
        quiet = len(terminal.read(1.5))
        assert quiet < 200, "only the time is painted again"
        terminal.type("\x03")
        terminal.wait_for_end()
        assert terminal.process.returncode == 130
    left = terminal.output[first:].rpartition(b"\x1b[?1049l")[2]
    assert b"STOPPED; no engine runs" in left and b"\x1b[H" not in left, "the last state stays"


def test_a_watch_without_a_terminal_prints_again(collection: Path) -> None:
    with start("status", "--watch", "0.2", workspace=collection) as watching:
        assert watching.stdout is not None
        headlines = 0
        while headlines < 2:
            text = watching.stdout.readline()
            assert text and "\x1b" not in text
            headlines += text.startswith("STOPPED")
        watching.send_signal(signal.SIGINT)
        assert watching.wait() == 130
