"""A share that goes away and a full disk hold the engine, cost no image, and the holds end by themselves."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import LARGE, MakeWorkspace
from tests.support.command_line import photostat
from tests.support.engine_runs import (
    list_rows,
    resume_worker,
    scratch_contents,
    start_engine,
    status,
    stored_digests,
    suspend_busy_worker,
    wait_for_end,
)
from tests.support.waiting import wait_until

MANY = 24


def test_a_share_that_disappears_holds_the_engine_until_it_is_back(workspace: MakeWorkspace) -> None:
    root = workspace(images=MANY, **LARGE)
    start_engine(root, "--workers", "1")
    wait_until(lambda: status(root)["totals"]["done"] >= 1, "a first image")
    shutil.move(root / "source", root / "elsewhere")
    (root / "source").mkdir()  # as a mount point is when nothing is mounted
    held = wait_until(lambda: _held(root, "source"), "the hold")
    assert held["totals"]["failed"] == 0
    assert "mounted" in held["hold"]["detail"]
    (root / "source").rmdir()
    shutil.move(root / "elsewhere", root / "source")
    totals = wait_for_end(root)["totals"]
    assert (totals["done"], totals["failed"]) == (MANY, 0)


def test_a_share_that_was_never_there_holds_at_once(workspace: MakeWorkspace) -> None:
    root = workspace(images=3)
    shutil.move(root / "source", root / "elsewhere")
    (root / "source").mkdir()
    start_engine(root)
    held = wait_until(lambda: _held(root, "source"), "the hold")
    assert held["totals"] == held["totals"] | {"pending": 3, "failed": 0}
    shutil.move(root / "elsewhere", root / "moved")
    photostat("stop", workspace=root)
    wait_for_end(root)


def test_after_a_resume_missing_sources_fail(workspace: MakeWorkspace) -> None:
    root = workspace(images=3)
    shutil.rmtree(root / "source")
    (root / "source").mkdir()
    start_engine(root)
    wait_until(lambda: _held(root, "source"), "the hold")
    photostat("resume", workspace=root)
    totals = wait_for_end(root)["totals"]
    assert totals["failed"] == 3


def test_a_resume_in_one_outage_says_nothing_about_the_next(workspace: MakeWorkspace) -> None:
    root = workspace(images=MANY, **LARGE)
    start_engine(root, "--workers", "1")
    wait_until(lambda: status(root)["totals"]["done"] >= 1, "a first image")
    busy = suspend_busy_worker(root)
    (root / "source").rename(root / "away")
    resume_worker(busy)
    wait_until(lambda: _held(root, "source"), "the hold")
    done = status(root)["totals"]["done"]
    (root / "away").rename(root / "source")
    photostat("resume", workspace=root)
    wait_until(lambda: status(root)["totals"]["done"] > done, "an image after the outage")
    busy = suspend_busy_worker(root)
    (root / "source").rename(root / "away")
    resume_worker(busy)
    held = wait_until(lambda: _held(root, "source"), "the second hold")
    assert held["totals"]["failed"] == 0
    (root / "away").rename(root / "source")
    totals = wait_for_end(root)["totals"]
    assert (totals["done"], totals["failed"]) == (MANY, 0)


FAULT = """
import pathlib
import sys

from engine.failures import Cause
from engine.messages import FaultKind
from engine.store.base import StoreError
from engine.{module} import {owner} as patched

real = patched.{function}


def faulty(*arguments, **options):
    if pathlib.Path("{flag}").exists():
        raise {error}
    return real(*arguments, **options)


if any("spawn_main" in argument for argument in sys.orig_argv):
    patched.{function} = faulty
"""


@pytest.mark.parametrize(
    ("module", "owner", "function", "error"),
    [
        ("jp2", "survey", "survey_source", 'RuntimeError("nobody foresaw this")'),
        ("conversion", "convert", "convert_image", 'RuntimeError("nobody foresaw this")'),
        (
            "store.local",
            "LocalStore",
            "put",
            'StoreError(FaultKind.ITEM, Cause.INTERNAL, "nobody foresaw this")',
        ),
    ],
)
def test_a_fault_that_nobody_foresaw_holds_the_run_and_costs_no_image(
    workspace: MakeWorkspace,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    module: str,
    owner: str,
    function: str,
    error: str,
) -> None:
    root = workspace(images=MANY, settings="[engine]\nretries = 0\n")
    flag = tmp_path / "faulty"
    flag.touch()
    (tmp_path / "patches").mkdir()
    patch = FAULT.format(module=module, owner=owner, function=function, error=error, flag=flag)
    (tmp_path / "patches" / "sitecustomize.py").write_text(patch, encoding="utf-8")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "patches"))
    start_engine(root, "--workers", "1")
    held = wait_until(lambda: _held(root, "unexpected"), "the hold")
    assert held["totals"]["failed"] == 0
    assert "nobody foresaw this" in held["hold"]["detail"]
    flag.unlink()
    photostat("resume", workspace=root)
    totals = wait_for_end(root)["totals"]
    assert (totals["done"], totals["failed"]) == (MANY, 0)


KILLED_FOR_MEMORY = """
import os
import pathlib
import signal
import sys

if any("spawn_main" in argument for argument in sys.orig_argv):
    import engine.conversion.convert as patched

    real = patched.convert_image

    def killed(*arguments, **options):
        if pathlib.Path("{flag}").exists():
            os.kill(os.getpid(), signal.SIGKILL)
        return real(*arguments, **options)

    patched.convert_image = killed
elif "engine" in sys.orig_argv:
    from engine.hosts.oom_kills import OomKillDetector

    OomKillDetector.was_oom_killed = lambda detector, child: child.exit_code == -signal.SIGKILL
"""


def test_images_that_the_kernel_kills_for_memory_one_after_another_hold_the_run(
    workspace: MakeWorkspace, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Even alone: then something else takes the memory, and no image is too large."""
    root = workspace(images=MANY)
    flag = tmp_path / "faulty"
    flag.touch()
    (tmp_path / "patches").mkdir()
    patch = KILLED_FOR_MEMORY.format(flag=flag)
    (tmp_path / "patches" / "sitecustomize.py").write_text(patch, encoding="utf-8")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "patches"))
    start_engine(root, "--workers", "1")
    held = wait_until(lambda: _held(root, "unexpected"), "the hold")
    assert held["totals"]["failed"] == 0
    assert "killed by the kernel for memory" in held["hold"]["detail"]
    flag.unlink()
    photostat("resume", workspace=root)
    totals = wait_for_end(root)["totals"]
    assert (totals["done"], totals["failed"]) == (MANY, 0)


def with_another_share(root: Path) -> int:
    """Adds a representation on a second share; returns how many images there are now."""
    source = root / "other" / "r" / "lone.jp2"
    source.parent.mkdir(parents=True)
    shutil.copy(next((root / "source").rglob("*.jp2")), source)
    export = root / "other.csv"
    export.write_text(
        f"11111111-2222-4333-8444-555555555555,B,R,lone.tif,plates,{source}\n", encoding="utf-8"
    )
    photostat("add", export, "--batch", "other", workspace=root)
    rows: int = status(root)["totals"]["rows"]
    return rows


@pytest.mark.parametrize(
    "left", ["empty", *(pytest.param(one, marks=pytest.mark.soak) for one in ("nothing", "stray"))]
)
def test_a_mount_that_disappears_during_a_run_costs_no_image(workspace: MakeWorkspace, left: str) -> None:
    root = workspace(images=MANY, **LARGE)
    rows = with_another_share(root)
    start_engine(root, "--workers", "1")
    wait_until(lambda: status(root)["totals"]["done"] >= 1, "a first image")
    busy = suspend_busy_worker(root)
    (root / "source").rename(root / "away")
    if left != "nothing":
        (root / "source").mkdir()
    if left == "stray":
        (root / "source" / "NOT_MOUNTED").touch()
    resume_worker(busy)
    held = wait_until(lambda: _held(root, "source"), "the hold")
    assert held["totals"]["failed"] == 0
    assert str(root / "source") in held["hold"]["detail"]
    shutil.rmtree(root / "source", ignore_errors=True)
    (root / "away").rename(root / "source")
    totals = wait_for_end(root)["totals"]
    assert (totals["done"], totals["failed"]) == (rows, 0)


def test_a_mount_that_is_not_there_when_the_engine_starts_costs_no_image(workspace: MakeWorkspace) -> None:
    root = workspace(images=MANY, **LARGE)
    rows = with_another_share(root)
    start_engine(root, "--workers", "1")
    wait_until(lambda: status(root)["totals"]["done"] >= 1, "a first image")
    photostat("stop", workspace=root)
    wait_for_end(root)
    (root / "source").rename(root / "away")
    found = photostat("check", "--json", workspace=root, expect=1).json
    assert found["share"] == f"{root / 'source'} is not there: is the share mounted?"
    start_engine(root, "--workers", "1")
    held = wait_until(lambda: _held(root, "source"), "the hold")
    assert held["totals"]["failed"] == 0
    (root / "away").rename(root / "source")
    assert wait_for_end(root)["totals"]["done"] == rows


@pytest.mark.parametrize("settings", ["", '[manifest]\nroot = "flat"\n'])
def test_a_flat_directory_with_nothing_but_lost_and_found_is_a_share_that_is_away(
    workspace: MakeWorkspace, settings: str
) -> None:
    root = workspace(images=8, add=False, settings=settings)
    flat = root / "flat"
    (flat / "lost+found").mkdir(parents=True)
    rows = []
    for number, source in enumerate(sorted((root / "source").rglob("*.jp2"))):
        path = source.name if settings else flat / source.name
        rows.append(f"11111111-2222-4333-8444-{number:012},B,R,{source.stem}.tif,plates,{path}\n")
    (root / "flat.csv").write_text("".join(rows), encoding="utf-8")
    photostat("add", root / "flat.csv", workspace=root)
    start_engine(root)
    held = wait_until(lambda: _held(root, "source"), "the hold")
    assert held["totals"]["failed"] == 0
    assert held["hold"]["detail"] == f"{flat} is empty: is the share mounted?"
    for source in (root / "source").rglob("*.jp2"):
        shutil.copy(source, flat)
    assert wait_for_end(root)["totals"]["done"] == 8


@pytest.mark.parametrize("left", ["nothing", "empty"])
def test_one_representation_that_is_not_there_costs_its_own_images_only(
    workspace: MakeWorkspace, left: str
) -> None:
    root = workspace(images=20)
    lost = sorted((root / "source").iterdir())[1]
    shutil.rmtree(lost)
    if left == "empty":
        lost.mkdir()
    found = photostat("check", "--json", workspace=root, expect=1).json
    assert found["share"] is None
    assert len(found["findings"]) == 5
    photostat("run", "--headless", workspace=root, expect=1)
    totals = status(root)["totals"]
    assert (totals["done"], totals["failed"]) == (15, 5)
    failures = photostat("failures", "--json", workspace=root).json
    assert {(row["cause"], Path(row["source"]).parent) for row in failures} == {("source-missing", lost)}


def test_a_source_that_disappears_after_its_survey_costs_its_own_image_only(workspace: MakeWorkspace) -> None:
    root = workspace(images=10, **LARGE)
    start_engine(root, "--workers", "1")
    busy = suspend_busy_worker(root)
    waiting = wait_until(
        lambda: next((row for row in list_rows(root) if row["state"] == "pending" and row["width"]), None),
        "an image that was looked at and waits",
    )
    Path(waiting["source"]).unlink()
    resume_worker(busy)
    totals = wait_for_end(root)["totals"]
    assert (totals["done"], totals["failed"]) == (9, 1)
    (failure,) = photostat("failures", "--json", workspace=root).json
    assert (failure["id"], failure["cause"]) == (waiting["id"], "source-missing")


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
    start_engine(root)
    held = wait_until(lambda: _held(root, "disk"), "the hold")
    assert held["totals"]["failed"] == 0
    subprocess.run(["mount", "-o", "remount,size=8m", str(root / "scratch")], check=True)
    totals = wait_for_end(root)["totals"]
    assert (totals["done"], totals["failed"]) == (6, 0)
    assert len(stored_digests(root)) == 6
    assert scratch_contents(root) == []


def _held(root: Path, reason: str) -> dict[str, Any] | None:
    document = status(root)
    hold = document["hold"]
    return document if document["state"] == "holding" and hold["reason"] == reason else None
