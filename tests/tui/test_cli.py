"""The photostat command: its help, its errors in one line, and what it does to signals, pipes and locales."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from click import Context

from engine.ledger.lock import find_holder
from engine.workspace import Workspace
from tests.support.command_in_process import complaint, run, write_rows
from tests.support.command_line import COMMAND, environment, photostat, start
from tests.support.ledgers import make_ledger
from tests.support.waiting import LONGEST_WAIT_S, wait_until
from tui.cli import main
from tui.command_list import COMMANDS

U = "1b4e28ba-2fa1-11d2-883f-0016d3cca427"


def test_help_shows_every_command_and_a_first_tour() -> None:
    text = run("--help").stdout
    for name, entry in ((name, entry) for names in COMMANDS.values() for name, entry in names.items()):
        assert f"\n  {name} " in text
        command = main.get_command(Context(main), name)
        assert command is not None and command.get_short_help_str(200) == entry.summary
        assert run(name, "--help").stdout.startswith("Usage: photostat ")
    assert "photostat demo" in text and "Exit codes:" in text


def test_version_is_printed() -> None:
    assert run("--version").stdout.startswith("photostat 0.")


@pytest.mark.parametrize(
    ("args", "says"),
    [
        (["statsu"], "no command 'statsu'; did you mean status?"),
        (["xyzzy"], "no command 'xyzzy'; `photostat --help` shows them"),
        (["status", "--jsno"], "No such option"),
        (["status", "-C", "there"], "-C stands before the command: `photostat -C DIR status …`"),
        (["run", "--read-only"], "--read-only stands before the command: `photostat --read-only run …`"),
        (["requeue"], "which ones? Give IDs, --batch, --cause, or --all"),
        (["requeue", "1", "--all"], "give IDs or --all, not both"),
        (["requeue", "one"], "'one' is not a valid integer"),
        (["accept", "1"], "Missing option '--reason'"),
        (["accept", "1", "--reason", " "], "--reason is empty"),
        (["accept", "--reason", "x"], "Missing argument"),
        (["list", "--csv", "--json"], "--csv and --json exclude each other"),
        (["list", "--state", "gone"], "'gone' is not one of"),
        (["list", "--batch", "maps"], "no batch 'maps' in the ledger; there is newspapers"),
        (["failures", "--cause", "corupt"], "no cause 'corupt'; did you mean corrupt?"),
        (["requeue", "--cause", "zzz"], "no cause 'zzz'; `photostat failures` shows those there are"),
        (["requeue", "1", "98", "99"], "no image 98, 99 in the ledger; nothing was changed"),
        (["accept", "99", "--reason", "x"], "no image 99 in the ledger"),
        (["add", "nowhere.csv"], "nowhere.csv: there is no such file"),
        (["add", "x.csv", "--batch", "a", "--split-by", "type"], "--batch and --split-by exclude each other"),
        (["--read-only", "status"], "--read-only is for the TUI"),
        ([], "the TUI needs a terminal; `photostat status` shows the same once"),
    ],
)
def test_a_mistake_is_one_clear_line(collection: Path, args: list[str], says: str) -> None:
    assert says in complaint(*args, at=collection)


def test_without_a_workspace_it_prints_how_to_make_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("PHOTOSTAT_WORKSPACE", raising=False)
    assert complaint("status") == "no photostat.toml here: `photostat init` makes a workspace"
    assert "`photostat init" in complaint("list", at=tmp_path / "elsewhere")


def test_the_workspace_may_come_from_the_environment(
    collection: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PHOTOSTAT_WORKSPACE", str(collection))
    assert json.loads(run("status", "--json").stdout)["totals"]["rows"] == 10


def test_every_command_that_needs_it_names_a_wrong_setting(collection: Path) -> None:
    (collection / "photostat.toml").write_text("[jpeg]\nqualty = 3\n")
    (collection / "e.csv").write_text("x")
    assert complaint("add", collection / "e.csv", at=collection) == (
        "photostat.toml: [jpeg] qualty: no such key; did you mean quality?"
    )


def test_commands_that_need_an_engine_report_that_none_answers(collection: Path) -> None:
    for command in (["pause"], ["resume"], ["drain"], ["stop"], ["workers", "2"], ["skip", "7"]):
        assert "no engine answers" in complaint(*command, at=collection, code=3)


def test_a_reader_that_goes_away_ends_the_command_quietly(tmp_path: Path) -> None:
    root = make_ledger(tmp_path / "ws", 5000).root
    for arguments in (["list", "--json"], ["list"], ["list", "--csv"]):
        child = start(*arguments, workspace=root)
        assert child.stdout is not None and child.stderr is not None
        child.stdout.readline()
        child.stdout.close()
        assert child.wait(LONGEST_WAIT_S) != 0
        assert child.stderr.read() == ""
        child.stderr.close()


def test_ctrl_c_ends_quietly_and_leaves_nothing_behind(tmp_path: Path) -> None:
    workspace = Workspace.init(tmp_path / "ws")
    row = "11111111-2222-4333-8444-555555555555,B,R,{0}.tif,plates,/s/{0}.jp2\n"
    export = tmp_path / "export.csv"
    export.write_text("".join(map(row.format, range(200_000))), encoding="utf-8")
    child = start("add", export, workspace=workspace.root)
    wait_until(lambda: find_holder(workspace.lock_path), "add to begin")  # it has seconds of work then
    child.send_signal(signal.SIGINT)
    _, stderr = child.communicate(timeout=LONGEST_WAIT_S)
    assert (child.returncode, stderr.strip()) == (130, "")
    assert photostat("list", workspace=workspace.root).stdout == ""


def test_names_are_printed_whatever_the_locale(tmp_path: Path) -> None:
    root = Workspace.init(tmp_path / "ws").root
    run("add", write_rows(root, f"{U},B,R,é😀.tif,map,/s/é.jp2"), at=root)
    plain = {"LC_ALL": "C", "PYTHONIOENCODING": "latin-1", "PYTHONUTF8": "0"}
    assert photostat("list", "--json", workspace=root, env=plain).json[0]["name"] == "é😀.tif"

    def listed(*options: str) -> bytes:
        command = [*COMMAND, "-C", str(root), "list", *options]
        return subprocess.run(command, capture_output=True, env=environment(plain), check=True).stdout

    assert b"\xe9\\U0001f600.jpg" in listed()
    assert "é😀.tif" in listed("--csv").decode("utf-8")


def test_a_fault_of_photostat_is_one_line(collection: Path) -> None:
    script = (
        "import tui.commands.status as s\n"
        "def fault(workspace): raise RuntimeError('surprise')\n"
        "s._current_snapshot = fault\nfrom tui.cli import main\nmain()"
    )
    command = [sys.executable, "-c", script, "-C", str(collection), "status"]
    done = subprocess.run(command, capture_output=True, text=True, env=environment(None), check=False)
    assert done.returncode == 1
    assert done.stderr.startswith("photostat: internal error: RuntimeError: surprise")
