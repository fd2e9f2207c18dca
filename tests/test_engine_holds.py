"""What is not the image's fault holds the engine: a share that goes away, a full disk. Both end by themselves."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import MakeWorkspace
from tests.engines import ended, leftovers, started, status, stored
from tests.running import photostat, until

LARGE = {"width": 1000, "height": 800}
MANY = 24


def test_a_share_that_disappears_holds_the_engine_until_it_is_back(workspace: MakeWorkspace) -> None:
    root = workspace(images=MANY, **LARGE)
    started(root, "--workers", "1")
    until(lambda: status(root)["totals"]["done"] >= 1, "a first image", 90)
    shutil.move(root / "source", root / "elsewhere")
    (root / "source").mkdir()  # as a mount point is when nothing is mounted
    held = until(lambda: _held(root, "source"), "the hold", 60)
    assert held["totals"]["failed"] == 0
    assert "mounted" in held["hold"]["detail"]
    (root / "source").rmdir()
    shutil.move(root / "elsewhere", root / "source")
    totals = ended(root)["totals"]
    assert (totals["done"], totals["failed"]) == (MANY, 0)


def test_a_share_that_was_never_there_holds_at_once(workspace: MakeWorkspace) -> None:
    root = workspace(images=3)
    shutil.move(root / "source", root / "elsewhere")
    (root / "source").mkdir()
    started(root)
    held = until(lambda: _held(root, "source"), "the hold", 60)
    assert held["totals"] == held["totals"] | {"pending": 3, "failed": 0}
    shutil.move(root / "elsewhere", root / "moved")
    photostat("stop", workspace=root)
    ended(root)


def test_a_person_who_resumes_takes_missing_sources_for_what_they_are(workspace: MakeWorkspace) -> None:
    root = workspace(images=3)
    shutil.rmtree(root / "source")
    (root / "source").mkdir()
    started(root)
    until(lambda: _held(root, "source"), "the hold", 60)
    photostat("resume", workspace=root)
    totals = ended(root)["totals"]
    assert totals["failed"] == 3


@pytest.fixture
def small_scratch(workspace: MakeWorkspace) -> Iterator[Path]:
    """A workspace whose scratch is a file system of 64 kB."""
    root = workspace(images=6, **LARGE)
    scratch = root / "scratch"
    scratch.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(scratch)], capture_output=True, check=False
    )
    if mounted.returncode != 0:
        pytest.skip("a small file system for scratch can only be mounted by root")
    yield root
    subprocess.run(["umount", str(scratch)], check=True)


def test_a_full_scratch_holds_the_engine_until_there_is_room(small_scratch: Path) -> None:
    root = small_scratch
    started(root)
    held = until(lambda: _held(root, "disk"), "the hold", 60)
    assert held["totals"]["failed"] == 0
    subprocess.run(["mount", "-o", "remount,size=64m", str(root / "scratch")], check=True)
    totals = ended(root)["totals"]
    assert (totals["done"], totals["failed"]) == (6, 0)
    assert len(stored(root)) == 6
    assert leftovers(root) == []


def _held(root: Path, reason: str) -> dict[str, Any] | None:
    document = status(root)
    hold = document["hold"]
    return document if document["state"] == "holding" and hold["reason"] == reason else None
