"""Real engines and workers, killed at random moments: nothing lost, nothing doubled, nothing half-written."""

from __future__ import annotations

import os
import random
import signal
import time
from pathlib import Path

import psutil
import pyvips

from tests.conftest import MakeWorkspace
from tests.engines import ended, kill_engine, leftovers, listing, started, status, stored
from tests.running import photostat, until

IMAGES = 16
LARGE = {"width": 1000, "height": 800}


def whole(root: Path) -> None:
    """Every file in the store opens from end to end: none is half-written."""
    for path in (root / "out").rglob("*.jpg"):
        pyvips.Image.new_from_file(str(path), fail_on="warning").avg()


def test_an_engine_killed_again_and_again_loses_and_doubles_nothing(workspace: MakeWorkspace) -> None:
    calm = workspace(images=IMAGES, name="calm", **LARGE)
    photostat("run", "--headless", workspace=calm)
    root = workspace(images=IMAGES, name="stormy", **LARGE)
    luck = random.Random(1953)
    for _ in range(6):
        pid = started(root)
        time.sleep(luck.uniform(0.3, 3.0))  # the moment is the point: any will do
        if not psutil.pid_exists(pid):
            break
        kill_engine(pid)
        whole(root)
        assert status(root)["totals"]["rows"] == IMAGES
    photostat("run", "--headless", workspace=root)
    totals = status(root)["totals"]
    assert (totals["done"], totals["failed"]) == (IMAGES, 0)
    assert stored(root) == stored(calm)
    assert leftovers(root) == []


def test_a_killed_worker_costs_its_image_one_attempt(workspace: MakeWorkspace) -> None:
    root = workspace(images=6, width=1400, height=1100)
    started(root, "--workers", "1")
    victim = until(lambda: _busy_worker(root), "a busy worker", 60)
    os.kill(victim["pid"], signal.SIGKILL)
    assert ended(root)["totals"]["done"] == 6
    attempts = {row["id"]: row["attempts"] for row in listing(root)}
    assert attempts.pop(victim["image_id"]) == 2
    assert set(attempts.values()) == {1}


def test_an_image_that_kills_every_worker_fails_and_the_others_are_done(workspace: MakeWorkspace) -> None:
    root = workspace(images=5, width=1400, height=1100, settings="[engine]\nretries = 1\n")
    started(root, "--workers", "1")
    first = until(lambda: _busy_worker(root), "a busy worker", 60)
    doomed = first["image_id"]
    killed: set[int] = set()
    while len(killed) < 2:
        worker = until(lambda: _busy_worker(root, doomed, killed), "the doomed image's next attempt")
        killed.add(worker["pid"])
        os.kill(worker["pid"], signal.SIGSEGV)
    totals = ended(root)["totals"]
    assert (totals["done"], totals["failed"]) == (4, 1)
    (failure,) = photostat("failures", "--json", workspace=root).json
    assert (failure["id"], failure["cause"], failure["attempts"]) == (doomed, "worker-crashed", 2)
    assert "SIGSEGV" in failure["message"]


def test_a_hung_worker_is_stopped_and_its_image_tried_again(workspace: MakeWorkspace) -> None:
    root = workspace(images=4, width=1400, height=1100, settings="[engine]\ntimeout = 8\n")
    started(root, "--workers", "1")
    victim = until(lambda: _stopped_worker(root), "a worker stopped in the middle of an image")
    assert ended(root)["totals"]["done"] == 4
    attempts = {row["id"]: row["attempts"] for row in listing(root)}
    assert attempts[victim["image_id"]] == 2


def test_a_killed_storer_loses_nothing(workspace: MakeWorkspace) -> None:
    root = workspace(images=10, **LARGE)
    pid = started(root)
    until(lambda: status(root)["totals"]["done"] >= 2, "the first images", 90)
    for child in psutil.Process(pid).children():
        if not any(worker["pid"] == child.pid for worker in status(root)["workers"]):
            child.send_signal(signal.SIGKILL)
    assert ended(root)["totals"]["done"] == 10
    whole(root)


def _stopped_worker(root: Path) -> dict[str, int] | None:
    """Stop a busy worker for good; None (and it goes on) where its image was done in that moment."""
    worker = _busy_worker(root)
    if worker is None:
        return None
    os.kill(worker["pid"], signal.SIGSTOP)
    if any(now["image_id"] == worker["image_id"] for now in status(root)["workers"]):
        return worker
    os.kill(worker["pid"], signal.SIGCONT)
    return None


def _busy_worker(
    root: Path, image_id: int | None = None, seen: set[int] | None = None
) -> dict[str, int] | None:
    for worker in status(root)["workers"]:
        wanted = worker["image_id"] is not None and image_id in (None, worker["image_id"])
        if wanted and worker["pid"] not in (seen or ()):
            return worker  # type: ignore[no-any-return]
    return None
