"""The command line: what each command of the ledger prints and exits with, and that nothing ends in a traceback."""

from __future__ import annotations

import csv
import io
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from engine.ledger.lock import Lock
from engine.workspace import Workspace
from tests.support.command_line import COMMAND, environment, photostat, start
from tests.support.ledgers import make_ledger
from tests.support.waiting import LONGEST_WAIT_S, wait_until
from tui.cli import COMMANDS, main

U = "1b4e28ba-2fa1-11d2-883f-0016d3cca427"


def run(*args: str | Path, at: Path | None = None, code: int = 0) -> Result:
    """The command in this process."""
    place = ["-C", str(at)] if at else []
    result = CliRunner().invoke(main, [*place, *map(str, args)])
    assert result.exit_code == code, (result.stdout, result.stderr)
    return result


def complaint(*args: str | Path, at: Path | None = None, code: int = 2) -> str:
    """The one line on stderr of a command that could not do it."""
    result = run(*args, at=at, code=code)
    (line,) = result.stderr.splitlines()
    assert line.startswith("photostat: ") and not result.stdout
    return line.removeprefix("photostat: ")


@pytest.fixture
def collection(tmp_path: Path) -> Path:
    """A workspace with ten images: five failed, two done."""
    return make_ledger(tmp_path / "ws", 10, failed=5, done=2).root


# The command itself


def test_help_shows_every_command_and_a_way_through() -> None:
    text = run("--help").stdout
    for name in (name for names in COMMANDS.values() for name in names):
        assert f"\n  {name} " in text
        assert run(name, "--help").stdout.startswith("Usage: photostat ")
    assert "photostat demo" in text and "Exit codes:" in text


def test_the_version_is_said() -> None:
    assert run("--version").stdout.startswith("photostat 0.")


@pytest.mark.parametrize(
    ("args", "says"),
    [
        (["statsu"], "no command 'statsu'; did you mean status?"),
        (["xyzzy"], "no command 'xyzzy'; `photostat --help` shows them"),
        (["status", "--jsno"], "No such option"),
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
def test_what_is_wrong_is_said_in_one_line(collection: Path, args: list[str], says: str) -> None:
    assert says in complaint(*args, at=collection)


def test_without_a_workspace_it_says_how_to_make_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("PHOTOSTAT_WORKSPACE", raising=False)
    assert complaint("status") == "no photostat.toml here: `photostat init` makes a workspace"
    assert "`photostat init" in complaint("list", at=tmp_path / "elsewhere")


def test_the_workspace_may_come_from_the_environment(
    collection: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PHOTOSTAT_WORKSPACE", str(collection))
    assert json.loads(run("status", "--json").stdout)["totals"]["rows"] == 10


def test_a_wrong_setting_is_named_by_every_command_that_needs_it(collection: Path) -> None:
    (collection / "photostat.toml").write_text("[jpeg]\nqualty = 3\n")
    (collection / "e.csv").write_text("x")
    assert complaint("add", collection / "e.csv", at=collection) == (
        "photostat.toml: [jpeg] qualty: no such key; did you mean quality?"
    )


def test_commands_that_need_an_engine_say_that_none_answers(collection: Path) -> None:
    for command in (["pause"], ["resume"], ["drain"], ["stop"], ["workers", "2"]):
        assert "no engine answers" in complaint(*command, at=collection, code=3)


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_shells_get_their_completion(shell: str) -> None:
    assert "_PHOTOSTAT_COMPLETE" in run("completion", shell).stdout


def test_completion_knows_commands_batches_and_causes(collection: Path) -> None:
    def complete(words: str) -> list[str]:
        env = environment(
            {"_PHOTOSTAT_COMPLETE": "fish_complete", "COMP_WORDS": words, "COMP_CWORD": words.split()[-1]}
        )
        done = subprocess.run(COMMAND, env=env, cwd=collection, capture_output=True, text=True, check=False)
        return [line.partition(",")[2].partition("\t")[0] for line in done.stdout.splitlines()]

    assert complete("photostat req") == ["requeue"]
    assert complete("photostat failures --batch new") == ["newspapers"]
    assert complete("photostat requeue --cause store-d") == ["store-denied"]


# init


def test_init_makes_a_workspace_and_never_overwrites_one(tmp_path: Path) -> None:
    root = tmp_path / "a" / "b"
    run("init", root)
    (root / "photostat.toml").write_text("# mine")
    assert "photostat.toml is there already" in complaint("init", root)
    assert (root / "photostat.toml").read_text() == "# mine"
    assert "is there already" in complaint("init", root / "photostat.toml")
    assert "Not a directory" in complaint("init", root / "photostat.toml" / "c")
    assert json.loads(run("init", tmp_path / "c", "--json").stdout) == {
        "workspace": str(tmp_path / "c"),
        "settings": str(tmp_path / "c" / "photostat.toml"),
    }


# add


def export(root: Path, *rows: str, name: str = "maps.csv") -> Path:
    path = root / name
    path.write_text("".join(f"{row}\n" for row in rows), encoding="utf-8")
    return path


def test_add_says_what_became_of_every_row(tmp_path: Path) -> None:
    root = Workspace.init(tmp_path / "ws").root
    path = export(
        root,
        "UUID,Barcode,Record,Name,Type,Path",
        f"{U},B,R,a.tif,map,/s/a.jp2",
        f"{U},B,R,a.tiff,map,/s/b.jp2",
        f"{U},B,R,c.tif,map,/s/c.jp2",
        f"{U},B,R,c.tif,map,/s/c.jp2",
        f"{U},B,R,../d.tif,map,/s/d.jp2",
        "\x1b[31mred,B,R,e.tif,map,/s/e.jp2",
    )
    result = run("add", path, at=root, code=1)
    assert "6 rows, read as utf-8" in result.stdout
    assert "Line 1 is taken as the header" in result.stdout
    assert "  line 6: the name has a slash" in result.stdout
    assert "a.jpg is also the target of line 3" in result.stdout
    assert "\x1b" not in result.stdout
    document = json.loads(run("add", path, "--json", at=root, code=1).stdout)
    counts = {key: document[key] for key in ("rows", "new", "known", "changed", "colliding", "malformed")}
    assert counts == {"rows": 6, "new": 0, "known": 4, "changed": 0, "colliding": 2, "malformed": 2}
    assert [refusal["line"] for refusal in document["refusals"]] == [6, 7]
    assert [batch["name"] for batch in document["batches"]] == ["maps"]


def test_add_of_a_good_export_exits_with_0(tmp_path: Path) -> None:
    root = Workspace.init(tmp_path / "ws").root
    run("add", export(root, f"{U},B,R,a.tif,map,/s/a.jp2"), "--batch", "b", at=root)
    assert json.loads(run("list", "--json", at=root).stdout)[0]["target"] == f"b/{U}/a.jpg"


def test_add_of_what_is_no_export_exits_with_2(tmp_path: Path) -> None:
    root = Workspace.init(tmp_path / "ws").root
    assert "this is a directory" in complaint("add", root, at=root)
    assert "there is no row in it" in complaint("add", export(root), at=root)
    (root / "latin.csv").write_bytes(f"{U},B,R,caf\xe9.tif,map,/s/a.jp2".encode("latin-1"))
    assert 'encoding = "latin-1" under [manifest] may be right' in complaint(
        "add", root / "latin.csv", at=root
    )


def test_add_waits_for_no_engine_and_says_who_it_is(collection: Path) -> None:
    lock = Lock.acquire(Workspace(collection).lock_path, "run")
    try:
        said = complaint("add", export(collection, f"{U},B,R,a.tif,map,/s/a.jp2"), at=collection)
    finally:
        lock.release()
    assert f"the ledger is being written by `photostat run` (process {os.getpid()}" in said


# status, failures, list


def test_status_without_an_engine_is_the_ledger_s_account(collection: Path) -> None:
    text = run("status", at=collection).stdout
    assert text.startswith("STOPPED; no engine runs\n")
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


def test_status_of_a_new_workspace_says_what_comes_next(tmp_path: Path) -> None:
    root = Workspace.init(tmp_path / "ws").root
    assert "`photostat add EXPORT.csv`" in run("status", at=root).stdout
    assert "Nothing has failed." in run("failures", at=root).stdout
    assert json.loads(run("list", "--json", at=root).stdout) == []
    assert json.loads(run("failures", "--json", at=root).stdout) == []
    assert run("list", "--csv", at=root).stdout.startswith("id,batch,uuid,")


def test_failures_are_grouped_by_cause_with_their_remedy(collection: Path) -> None:
    text = run("failures", at=collection).stdout
    assert text.startswith("truncated: 3 images\n  Restore the file from a backup")
    assert "[bold]markup[/bold] and \\x1b[31mcolour" in text and "\x1b" not in text
    listed = json.loads(run("failures", "--json", "--cause", "corrupt", at=collection).stdout)
    assert [(image["id"], image["cause"], image["state"]) for image in listed] == [(4, "corrupt", "failed")]
    wanted = {
        "id",
        "batch",
        "uuid",
        "barcode",
        "record",
        "source",
        "target",
        "state",
        "attempts",
        "stage",
        "message",
    }
    assert wanted <= listed[0].keys()
    assert listed[0]["remedy"].startswith("Restore the file")


def test_list_has_every_image_as_lines_csv_and_json(collection: Path) -> None:
    documents = json.loads(run("list", "--json", at=collection).stdout)
    rows = list(csv.DictReader(io.StringIO(run("list", "--csv", at=collection).stdout)))
    assert [int(row["id"]) for row in rows] == [d["id"] for d in documents] == list(range(1, 11))
    assert rows[5]["md5"] == documents[5]["md5"] == "e4d909c290d0fb1ca068ffaddf22cbd0"
    assert documents[5]["psnr"] == 41.2 and documents[0]["psnr"] is None
    done = run("list", "--state", "done", "--batch", "newspapers", at=collection).stdout.splitlines()
    assert len(done) == 2 and done[0].split()[:2] == ["6", "done"]


# requeue, accept


def test_requeue_and_accept_say_how_many(collection: Path) -> None:
    assert "1 image requeued." in run("requeue", "1", at=collection).stdout
    assert "1 image accepted." in run("accept", "4", "--reason", "blank", at=collection).stdout
    assert "3 images requeued." in run("requeue", "--all", at=collection).stdout
    assert "0 images requeued." in run("requeue", "--all", at=collection).stdout
    assert json.loads(run("requeue", "4", "--json", at=collection).stdout)["requeued"] == 1
    totals = json.loads(run("status", "--json", at=collection).stdout)["totals"]
    assert (totals["pending"], totals["failed"], totals["accepted"]) == (8, 0, 0)


def test_images_that_have_not_failed_are_left_alone_and_told(collection: Path) -> None:
    result = run("requeue", "1", "6", at=collection, code=1)
    assert "1 image requeued." in result.stdout
    assert "1 image left as it is: it has not failed." in result.stderr
    result = run("accept", "2", "6", "--reason", "x", "--json", at=collection, code=1)
    assert json.loads(result.stdout) == {"accepted": 1, "not_failed": 1}


def test_what_still_collides_stays_failed_and_is_told(tmp_path: Path) -> None:
    root = Workspace.init(tmp_path / "ws").root
    rows = [f"{U},B,R,a.tif,map,/s/a.jp2", f"{U},B,R,a.tiff,map,/s/b.jp2"]
    run("add", export(root, *rows), at=root, code=1)
    result = run("requeue", "--all", at=root, code=1)
    assert "2 images not requeued: other images have the same targets." in result.stderr
    run("accept", "1", "--reason", "a copy", at=root)
    assert "1 image requeued." in run("requeue", "--cause", "target-collision", at=root).stdout


# Real processes


def test_a_reader_that_goes_away_is_no_trouble(tmp_path: Path) -> None:
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
    fifo = tmp_path / "export.csv"
    os.mkfifo(fifo)
    child = start("add", fifo, workspace=workspace.root)
    writer = wait_until(lambda: _opened_for_writing(fifo), "add to read the export")
    child.send_signal(signal.SIGINT)
    _, stderr = child.communicate(timeout=LONGEST_WAIT_S)
    os.close(writer)
    assert (child.returncode, stderr.strip()) == (130, "")
    assert photostat("list", workspace=workspace.root).stdout == ""


def _opened_for_writing(fifo: Path) -> int | None:
    """Its descriptor, once somebody reads there."""
    try:
        return os.open(fifo, os.O_WRONLY | os.O_NONBLOCK)
    except OSError:
        return None


def test_names_are_printed_whatever_the_locale(tmp_path: Path) -> None:
    root = Workspace.init(tmp_path / "ws").root
    run("add", export(root, f"{U},B,R,é😀.tif,map,/s/é.jp2"), at=root)
    plain = {"LC_ALL": "C", "PYTHONIOENCODING": "latin-1", "PYTHONUTF8": "0"}
    assert photostat("list", "--json", workspace=root, env=plain).json[0]["name"] == "é😀.tif"

    def listed(*options: str) -> bytes:
        command = [*COMMAND, "-C", str(root), "list", *options]
        return subprocess.run(command, capture_output=True, env=environment(plain), check=True).stdout

    assert b"\xe9\\U0001f600.jpg" in listed()
    assert "é😀.tif" in listed("--csv").decode("utf-8")


def test_a_fault_of_ours_is_one_line_too(collection: Path) -> None:
    script = (
        "import tui.commands.status as s\n"
        "def fault(workspace): raise RuntimeError('surprise')\n"
        "s._current_snapshot = fault\nfrom tui.cli import main\nmain()"
    )
    command = [sys.executable, "-c", script, "-C", str(collection), "status"]
    done = subprocess.run(command, capture_output=True, text=True, env=environment(None), check=False)
    assert done.returncode == 1
    assert done.stderr.startswith("photostat: internal error: RuntimeError: surprise")
