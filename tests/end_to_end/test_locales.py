"""Names are UTF-8 in any locale, from the command line to the store; a terminal gets what it can show."""

from __future__ import annotations

import os
import pty
import subprocess
from pathlib import Path

import pytest

from engine.workspace import Workspace
from tests.conftest import MakeWorkspace
from tests.support.command_line import COMMAND, environment, photostat
from tests.support.engine_runs import (
    resume_worker,
    start_engine,
    stored_digests,
    suspend_busy_worker,
    wait_for_end,
)
from tests.support.jp2_files import make_jp2
from tests.support.terminals import Terminal
from tests.support.waiting import LONGEST_WAIT_S
from tui.terminal.encoding import as_typed

U = "1B4E28BA-2FA1-11D2-883F-0016D3CCA427"
NAMES = ("Bürger", "Nr-№")
PLAIN = {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}


@pytest.fixture(scope="session")
def latin_1(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The environment of a German Latin-1 locale, made here."""
    directory = tmp_path_factory.mktemp("locales")
    command = ["localedef", "-i", "de_DE", "-f", "ISO-8859-1", str(directory / "de_DE.ISO-8859-1")]
    subprocess.run(command, check=True, capture_output=True)
    return {"LOCPATH": str(directory), "LC_ALL": "de_DE.ISO-8859-1"}


def collection(root: Path) -> Path:
    workspace = Workspace.init(root).root
    (workspace / "source").mkdir()
    lines = []
    for name in NAMES:
        make_jp2(workspace / "source" / f"{name}.jp2")
        lines.append(f"{U},B,R,{name}.tif,map,source/{name}.jp2\n")
    (workspace / "Bücher.csv").write_text("".join(lines), encoding="utf-8")
    return workspace


def run_all(workspace: Path, locale: dict[str, str]) -> None:
    photostat("add", "Bücher.csv", workspace=workspace, cwd=workspace, env=locale)
    photostat("run", "--headless", workspace=workspace, env=locale)
    expected = {f"Bücher/{U}/{name}.jpg" for name in NAMES}
    assert set(stored_digests(workspace)) == expected
    found = {os.path.relpath(path, workspace / "out") for path in (workspace / "out").rglob("*.jpg")}
    assert {os.fsencode(path) for path in found} == {path.encode("utf-8") for path in expected}
    rows = photostat("list", "--json", workspace=workspace, env=locale).json
    assert {row["target"] for row in rows} == expected


def test_under_the_c_locale_names_are_utf_8(tmp_path: Path) -> None:
    run_all(collection(tmp_path / "ws"), PLAIN)


@pytest.mark.needs_tool("localedef")
def test_under_a_latin_1_locale_names_are_utf_8(tmp_path: Path, latin_1: dict[str, str]) -> None:
    run_all(collection(tmp_path / "ws"), latin_1)


@pytest.mark.needs_tool("localedef")
def test_a_latin_1_terminal_gets_what_it_can_show_and_is_understood(
    tmp_path: Path, latin_1: dict[str, str]
) -> None:
    workspace = collection(tmp_path / "ws")
    photostat("add", "Bücher.csv", "--batch", b"K\xf6ln".decode("utf-8", "surrogateescape"),
              workspace=workspace, cwd=workspace, env=latin_1)  # fmt: skip
    ours, theirs = pty.openpty()
    command = [*COMMAND, "-C", str(workspace), "list"]
    process = subprocess.Popen(
        command, stdout=theirs, stdin=subprocess.DEVNULL, env=environment(latin_1), close_fds=True
    )
    os.close(theirs)
    shown = b""
    try:
        while chunk := os.read(ours, 4096):
            shown += chunk
    except OSError:  # EIO: the other end is closed
        pass
    process.wait(LONGEST_WAIT_S)
    os.close(ours)
    assert b"K\xf6ln" in shown and b"B\xfcrger" in shown and rb"Nr-\u2116" in shown


def test_an_argument_that_names_a_file_keeps_its_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("locale.getencoding", lambda: "ISO-8859-1")
    name = b"K\xf6ln.csv".decode("utf-8", "surrogateescape")
    assert as_typed([name, "--batch", "a"]) == ["Köln.csv", "--batch", "a"]
    (tmp_path / name).touch()
    assert as_typed([str(tmp_path / name)]) == [str(tmp_path / name)]
    assert as_typed(["Köln.csv"]) == ["Köln.csv"]


@pytest.mark.needs_tool("localedef")
def test_bars_in_a_latin_1_terminal_are_bars(workspace: MakeWorkspace, latin_1: dict[str, str]) -> None:
    root = workspace(images=3, width=1000, height=800)
    command = [*COMMAND[1:], "-C", str(root)]
    start_engine(root)
    worker = suspend_busy_worker(root)
    with Terminal(command, env=latin_1) as app:
        app.wait_for("Workers")
        app.wait_for("##")  # of memory
        assert b"???" not in app.output and b"\xe2\x96" not in app.output
        app.type("?")
        app.wait_for("mouse stays the terminal's")
        assert not [mode for mode in (b"?1000h", b"?1002h", b"?1003h") if mode in app.output]
    with Terminal([*command, "run", "--headless"], env=latin_1) as headless:
        headless.wait_for("/3")
        resume_worker(worker)
        headless.wait_for_end()
        assert b"-----" in headless.output and b"\\u2" not in headless.output and b"??" not in headless.output
    wait_for_end(root)
