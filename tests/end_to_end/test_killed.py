"""Engines and workers that are killed at random moments: no image is lost, stored twice or half written."""

from __future__ import annotations

import os
import random
import signal
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import pytest
import pyvips

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
from tests.support.waiting import wait_until

IMAGES = 16


def assert_all_whole(root: Path) -> None:
    """Fails if a file in the store cannot be read to its end."""
    for path in (root / "out").rglob("*.jpg"):
        pyvips.Image.new_from_file(str(path), fail_on="warning").avg()


def test_an_engine_killed_again_and_again_loses_and_doubles_nothing(workspace: MakeWorkspace) -> None:
    calm = workspace(images=IMAGES, name="calm", **LARGE)
    photostat("run", "--headless", workspace=calm)
    root = workspace(images=IMAGES, name="stormy", **LARGE)
    luck = random.Random(1953)
    kills = 0
    for _ in range(4):
        pid = start_engine(root)
        time.sleep(luck.uniform(0.3, 2.0))  # the moment is the point: any will do
        kills += kill_engine(pid)
        assert_all_whole(root)
        assert status(root)["totals"]["rows"] == IMAGES
    assert kills > 0
    photostat("run", "--headless", workspace=root)
    totals = status(root)["totals"]
    assert (totals["done"], totals["failed"]) == (IMAGES, 0)
    assert stored_digests(root) == stored_digests(calm)
    assert scratch_contents(root) == []


def test_a_killed_worker_costs_its_image_one_attempt(workspace: MakeWorkspace) -> None:
    root = workspace(images=6, **LARGE)
    start_engine(root, "--workers", "1")
    victim = suspend_busy_worker(root)
    os.kill(victim["pid"], signal.SIGKILL)
    assert wait_for_end(root)["totals"]["done"] == 6
    attempts = {row["id"]: row["attempts"] for row in list_rows(root)}
    assert attempts.pop(victim["image_id"]) == 2
    assert set(attempts.values()) == {1}


def test_an_image_that_kills_every_worker_fails_and_the_others_are_done(workspace: MakeWorkspace) -> None:
    root = workspace(images=5, **LARGE, settings="[engine]\nretries = 1\n")
    start_engine(root, "--workers", "1")
    first = suspend_busy_worker(root)
    crash(first)
    crash(suspend_busy_worker(root, first["image_id"], but={first["pid"]}))
    totals = wait_for_end(root)["totals"]
    assert (totals["done"], totals["failed"]) == (4, 1)
    (failure,) = photostat("failures", "--json", workspace=root).json
    assert (failure["id"], failure["cause"], failure["attempts"]) == (first["image_id"], "worker-crashed", 2)
    assert "SIGSEGV" in failure["message"]


def test_workers_that_end_over_one_image_after_another_hold_the_run_and_cost_no_image(
    workspace: MakeWorkspace,
) -> None:
    root = workspace(images=5, **LARGE, settings="[engine]\nretries = 0\n")
    start_engine(root, "--workers", "1")
    first = suspend_busy_worker(root)
    crash(first)
    second = suspend_busy_worker(root, but={first["pid"]})
    os.kill(second["pid"], signal.SIGKILL)
    held = wait_until(lambda: (now := status(root))["state"] == "holding" and now, "the hold")
    assert held["hold"]["reason"] == "unexpected"
    assert "SIGKILL" in held["hold"]["detail"]
    assert (held["totals"]["failed"], held["totals"]["pending"]) == (0, 5 - held["totals"]["done"])
    photostat("resume", workspace=root)
    totals = wait_for_end(root)["totals"]
    assert (totals["done"], totals["failed"]) == (5, 0)


def crash(worker: dict[str, Any]) -> None:
    """A segmentation fault, which reaches a suspended process when it resumes."""
    os.kill(worker["pid"], signal.SIGSEGV)
    resume_worker(worker)


def test_a_hung_worker_is_stopped_and_its_image_tried_again(workspace: MakeWorkspace) -> None:
    root = workspace(images=4, **LARGE, settings="[engine]\ntimeout = 8\n")
    start_engine(root, "--workers", "1")
    victim = suspend_busy_worker(root)
    assert wait_for_end(root)["totals"]["done"] == 4
    attempts = {row["id"]: row["attempts"] for row in list_rows(root)}
    assert attempts[victim["image_id"]] == 2


KILLED_THREE_TIMES = """
import os
import pathlib
import signal
import sys

import engine.jp2.survey as survey

real = survey.survey_source
kills = pathlib.Path("{kills}")


def killed(request):
    so_far = len(kills.read_bytes())
    if so_far < 3:
        kills.write_bytes(bytes(so_far + 1))
        os.kill(os.getpid(), signal.SIGKILL)
    return real(request)


if any("spawn_main" in argument for argument in sys.orig_argv):
    survey.survey_source = killed
"""


def test_a_surveyor_killed_again_and_again_costs_no_image(
    workspace: MakeWorkspace, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    root = workspace(images=4)
    kills = tmp_path / "kills"
    kills.touch()
    (tmp_path / "patches").mkdir()
    patch = KILLED_THREE_TIMES.format(kills=kills)
    (tmp_path / "patches" / "sitecustomize.py").write_text(patch, encoding="utf-8")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "patches"))
    start_engine(root, "--workers", "1")
    totals = wait_for_end(root)["totals"]
    assert len(kills.read_bytes()) == 3
    assert (totals["done"], totals["failed"]) == (4, 0)


def test_a_killed_uploader_loses_nothing(workspace: MakeWorkspace) -> None:
    root = workspace(images=10, **LARGE)
    pid = start_engine(root, "--workers", "1")
    wait_until(lambda: status(root)["totals"]["done"] >= 2, "the first images")
    busy = suspend_busy_worker(root)
    for child in psutil.Process(pid).children():
        if child.pid != busy["pid"]:
            with suppress(psutil.NoSuchProcess):  # the surveyor ends when it has read every header
                child.kill()
    resume_worker(busy)
    assert wait_for_end(root)["totals"]["done"] == 10
    assert_all_whole(root)
