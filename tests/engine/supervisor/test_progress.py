"""Rates and the time to go: measured over work, whatever pauses and holds lie between."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from engine.ledger.account import Outstanding
from engine.supervisor.progress import WINDOW_S, Finished, Progress
from tests.conftest import MakeWorkspace
from tests.support.command_line import photostat
from tests.support.engine_runs import resume_worker, start_engine, status, suspend_busy_worker, wait_for_end
from tests.support.waiting import wait_until

LEFT = Outstanding(surveyed=100, megapixels=1000.0, unsurveyed=0)


def working(progress: Progress, since: float, seconds: int, share: float = 1.0) -> float:
    """A second at a time, an image of ten megapixels every second."""
    for second in range(1, seconds + 1):
        progress.pass_time(since + second, share)
        progress.add(Finished(since + second, 10.0, 1000, 500))
    return since + seconds


def passing(progress: Progress, since: float, seconds: int, share: float = 0.0) -> float:
    for second in range(1, seconds + 1):
        progress.pass_time(since + second, share)
    return since + seconds


def test_a_pause_changes_neither_rates_nor_what_is_left() -> None:
    progress = Progress(1000.0)
    now = working(progress, 1000.0, 30)
    rates, left = progress.rates(), progress.eta_s(now, lambda: LEFT)
    assert rates.images_per_s == pytest.approx(1.0)
    assert left == pytest.approx(100.0)
    now = passing(progress, now, 3600)
    assert progress.rates() == rates
    assert progress.eta_s(now, lambda: LEFT) == left
    now = working(progress, now, 30)
    assert progress.rates().megapixels_per_s == pytest.approx(10.0)


def test_a_time_without_results_counts_while_the_engine_runs() -> None:
    progress = Progress(0.0)
    now = working(progress, 0.0, 30)
    passing(progress, now, 30, share=1.0)
    assert progress.rates().images_per_s == pytest.approx(0.5)


def test_the_tail_of_a_pause_counts_by_the_share_of_the_workers() -> None:
    """One of four workers goes on for forty seconds, and finishes a quarter of what four would have."""
    progress = Progress(0.0)
    now = working(progress, 0.0, 30)
    for _ in range(10):
        now = passing(progress, now, 4, share=0.25)
        progress.add(Finished(now, 10.0, 1000, 500))
    assert progress.rates().images_per_s == pytest.approx(1.0)


def test_only_the_last_minutes_of_work_count() -> None:
    progress = Progress(0.0)
    now = working(progress, 0.0, 1000)
    for _ in range(int(WINDOW_S)):
        now = passing(progress, now, 1, share=1.0)
        progress.add(Finished(now, 40.0, 1000, 500))
    assert progress.rates().megapixels_per_s == pytest.approx(40.0, rel=0.02)


def test_a_machine_that_slept_did_not_work() -> None:
    progress = Progress(0.0)
    now = working(progress, 0.0, 60)
    progress.pass_time(now + 8 * 3600)
    assert progress.rates().images_per_s == pytest.approx(1.0, rel=0.1)


def test_nobody_knows_before_the_first_image() -> None:
    progress = Progress(0.0)
    progress.pass_time(4.0)
    assert progress.eta_s(4.0, lambda: LEFT) is None


def test_an_engine_that_is_paused_keeps_its_rates_and_promises_no_end(workspace: MakeWorkspace) -> None:
    root = workspace(images=14, width=1100, height=900)
    start_engine(root, "--workers", "1")
    wait_until(lambda: status(root)["totals"]["done"] >= 1, "a first image")
    busy = suspend_busy_worker(root)
    photostat("pause", workspace=root)
    resume_worker(busy)
    wait_until(lambda: status(root)["totals"]["in_flight"] == 0, "the images in flight")
    before = wait_until(lambda: _settled(root), "the last step of the pause")
    later = wait_until(lambda: _when(root, before["elapsed_seconds"] + 3), "three seconds of the pause")
    assert later["state"] == "paused"
    assert later["rates"] == before["rates"] and later["rates"]["images_per_s"] > 0
    assert before["eta_seconds"] is later["eta_seconds"] is None
    photostat("resume", workspace=root)
    assert wait_for_end(root)["totals"]["done"] == 14


def _settled(root: Path) -> dict[str, Any] | None:
    """When two pictures in a row have the same rates."""
    one = status(root)
    other = wait_until(lambda: _when(root, one["elapsed_seconds"] + 0.5), "half a second")
    return other if one["rates"] == other["rates"] else None


def _when(root: Path, elapsed_s: float) -> dict[str, Any] | None:
    document = status(root)
    return document if document["elapsed_seconds"] >= elapsed_s else None
