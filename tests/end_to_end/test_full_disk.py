"""On a full disk every command says so in one line, and leaves nothing half-written; an engine starts when it can."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import MakeWorkspace
from tests.support.command_line import photostat
from tests.support.engine_runs import (
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
from tests.support.small_disks import fill, remount, small_disk
from tests.support.waiting import wait_until

LARGE = {"width": 1000, "height": 800}


@pytest.fixture
def full(workspace: MakeWorkspace, tmp_path: Path) -> Iterator[Path]:
    """A workspace on a full disk, with two images done and one failed."""
    with small_disk(tmp_path / "workspace", "3m"):
        root = workspace(images=3)
        source = next((root / "source").rglob("*2.jp2"))
        source.write_bytes(source.read_bytes()[:300])
        photostat("run", "--headless", workspace=root, expect=1)
        (root / "more.csv").write_text(
            "".join(
                f"11111111-2222-4333-8444-{n:012},B,R,{n}.tif,plates,/source/{n}.jp2\n" for n in range(200)
            )
        )
        fill(root)
        yield root


def contents(root: Path) -> dict[str, str]:
    """All files but those that SQLite and the lock keep beside the ledger."""
    return {
        str(path): hashlib.md5(path.read_bytes()).hexdigest()
        for path in sorted(root.rglob("*"))
        if path.is_file() and path.name not in ("ledger.sqlite-wal", "ledger.sqlite-shm", "ledger.lock")
    }


def test_commands_say_so_in_one_line_and_leave_nothing_half_written(full: Path) -> None:
    before, account = contents(full), status(full)["totals"]
    for command in (
        ("add", full / "more.csv"),
        ("requeue", "--all"),
        ("accept", 3, "--reason", "lost"),
        ("run", "--headless"),
        ("run", "--detach"),
        ("report",),
        ("proof",),
        ("init", full / "new"),
        ("demo", full / "demo", "--headless"),
    ):
        refused = photostat(*command, workspace=full, expect=2)
        assert refused.stderr.startswith("photostat: "), command
        assert refused.stderr.count("\n") == 1, command
        assert "full" in refused.stderr or "No space left on device: free space there" in refused.stderr
        assert {k: v for k, v in contents(full).items() if "demo" not in k} == before, command
    assert not (full / "new").exists()
    assert status(full)["totals"] == account
    (full / "ballast").unlink()
    photostat("requeue", "--all", workspace=full)
    assert status(full)["totals"]["pending"] == 1


def held_for_disk(root: Path) -> str:
    document = status(root)
    hold = document["hold"]
    return hold["detail"] if document["state"] == "holding" and hold["reason"] == "disk" else ""


def test_scratch_that_turns_read_only_holds_the_engine_until_it_is_writable(workspace: MakeWorkspace) -> None:
    root = workspace(images=6, **LARGE)
    with small_disk(root / "scratch", "8m"):
        start_engine(root, "--workers", "1")

        def suspended_without_an_open_file() -> bool:
            busy = suspend_busy_worker(root)
            done = remount(root / "scratch", "ro")
            resume_worker(busy)
            return done

        wait_until(suspended_without_an_open_file, "scratch to be read-only")
        assert "Read-only file system" in wait_until(lambda: held_for_disk(root), "the hold")
        assert status(root)["totals"]["failed"] == 0
        assert remount(root / "scratch", "rw")
        photostat("resume", workspace=root)
        totals = wait_for_end(root)["totals"]
        assert (totals["done"], totals["failed"]) == (6, 0)
        assert len(stored_digests(root)) == 6
        assert scratch_contents(root) == []
    output = (root / "logs" / "engine-output.log").read_text()
    assert "Traceback" not in output, output


@pytest.mark.parametrize("error", ["EIO", "EDQUOT"])
def test_scratch_on_a_disk_that_fails_holds_the_engine_until_it_works(
    workspace: MakeWorkspace, hung_sources: HungSources, error: str
) -> None:
    root = workspace(images=4, settings="[engine]\nretries = 0\n", **LARGE)
    disk = hung_sources(root / "scratch")
    start_engine(root, "--workers", "1")
    busy = suspend_busy_worker(root)
    disk.fail(error, "write", "*")
    resume_worker(busy)
    assert "scratch" in wait_until(lambda: held_for_disk(root), "the hold")
    disk.answer()
    photostat("resume", workspace=root)
    totals = wait_for_end(root)["totals"]
    assert (totals["done"], totals["failed"]) == (4, 0)


@pytest.mark.parametrize("fault", ["full", "read-only"])
def test_an_engine_starts_with_a_hold_if_scratch_cannot_be_written(
    workspace: MakeWorkspace, fault: str
) -> None:
    root = workspace(images=3)
    with small_disk(root / "scratch", "1m"):
        if fault == "full":
            fill(root / "scratch")
        else:
            remount(root / "scratch", "ro")
        start_engine(root)
        assert "scratch" in wait_until(lambda: held_for_disk(root), "the hold")
        if fault == "full":
            (root / "scratch" / "ballast").unlink()
        else:
            remount(root / "scratch", "rw")
        photostat("resume", workspace=root)
        assert wait_for_end(root)["totals"]["done"] == 3
