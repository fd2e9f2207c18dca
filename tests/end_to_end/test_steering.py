"""Pause, resume, workers, drain and stop: what each does to a running engine, and that it loses no image."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path
from typing import Any

import pytest

from engine.control.client import EngineClient
from engine.control.recent import Recent, Rest
from engine.workspace import Workspace
from tests.conftest import LARGE, MakeWorkspace
from tests.support.command_line import photostat, start
from tests.support.engine_runs import (
    resume_worker,
    start_engine,
    status,
    stored_digests,
    suspend_busy_worker,
    wait_for_end,
)
from tests.support.jp2_files import Row, representation, write_export
from tests.support.waiting import LONGEST_WAIT_S, wait_until


@pytest.fixture
def root(workspace: MakeWorkspace) -> Path:
    return workspace(images=14, **LARGE)


def test_a_pause_starts_nothing_more_and_resume_continues(root: Path) -> None:
    start_engine(root, "--workers", "1")
    wait_until(lambda: status(root)["totals"]["done"] >= 1, "a first image")
    busy = suspend_busy_worker(root)
    photostat("pause", workspace=root)
    resume_worker(busy)
    wait_until(lambda: status(root)["totals"]["in_flight"] == 0, "the images in flight")
    paused = status(root)
    assert paused["state"] == "paused"
    assert paused["totals"]["pending"] > 0
    photostat("resume", workspace=root)
    assert wait_for_end(root)["totals"]["done"] == 14


def test_a_pause_reads_no_headers_and_fails_no_rows(workspace: MakeWorkspace) -> None:
    root = workspace(images=1, add=False)
    rows = []
    for number in range(20_000):
        source = root / "source" / f"{number}.jp2"
        source.write_bytes(b"no image")
        rows.append(
            Row(representation(number // 5), "B", f"{number}", f"{number}.tif", "plates", str(source))
        )
    write_export(root / "many.csv", rows)
    photostat("add", root / "many.csv", workspace=root)
    start_engine(root, "--workers", "1")
    wait_until(lambda: status(root)["totals"]["failed"] > 0, "a first row that fails")
    photostat("pause", workspace=root)
    before = status(root)
    assert before["state"] == "paused"
    assert before["totals"]["pending"] > 0
    survey = before["survey"]
    assert 0 < survey["read"] < survey["images"] == 20_000
    assert 0 < survey["failed"] == before["totals"]["failed"]
    assert [volume["name"] for volume in before["volumes"]] == ["store", "scratch", "ledger"]
    told = photostat("status", workspace=root).stdout
    assert "headers read " in told and "space of store, scratch and ledger: " in told
    later = wait_until(lambda: _when(root, before["elapsed_seconds"] + 3), "three seconds of the pause")
    assert later["totals"] == before["totals"]
    photostat("resume", workspace=root)
    wait_until(lambda: status(root)["totals"]["failed"] > before["totals"]["failed"], "rows again")
    photostat("stop", workspace=root)
    wait_for_end(root)


def test_an_engine_that_is_paused_keeps_its_rates_and_promises_no_end(workspace: MakeWorkspace) -> None:
    root = workspace(images=14, **LARGE)
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
    recent = wait_until(lambda: _recent_with_pause(root), "a client that attaches later to see the pause")
    assert sum(span.images for span in recent.spans) == later["totals"]["done"]
    assert recent.spans[-1].used_bytes
    photostat("resume", workspace=root)
    assert wait_for_end(root)["totals"]["done"] == 14


def _recent_with_pause(root: Path) -> Recent | None:
    with EngineClient.connect(Workspace(root)) as client:
        recent = client.snapshot().recent
    return recent if recent.spans[-1].rest is Rest.PAUSED else None


def _settled(root: Path) -> dict[str, Any] | None:
    """The status, once two in a row have the same rates."""
    one = status(root)
    other = wait_until(lambda: _when(root, one["elapsed_seconds"] + 0.5), "half a second")
    return other if one["rates"] == other["rates"] else None


def _when(root: Path, elapsed_s: float) -> dict[str, Any] | None:
    document = status(root)
    return document if document["elapsed_seconds"] >= elapsed_s else None


def test_drain_finishes_what_is_in_flight_and_ends(root: Path) -> None:
    start_engine(root)
    busy = suspend_busy_worker(root)
    photostat("drain", workspace=root)
    resume_worker(busy)
    totals = wait_for_end(root)["totals"]
    assert totals["in_flight"] == 0
    assert totals["failed"] == 0
    assert totals["done"] == len(stored_digests(root))


def test_stop_puts_back_what_is_in_flight_without_an_attempt(root: Path) -> None:
    start_engine(root)
    suspend_busy_worker(root)
    photostat("stop", workspace=root)
    totals = wait_for_end(root)["totals"]
    assert totals["failed"] == 0
    photostat("run", "--headless", workspace=root)
    rows = photostat("list", "--json", workspace=root).json
    assert {row["attempts"] for row in rows} == {1}
    assert len(stored_digests(root)) == 14


def test_ctrl_c_drains_and_prints_it(root: Path) -> None:
    process = start("run", "--headless", workspace=root)
    busy = suspend_busy_worker(root)
    process.send_signal(signal.SIGINT)
    wait_until(lambda: status(root)["state"] == "draining", "the engine to drain")
    resume_worker(busy)
    _, printed = process.communicate(timeout=LONGEST_WAIT_S)
    assert process.returncode == 1
    assert "Draining" in printed
    totals = wait_for_end(root)["totals"]
    assert totals["in_flight"] == 0
    assert totals["done"] == len(stored_digests(root))


def test_two_sigterms_stop_the_engine_at_once(root: Path) -> None:
    pid = start_engine(root)
    suspend_busy_worker(root)
    os.kill(pid, signal.SIGTERM)
    wait_until(lambda: status(root)["state"] == "draining", "the first to be heard: signals do not queue")
    os.kill(pid, signal.SIGTERM)
    totals = wait_for_end(root)["totals"]
    assert totals["failed"] == 0
    assert totals["done"] + totals["pending"] + totals["in_flight"] == 14


def test_workers_are_added_and_removed(root: Path) -> None:
    start_engine(root, "--workers", "1")
    busy = suspend_busy_worker(root)
    photostat("workers", "3", workspace=root)
    wait_until(lambda: len(status(root)["workers"]) == 3, "three workers")
    photostat("workers", "1", workspace=root)
    resume_worker(busy)
    wait_until(lambda: len(status(root)["workers"]) == 1, "one worker")
    assert wait_for_end(root)["totals"]["done"] == 14


def test_a_second_engine_is_refused_with_the_pid_of_the_first(root: Path) -> None:
    pid = start_engine(root)
    suspend_busy_worker(root)
    outcome = photostat("run", "--detach", workspace=root, expect=2)
    assert str(pid) in outcome.stderr
    photostat("stop", workspace=root)
    wait_for_end(root)


@pytest.mark.parametrize("command", ["pause", "resume", "drain", "stop"])
def test_commands_without_an_engine_exit_with_3(workspace: MakeWorkspace, command: str) -> None:
    root = workspace(images=1)
    outcome = photostat(command, workspace=root, expect=3)
    assert outcome.stderr.count("\n") == 1


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_watchers_ctrl_c_ends_the_watching_and_nothing_else(
    workspace: MakeWorkspace, number: signal.Signals
) -> None:
    root = workspace(images=6, width=600, height=500)
    pid = start_engine(root, "--workers", "1")
    busy = suspend_busy_worker(root)
    watching = start("run", "--headless", workspace=root)
    assert watching.stderr is not None
    assert "watching it" in watching.stderr.readline()
    assert " of 6, " in watching.stderr.readline()
    for _ in range(2):  # the second one, of an impatient person, changes nothing
        watching.send_signal(number)
    _, printed = watching.communicate(timeout=LONGEST_WAIT_S)
    assert watching.returncode in (1, 128 + number), "images are left"
    assert f"The engine (pid {pid}) keeps running" in printed
    assert status(root)["state"] == "running"
    resume_worker(busy)
    assert wait_for_end(root)["totals"]["done"] == 6


def test_headless_counts_as_status_does(workspace: MakeWorkspace) -> None:
    """A failure is no progress: 3 of 4 when all is over."""
    root = workspace(images=4, width=300, height=250)
    (root / "source").joinpath(_a_source(root)).write_bytes(b"no JPEG 2000")
    printed = photostat("run", "--headless", workspace=root, expect=1).stderr
    assert "finished: 3 of 4, 1 failed" in printed


def _a_source(root: Path) -> Path:
    return next(path.relative_to(root / "source") for path in sorted((root / "source").rglob("*.jp2")))


def test_a_drain_with_clients_attached_leaves_no_traceback(workspace: MakeWorkspace) -> None:
    root = workspace(images=2, width=300, height=250)
    start_engine(root, "--workers", "1")
    with EngineClient.connect(Workspace(root)) as client, EngineClient.connect(Workspace(root)):
        client.snapshot()
        photostat("drain", workspace=root, expect=None)
        wait_for_end(root)
    assert (root / "logs" / "engine-output.log").read_text() == ""


def test_a_watch_ends_with_the_engine_that_it_has_seen(workspace: MakeWorkspace) -> None:
    root = workspace(images=2, **LARGE)
    with start("status", "--watch", "0.2", "--json", workspace=root) as watching:
        assert watching.stdout is not None
        documents = [json.loads(watching.stdout.readline())]
        start_engine(root, "--workers", "1")
        busy = suspend_busy_worker(root)
        while documents[-1]["engine"] is None:
            documents.append(json.loads(watching.stdout.readline()))
        resume_worker(busy)
        documents += map(json.loads, watching.stdout)
        assert watching.wait() == 0
    assert documents[0]["engine"] is None and documents[-1]["engine"] is None
    assert (documents[-1]["state"], documents[-1]["totals"]["done"]) == ("finished", 2)
