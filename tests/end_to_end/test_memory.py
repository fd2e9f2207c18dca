"""A real engine short of memory: in a control group, beside another program that takes most of it."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bench.giants import Giant, write_giant
from engine.ledger.reader import LedgerReader
from engine.memory import cgroup
from engine.workspace import Workspace
from tests.conftest import MakeWorkspace
from tests.support.cgroups import MIB, MakeGroup, run_inside
from tests.support.cgroups import memory_group as memory_group
from tests.support.command_line import COMMAND, photostat
from tests.support.engine_runs import (
    list_rows,
    resume_worker,
    status,
    stored_digests,
    suspend_busy_worker,
    wait_for_end,
)
from tests.support.jp2_files import Row, representation, write_export
from tests.support.memory_hog import hogging
from tests.support.waiting import wait_until

MakeGiants = Callable[..., Path]


@pytest.fixture(scope="module")
def giants(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Two images of 13 and 17 megapixels, which take some seconds to decode."""
    directory = tmp_path_factory.mktemp("giants")
    paths = []
    for number, giant in enumerate((Giant(4096, 4096), Giant(4096, 3072))):
        paths.append(directory / f"giant_{number}.jp2")
        write_giant(paths[-1], giant)
    return paths


@pytest.fixture
def root(tmp_path: Path, giants: list[Path]) -> MakeGiants:
    """`root(settings)` gives a workspace with the large images pending, the larger first."""

    def make(settings: str, name: str = "workspace") -> Path:
        workspace = tmp_path / name
        photostat("init", workspace)
        (workspace / "photostat.toml").write_text(settings)
        rows = [
            Row(representation(n), f"B{n}", f"99{n}", f"{path.stem}.tif", "maps", str(path))
            for n, path in enumerate(giants)
        ]
        write_export(workspace / "export.csv", rows)
        photostat("add", workspace / "export.csv", "--batch", "maps", workspace=workspace)
        return workspace

    return make


def start_inside(group: cgroup.Group, root: Path, *options: str) -> None:
    done = run_inside(group, [*COMMAND, "-C", str(root), "run", "--detach", *options])
    assert done.returncode == 0, done.stderr


def available(root: Path) -> int:
    """The available memory that the engine reports, in MiB."""
    return int(status(root)["memory"]["available"]) // MIB


def decoding(root: Path) -> dict[str, Any] | None:
    """The worker that decodes, if it has taken some memory."""
    workers = status(root)["workers"]
    return next((w for w in workers if w["phase"] == "decoding" and w["rss_bytes"] > 150 * MIB), None)


def halted_in_decoding(root: Path) -> int:
    """Suspends the worker that decodes, so that it is not done before memory is short; returns its pid."""
    pid = int(wait_until(lambda: decoding(root), "an image that is being decoded")["pid"])
    os.kill(pid, signal.SIGSTOP)
    return pid


def events(root: Path) -> str:
    with LedgerReader(Workspace(root)) as reader:
        return "\n".join(event.message for event in reader.events(limit=1000))


def attempts(root: Path) -> list[int]:
    return [row["attempts"] for row in list_rows(root)]


def test_below_the_floor_it_holds_and_continues_by_itself(
    workspace: MakeWorkspace, memory_group: MakeGroup
) -> None:
    root = workspace(images=30, width=900, height=700, settings='[engine]\nmemory_floor = "400MiB"\n')
    group = memory_group(1500 * MIB)
    start_inside(group, root, "--workers", "1")
    wait_until(lambda: status(root)["totals"]["done"] >= 1, "a first image")
    busy = suspend_busy_worker(root)
    with hogging(available(root) - 320, group):
        held = wait_until(lambda: s if (s := status(root))["state"] == "holding" else None, "the hold")
        resume_worker(busy)
        assert held["hold"]["reason"] == "memory"
        assert "400 MiB must stay free" in held["hold"]["detail"]
        wait_until(lambda: status(root)["totals"]["in_flight"] == 0, "the images in flight")
        assert status(root)["totals"]["pending"] > 0
    assert wait_for_end(root)["totals"]["done"] == 30
    assert set(attempts(root)) == {1}
    assert "there is memory again" in events(root)


def test_below_half_the_floor_a_worker_is_stopped_and_its_image_loses_no_attempt(
    root: MakeGiants, memory_group: MakeGroup
) -> None:
    place, group = root('[engine]\nmemory_floor = "800MiB"\n'), memory_group(2500 * MIB)
    start_inside(group, place, "--workers", "1")
    halted_in_decoding(place)
    with hogging(available(place) - 300, group):
        wait_until(lambda: "stopped to free memory" in events(place), "a worker that is spared")
        assert status(place)["totals"]["failed"] == 0
    assert wait_for_end(place)["totals"]["done"] == 2
    assert attempts(place) == [1, 1]
    assert cgroup.oom_kills(group) == 0


def test_a_worker_that_the_kernel_kills_is_recognised_and_its_image_done_alone(
    root: MakeGiants, memory_group: MakeGroup
) -> None:
    place, group = root('[engine]\nmemory_floor = "1MiB"\n'), memory_group(1000 * MIB)
    start_inside(group, place, "--workers", "1")
    worker = halted_in_decoding(place)
    with hogging(available(place), group) as hog:
        hog.take_until_it_is_killed(worker)  # not the hog, nor the supervisor
        wait_until(lambda: "killed by the kernel for memory" in events(place), "the kernel's choice")
    assert wait_for_end(place)["totals"]["done"] == 2
    assert sorted(attempts(place)) == [1, 2]


@pytest.mark.soak
def test_idle_workers_that_the_kernel_kills_are_replaced_when_there_is_memory_again(
    workspace: MakeWorkspace, memory_group: MakeGroup
) -> None:
    root, group = workspace(images=30, width=900, height=700), memory_group(1200 * MIB)
    start_inside(group, root, "--workers", "2")
    wait_until(lambda: status(root)["totals"]["done"] >= 1, "a first image")
    busy = suspend_busy_worker(root)
    photostat("pause", workspace=root)
    resume_worker(busy)
    wait_until(lambda: status(root)["totals"]["in_flight"] == 0, "idle workers")
    wait_until(lambda: len(status(root)["workers"]) == 2, "two of them")
    with hogging(available(root), group) as hog:
        hog.take_until_the_kernel_kills()
        wait_until(
            lambda: "for memory; new ones start when there is room" in events(root), "the kernel's choice"
        )
        kills = cgroup.oom_kills(group)
        held = status(root)
        assert (held["state"], held["hold"]["reason"]) == ("paused", "memory")
        later = held["elapsed_seconds"] + 5
        wait_until(lambda: status(root)["elapsed_seconds"] > later, "five seconds of the hold")
        assert cgroup.oom_kills(group) == kills, "nobody was started to be killed"
    assert "SIGKILL" not in events(root)
    assert events(root).count("for memory; new ones") <= 4, (
        "two workers a hog; one hog is likely, two are possible"
    )
    photostat("resume", workspace=root)
    assert wait_for_end(root)["totals"]["done"] == 30
    assert set(attempts(root)) == {1}


def test_an_image_that_does_not_fit_whole_gives_the_same_jpeg(
    root: MakeGiants, memory_group: MakeGroup
) -> None:
    calm, tight, group = root("", "calm"), root("", "tight"), memory_group(340 * MIB)
    photostat("run", "--headless", workspace=calm)
    start_inside(group, tight, "--workers", "2")
    assert wait_for_end(tight)["totals"]["done"] == 2
    assert cgroup.oom_kills(group) == 0
    assert (modes_of(calm), modes_of(tight)) == ({"whole"}, {"strips"})
    assert stored_digests(tight) == stored_digests(calm)


def modes_of(root: Path) -> set[str]:
    """How the larger image was decoded, in all its attempts."""
    with LedgerReader(Workspace(root)) as reader:
        return {attempt.mode for attempt in reader.attempts(1)}


def test_all_processes_stay_within_memory_limit(root: MakeGiants) -> None:
    place = root('[engine]\nmemory_limit = "700MiB"\n')
    photostat("run", "--detach", "--workers", "2", workspace=place)
    least = 700 * MIB

    def over() -> bool:
        nonlocal least
        document = status(place)
        if document["engine"]:
            least = min(least, document["memory"]["available"])
        return document["engine"] is None

    wait_until(over, "the engine's end")
    assert status(place)["totals"]["done"] == 2
    assert least >= 70 * MIB, "never below the floor by our own doing"
