"""One image that takes too long is skipped or stopped: it is set aside at once, and nothing else is touched."""

from __future__ import annotations

from pathlib import Path

from engine.ledger.reader import LedgerReader
from engine.workspace import Workspace
from tests.conftest import MakeWorkspace
from tests.support.command_line import photostat
from tests.support.engine_runs import (
    list_rows,
    resume_worker,
    scratch_contents,
    start_engine,
    status,
    suspend_busy_worker,
    wait_for_end,
)
from tests.support.hung_sources import HungSources
from tests.support.waiting import wait_until


def order_of_starts(root: Path) -> list[int | None]:
    with LedgerReader(Workspace(root)) as reader:
        return [event.image_id for event in reader.events(limit=1000) if event.kind == "started"]


def test_an_image_is_skipped_or_stopped_whatever_the_engine_does(workspace: MakeWorkspace) -> None:
    root = workspace(images=24, width=600, height=500)
    start_engine(root, "--workers", "1")
    first = suspend_busy_worker(root)["image_id"]
    skipped = photostat("skip", str(first), "--json", workspace=root)
    assert (skipped.json["image"], skipped.json["worker"]) == (first, 1)
    assert f"Skipped: image {first} (" in skipped.stderr and "waits behind all others" in skipped.stderr
    wait_until(
        lambda: first not in [one["image_id"] for one in status(root)["workers"]], "the end of its worker"
    )
    second = suspend_busy_worker(root)["image_id"]
    assert second != first
    assert list(status(root)["skipped"]) == [first]
    photostat("pause", workspace=root)
    stopped = photostat("skip", str(second), "--fail", workspace=root).stdout
    assert stopped.startswith(f"Stopped: image {second} (") and f"`photostat requeue {second}`" in stopped
    now = wait_until(lambda: (one := status(root))["totals"]["in_flight"] == 0 and one, "its end")
    assert (now["state"], now["totals"]["failed"]) == ("paused", 1)
    assert now["totals"]["pending"] + now["totals"]["done"] == 23
    for image, says in (
        (first, "waits, and no worker has it"),
        (second, "is failed already"),
        (99, "no image 99"),
    ):
        refused = photostat("skip", str(image), workspace=root, expect=2)
        assert says in refused.stderr and refused.stderr.count("\n") == 1
    photostat("resume", workspace=root)
    assert wait_for_end(root)["totals"]["done"] == 23
    assert order_of_starts(root)[-1] == first, "behind all others"
    rows = {row["id"]: row for row in list_rows(root)}
    assert rows[first]["attempts"] == 1, "the one that was skipped does not count"
    assert (rows[second]["state"], rows[second]["cause"]) == ("failed", "timed-out")
    assert rows[second]["message"].startswith("stopped by ")
    assert not scratch_contents(root)
    photostat("requeue", str(second), workspace=root)
    photostat("run", "--headless", workspace=root)
    assert status(root)["totals"]["done"] == 24
    with LedgerReader(Workspace(root)) as reader:
        (event,) = [event for event in reader.events(notable=True, limit=1000) if event.kind == "skip"]
    assert event.message.startswith("skipped by ") and event.image_id == first


def test_an_image_whose_source_hangs_is_stopped_and_its_worker_is_left_behind(
    workspace: MakeWorkspace, hung_sources: HungSources
) -> None:
    root = workspace(images=12, width=600, height=500)
    share = hung_sources(root / "source")
    start_engine(root, "--workers", "1")
    busy = suspend_busy_worker(root)
    share.hang("open", "*")
    photostat("skip", str(busy["image_id"]), workspace=root)
    hung = wait_until(lambda: _waiting_worker(root, share.waiting), "a worker that waits for its source")
    photostat("skip", str(hung["image_id"]), "--fail", workspace=root)
    wait_until(lambda: status(root)["totals"]["failed"], "the failure")
    (left,) = wait_until(lambda: status(root)["left_behind"], "the process that no signal ends")
    assert (left["pid"], left["image_id"]) == (hung["pid"], hung["image_id"])
    share.answer()
    assert wait_for_end(root)["totals"]["done"] == 11


def test_an_image_that_only_waits_for_its_source_is_stopped_so_that_the_run_can_end(
    workspace: MakeWorkspace, hung_sources: HungSources
) -> None:
    root = workspace(images=6, settings="[engine]\ntimeout = 3\n")
    share = hung_sources(root / "source")
    source = min((root / "source").rglob("*.jp2"))
    share.hang("read", source.name)
    start_engine(root, "--workers", "1")
    wait_until(lambda: (one := status(root))["hold"] and one["totals"]["done"] == 5, "all but one")
    (image,) = [row["id"] for row in list_rows(root) if row["state"] == "pending"]
    refused = photostat("skip", str(image), workspace=root, expect=2)
    assert "others go before it already: nothing was changed" in refused.stderr
    photostat("skip", str(image), "--fail", workspace=root)
    totals = wait_for_end(root)["totals"]
    assert (totals["done"], totals["failed"]) == (5, 1)
    share.answer()


def test_an_image_that_takes_far_longer_than_its_like_is_overdue(workspace: MakeWorkspace) -> None:
    root = workspace(images=14, width=600, height=500)
    start_engine(root, "--workers", "1")
    first = suspend_busy_worker(root)
    assert first["predicted_seconds"] is None, "nobody can know yet"
    resume_worker(first)
    wait_until(lambda: status(root)["totals"]["done"] >= 6, "six that were measured")
    busy = suspend_busy_worker(root)
    late = wait_until(lambda: (one := status(root)["workers"][0])["overdue"] and one, "it to be overdue")
    assert late["image_id"] == busy["image_id"] and late["seconds"] > 2 * late["predicted_seconds"]
    assert " overdue " in photostat("status", workspace=root).stdout
    resume_worker(busy)
    assert wait_for_end(root)["totals"]["done"] == 14


def _waiting_worker(root: Path, requests: int) -> dict[str, int] | None:
    workers = [worker for worker in status(root)["workers"] if worker["image_id"] is not None]
    return workers[0] if workers and requests else None
