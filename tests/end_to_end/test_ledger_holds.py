"""A ledger that cannot be written holds the engine: nothing is lost, no image is charged, and it goes on by itself."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.conftest import LARGE, MakeWorkspace
from tests.support.command_line import photostat
from tests.support.engine_runs import (
    kill_engine,
    list_rows,
    resume_worker,
    scratch_contents,
    start_engine,
    status,
    stored_digests,
    suspend_busy_worker,
    wait_for_end,
)
from tests.support.hung_sources import HungSources
from tests.support.hung_sources import hung_sources as hung_sources
from tests.support.small_disks import fill, small_disk
from tests.support.waiting import has_ended, wait_until

LOCK = """
import sqlite3, sys
ledger = sqlite3.connect(sys.argv[1], isolation_level=None)
ledger.execute("BEGIN " + sys.argv[2])
print("locked", flush=True)
sys.stdin.read()
"""


@contextmanager
def locked_by_another_program(root: Path, how: str = "EXCLUSIVE") -> Iterator[None]:
    command = [sys.executable, "-c", LOCK, str(root / "ledger.sqlite"), how]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as program:
        assert program.stdout is not None
        assert program.stdout.readline() == b"locked\n"
        yield
        program.communicate()


def held(root: Path, reason: str) -> dict[str, Any] | None:
    document = status(root)
    hold = document["hold"]
    return document if document["state"] == "holding" and hold["reason"] == reason else None


def assert_clean_output(root: Path) -> str:
    output = (root / "logs" / "engine-output.log").read_text()
    assert "Traceback" not in output
    return output


@pytest.mark.parametrize("how", ["EXCLUSIVE", "IMMEDIATE"])
def test_a_ledger_that_another_program_locks_holds_the_engine_until_it_is_free(
    workspace: MakeWorkspace, how: str
) -> None:
    root = workspace(images=8, **LARGE)
    engine = start_engine(root, "--workers", "1")
    busy = suspend_busy_worker(root)
    with locked_by_another_program(root, how):
        resume_worker(busy)
        document = wait_until(lambda: held(root, "ledger"), "the hold")
        assert "another program has locked" in document["hold"]["detail"]
        assert document["hold"]["until"] is not None
        photostat("pause", workspace=root)
        assert status(root)["state"] == "paused"
        photostat("resume", workspace=root)
        before = psutil.Process(engine).cpu_times().user
        refused = photostat("requeue", "--all", workspace=root, expect=2)
        assert "another program has locked the ledger" in refused.stderr
        assert psutil.Process(engine).cpu_times().user - before < 1
    wait_until(lambda: status(root)["hold"] is None, "the end of the hold")
    assert wait_for_end(root)["totals"]["done"] == 8
    assert {row["attempts"] for row in list_rows(root)} == {1}
    assert scratch_contents(root) == []
    assert_clean_output(root)


@pytest.mark.parametrize("order", ["stop", "drain"])
def test_an_engine_whose_ledger_is_locked_can_be_ended(workspace: MakeWorkspace, order: str) -> None:
    root = workspace(images=6, **LARGE)
    engine = psutil.Process(start_engine(root, "--workers", "1"))
    busy = suspend_busy_worker(root)
    family = [engine, *engine.children(recursive=True)]
    with locked_by_another_program(root):
        resume_worker(busy)
        wait_until(lambda: held(root, "ledger"), "the hold")
        photostat(order, workspace=root)
        wait_until(lambda: all(map(has_ended, family)), "all processes' end")
    reason = status(root)["ended"]
    assert "another program has locked the ledger" in reason
    assert assert_clean_output(root).splitlines()[-1] == f"photostat: {reason}"
    assert reason in photostat("status", workspace=root).stdout
    photostat("run", "--headless", workspace=root)
    assert status(root)["totals"]["done"] == 6
    assert status(root)["ended"] is None
    assert len(stored_digests(root)) == 6


@pytest.fixture
def on_small_disk(workspace: MakeWorkspace, tmp_path: Path) -> Iterator[Path]:
    """A workspace with six images whose ledger and logs are on a small file system; scratch and store are not."""
    elsewhere = tmp_path / "elsewhere"
    settings = f'[engine]\nscratch = "{elsewhere}/scratch"\n[store]\nurl = "file:{elsewhere}/out"\n'
    with small_disk(tmp_path / "workspace", "12m"):
        yield workspace(images=6, **LARGE, settings=settings)


def test_a_full_disk_under_the_ledger_holds_the_engine_until_there_is_room(on_small_disk: Path) -> None:
    root = on_small_disk
    engine = start_engine(root, "--workers", "1")
    busy = suspend_busy_worker(root)
    ballast = fill(root)
    resume_worker(busy)
    document = wait_until(lambda: held(root, "disk"), "the hold")
    assert f"the disk with the ledger {root}/ledger.sqlite is full" in document["hold"]["detail"]
    assert psutil.pid_exists(engine)
    assert document["totals"]["failed"] == 0
    ballast.unlink()
    assert wait_for_end(root)["totals"]["done"] == 6
    assert {row["attempts"] for row in list_rows(root)} == {1}
    assert_clean_output(root)
    (log,) = (root / "logs").glob("run-*.log")
    lines = log.read_text().splitlines()
    assert len([line for line in lines if "\tstored: " in line]) == 6
    assert all(line.count("\t") == 7 for line in lines)


def test_a_full_disk_under_the_logs_holds_the_engine_until_there_is_room(
    workspace: MakeWorkspace, tmp_path: Path
) -> None:
    root = workspace(images=16, width=600, height=400)  # whose events take more than the log's last block
    with small_disk(root / "logs", "256k"):
        engine = start_engine(root, "--workers", "1")
        busy = suspend_busy_worker(root)
        ballast = fill(root / "logs")
        resume_worker(busy)
        document = wait_until(lambda: held(root, "disk"), "the hold")
        assert f"{root}/logs: No space left on device" in document["hold"]["detail"]
        wait_until(lambda: status(root)["totals"]["in_flight"] == 0, "the end of what was in flight")
        assert status(root)["totals"]["failed"] == 0
        assert psutil.pid_exists(engine)
        ballast.unlink()
        assert wait_for_end(root)["totals"]["done"] == 16
        (log,) = (root / "logs").glob("run-*.log")
        lines = log.read_text().splitlines()
        assert len([line for line in lines if "\tstored: " in line]) == 16
        assert all(line.count("\t") == 7 for line in lines)
        assert_clean_output(root)


def test_a_damaged_ledger_ends_the_engine_with_one_line(workspace: MakeWorkspace) -> None:
    root = workspace(images=6, **LARGE)
    engine = psutil.Process(start_engine(root, "--workers", "1"))
    busy = suspend_busy_worker(root)
    family = [engine, *engine.children(recursive=True)]
    with sqlite3.connect(root / "ledger.sqlite") as other:  # so that the engine reads the pages again
        other.execute("UPDATE images SET updated = updated + 1")
    for path in (root / "ledger.sqlite", root / "ledger.sqlite-wal"):
        with path.open("r+b") as file:
            file.write(b"overwritten" * (path.stat().st_size // 11))
    resume_worker(busy)
    wait_until(lambda: all(map(has_ended, family)), "all processes' end")
    last = assert_clean_output(root).splitlines()[-1]
    assert last.startswith("photostat: the ledger") and "is damaged" in last
    refused = photostat("status", workspace=root, expect=2)
    assert "is damaged" in refused.stderr and refused.stderr.count("\n") == 1


def test_a_killed_engine_s_status_says_what_became_of_it(workspace: MakeWorkspace) -> None:
    root = workspace(images=6, **LARGE)
    engine = start_engine(root, "--workers", "1")
    suspend_busy_worker(root)
    kill_engine(engine)
    assert f"the engine (pid {engine}, since " in status(root)["ended"]
    assert "was killed, or the machine went down" in photostat("status", workspace=root).stdout
    photostat("requeue", "--all", workspace=root)  # writes the ledger, and so its lock
    assert f"the engine (pid {engine}, since " in photostat("status", "--json", workspace=root).json["ended"]
    photostat("run", "--headless", workspace=root)
    assert status(root)["ended"] is None


def test_a_disk_that_fails_under_the_ledger_holds_the_engine_until_it_works(
    workspace: MakeWorkspace, hung_sources: HungSources
) -> None:
    root = workspace(images=4, **LARGE)
    disk = hung_sources(root)
    engine = start_engine(root, "--workers", "1")
    busy = suspend_busy_worker(root)
    disk.fail("EIO", "write", "ledger.sqlite-wal")
    resume_worker(busy)
    document = wait_until(lambda: held(root, "ledger"), "the hold")
    assert "cannot be read or written (disk I/O error)" in document["hold"]["detail"]
    assert psutil.pid_exists(engine)
    disk.answer()
    assert wait_for_end(root)["totals"]["done"] == 4
    assert {row["attempts"] for row in list_rows(root)} == {1}
    assert_clean_output(root)
