"""Scratch in a whole run: other files stay, a directory that would endanger files is refused, nothing is left."""

from __future__ import annotations

import os
import shutil
import signal
from pathlib import Path

import pytest

from tests.conftest import MakeWorkspace
from tests.support.command_line import photostat
from tests.support.engine_runs import (
    list_rows,
    scratch_contents,
    start_engine,
    status,
    stored_digests,
    suspend_busy_worker,
    wait_for_end,
)


def test_a_run_leaves_other_files_on_scratch(workspace: MakeWorkspace, tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    (shared / "deep").mkdir(parents=True)
    for name in ("letter.txt", "3-1-4711.jpg", "deep/3-1-4711.jpg.part"):
        (shared / name).write_bytes(b"not ours")
    root = workspace(images=3, settings=f'[engine]\nscratch = "{shared}"\n')
    photostat("run", "--headless", workspace=root)
    assert status(root)["totals"]["done"] == 3
    assert sorted(path.name for path in shared.rglob("*")) == [
        "3-1-4711.jpg",
        "3-1-4711.jpg.part",
        "deep",
        "letter.txt",
    ]


@pytest.mark.parametrize(
    ("scratch", "says"),
    [
        (".", "the workspace itself"),
        ("../workspace", "the workspace itself"),
        ("logs", "where the logs are"),
        ("out", "this is the store"),
        ("out/scratch", "inside the store"),
    ],
)
def test_every_command_refuses_a_scratch_that_is_another_place(
    workspace: MakeWorkspace, scratch: str, says: str
) -> None:
    root = workspace(images=1)
    (root / "photostat.toml").write_text(f'[engine]\nscratch = "{scratch}"\n', encoding="utf-8")
    before = sorted(root.rglob("*"))
    for command in (("run", "--headless"), ("check",), ("add", root / "export.csv")):
        refused = photostat(*command, workspace=root, expect=2)
        assert says in refused.stderr
        assert refused.stderr.count("\n") == 1
    assert set(before) <= set(root.rglob("*"))


@pytest.mark.parametrize("scratch", ["source", "link", "source/..//source", "absolute"])
def test_scratch_where_the_sources_are_is_refused_and_nothing_is_lost(
    workspace: MakeWorkspace, scratch: str
) -> None:
    root = workspace(images=3)
    (root / "link").symlink_to(root / "source")
    written = str(root / "source") if scratch == "absolute" else scratch
    (root / "photostat.toml").write_text(f'[engine]\nscratch = "{written}"\n', encoding="utf-8")
    before = sorted((root / "source").rglob("*"))
    refused = photostat("run", "--headless", workspace=root, expect=2)
    assert "there are sources in it" in refused.stderr
    assert refused.stderr.count("\n") == 1
    assert "there are sources in it" in photostat("check", "--json", workspace=root, expect=1).json["scratch"]
    assert sorted((root / "source").rglob("*")) == before


@pytest.mark.parametrize("scratch", ["export.csv", "export.csv/below", "/proc/photostat"])
def test_scratch_that_is_no_directory_is_one_clear_line(workspace: MakeWorkspace, scratch: str) -> None:
    root = workspace(images=1, settings=f'[engine]\nscratch = "{scratch}"\n')
    found = photostat("check", "--json", workspace=root, expect=1).json["scratch"]
    assert scratch in found
    assert "directory of its own" in found
    refused = photostat("run", "--headless", workspace=root, expect=2)
    assert "directory of its own" in refused.stderr
    assert refused.stderr.count("\n") == 1
    assert "Error" not in refused.stderr


def test_check_leaves_no_scratch_behind(workspace: MakeWorkspace) -> None:
    root = workspace(images=1, settings='[engine]\nscratch = "deep/below/scratch"\n')
    assert photostat("check", "--json", workspace=root).json["scratch"] is None
    assert not (root / "deep").exists()


def test_scratch_that_is_removed_under_way_is_made_again_and_no_attempt_counts(
    workspace: MakeWorkspace,
) -> None:
    root = workspace(images=6, width=1200, height=900, settings="[engine]\nworkers = 1\nretries = 0\n")
    start_engine(root)
    pid = suspend_busy_worker(root)["pid"]
    shutil.rmtree(root / "scratch")
    os.kill(pid, signal.SIGCONT)
    end = wait_for_end(root)
    assert (end["totals"]["done"], end["totals"]["failed"]) == (6, 0)
    assert {row["attempts"] for row in list_rows(root)} == {1}


def test_nothing_is_left_after_a_run(workspace: MakeWorkspace) -> None:
    root = workspace(images=6)
    photostat("run", "--headless", workspace=root)
    assert scratch_contents(root) == []
    assert not (root / "scratch").exists()
    assert len(stored_digests(root)) == 6
