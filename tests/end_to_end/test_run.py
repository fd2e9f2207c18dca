"""Whole runs from the command line: the account, the failures, requeueing, a second run."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import psutil
import pytest
import pyvips

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
from tests.support.jp2_files import cut, make_jp2
from tests.support.waiting import has_ended, wait_until


def test_every_row_becomes_a_jpeg_in_the_store(workspace: MakeWorkspace) -> None:
    root = workspace(images=12)
    photostat("run", "--headless", workspace=root)
    totals = status(root)["totals"]
    assert totals == {"rows": 12, "pending": 0, "in_flight": 0, "done": 12, "failed": 0, "accepted": 0}
    rows = list_rows(root)
    assert sorted(row["target"] for row in rows) == sorted(stored_digests(root))
    for row in rows:
        image = pyvips.Image.new_from_file(str(root / "out" / row["target"]), fail_on="warning")
        assert (image.width, image.height) == (row["width"], row["height"])
        assert row["state"] == "done"
        assert row["attempts"] == 1
        assert row["psnr"] > 30


def test_a_second_run_has_nothing_to_do(workspace: MakeWorkspace) -> None:
    root = workspace(images=3)
    photostat("run", "--headless", workspace=root)
    before = {path: path.stat().st_mtime_ns for path in (root / "out").rglob("*.jpg")}
    photostat("run", "--headless", workspace=root)
    assert {path: path.stat().st_mtime_ns for path in (root / "out").rglob("*.jpg")} == before
    told = photostat("events", "--json", workspace=root).json[-1]["message"]
    assert told == "finished, without anything done: 3 images: 3 done"


def test_a_run_without_rows_says_how_they_are_added(workspace: MakeWorkspace) -> None:
    root = workspace(images=1, add=False)
    assert "`photostat add EXPORT.csv` adds images" in photostat("run", "--headless", workspace=root).stderr


def test_a_bad_image_costs_only_itself(workspace: MakeWorkspace) -> None:
    root = workspace(images=8)
    sources = sorted((root / "source").rglob("*.jp2"))
    sources[0].unlink()
    cut(sources[1], sources[1].stat().st_size * 2 // 3)
    sources[2].write_bytes(b"II*\0" + bytes(200))
    sources[3].write_bytes(b"")
    outcome = photostat("run", "--headless", workspace=root, expect=1)
    assert "Traceback" not in outcome.stdout + outcome.stderr
    failures = {row["source"]: row for row in photostat("failures", "--json", workspace=root).json}
    causes = [failures[str(path)]["cause"] for path in sources[:4]]
    assert causes == ["source-missing", "truncated", "not-jpeg2000", "not-jpeg2000"]
    assert all(row["message"] and row["remedy"] for row in failures.values())
    assert status(root)["totals"]["done"] == 4
    assert len(stored_digests(root)) == 4
    assert scratch_contents(root) == []


def test_a_source_that_was_put_back_is_done_after_a_requeue(workspace: MakeWorkspace) -> None:
    root = workspace(images=4)
    source = sorted((root / "source").rglob("*.jp2"))[0]
    kept = source.with_suffix(".kept")
    shutil.move(source, kept)
    photostat("run", "--headless", workspace=root, expect=1)
    shutil.move(kept, source)
    photostat("requeue", "--cause", "source-missing", workspace=root)
    photostat("run", "--headless", workspace=root)
    assert status(root)["totals"]["done"] == 4


def test_an_accepted_failure_leaves_the_account_balanced(workspace: MakeWorkspace) -> None:
    root = workspace(images=3)
    sorted((root / "source").rglob("*.jp2"))[0].unlink()
    photostat("run", "--headless", workspace=root, expect=1)
    (failure,) = photostat("failures", "--json", workspace=root).json
    photostat("accept", str(failure["id"]), "--reason", "lost in the flood of 1953", workspace=root)
    totals = status(root)["totals"]
    assert (totals["done"], totals["failed"], totals["accepted"]) == (2, 0, 1)
    photostat("run", "--headless", workspace=root)


def test_one_batch_leaves_the_others_pending(workspace: MakeWorkspace, tmp_path: Path) -> None:
    root = workspace(images=2, batch="plates")
    more = tmp_path / "more.jp2"
    make_jp2(more, 64, 48)
    export = root / "more.csv"
    export.write_text(f"11111111-2222-4333-8444-555555555555,B9,R9,m.tif,maps,{more}\n", encoding="utf-8")
    photostat("add", export, "--batch", "maps", workspace=root)
    photostat("run", "--headless", "--batch", "maps", workspace=root)
    batches = {batch["name"]: batch for batch in status(root)["batches"]}
    assert (batches["plates"]["pending"], batches["maps"]["done"]) == (2, 1)


def test_an_unknown_batch_is_one_clear_line(workspace: MakeWorkspace) -> None:
    root = workspace(images=1)
    outcome = photostat("run", "--headless", "--batch", "platse", workspace=root, expect=2)
    assert "platse" in outcome.stderr
    assert "plates" in outcome.stderr
    assert outcome.stderr.count("\n") == 1


def test_a_restart_with_other_settings_leaves_what_is_done(workspace: MakeWorkspace) -> None:
    root = workspace(images=2)
    photostat("run", "--headless", workspace=root)
    before = stored_digests(root)
    (root / "photostat.toml").write_text("[jpeg]\nquality = 50\n", encoding="utf-8")
    photostat("run", "--headless", workspace=root)
    assert stored_digests(root) == before


def test_a_foreign_object_is_never_overwritten(workspace: MakeWorkspace) -> None:
    root = workspace(images=2)
    target = root / "out" / list_rows(root)[0]["target"]
    target.parent.mkdir(parents=True)
    target.write_bytes(b"somebody else's")
    photostat("run", "--headless", workspace=root, expect=1)
    assert target.read_bytes() == b"somebody else's"
    (failure,) = photostat("failures", "--json", workspace=root).json
    assert failure["cause"] == "store-mismatch"


def put_others_in_place(root: Path) -> list[Path]:
    """Another file is at every target."""
    targets = [root / "out" / row["target"] for row in list_rows(root)]
    for target in targets:
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(b"somebody else's")
    return targets


def hold_of(root: Path) -> str:
    """The detail of the hold, for which this waits."""
    hold = wait_until(lambda: status(root)["hold"], "the hold")
    assert status(root)["totals"]["failed"] < 5
    return str(hold["detail"])


def test_a_store_full_of_others_objects_holds_and_costs_no_image(workspace: MakeWorkspace) -> None:
    root = workspace(images=9)
    others = put_others_in_place(root)
    start_engine(root)
    assert "Is this the right store?" in hold_of(root)
    for other in others:
        other.unlink()
    totals = wait_for_end(root)["totals"]
    assert (totals["done"], totals["failed"]) == (9, 0)


def test_images_that_are_right_to_fail_do_so_after_a_resume(workspace: MakeWorkspace) -> None:
    root = workspace(images=9)
    others = put_others_in_place(root)
    start_engine(root)
    assert "the next hold comes after 40 in a row" in hold_of(root)
    photostat("resume", workspace=root)
    totals = wait_for_end(root)["totals"]
    assert (totals["done"], totals["failed"]) == (0, 9)
    assert {other.read_bytes() for other in others} == {b"somebody else's"}


def test_the_log_has_a_line_for_every_step_of_every_image(workspace: MakeWorkspace) -> None:
    root = workspace(images=3)
    photostat("run", "--headless", workspace=root)
    (log,) = sorted((root / "logs").glob("run-*.log"))
    lines = [line.split("\t") for line in log.read_text(encoding="utf-8").splitlines()]
    assert {len(line) for line in lines} == {8}
    for row in list_rows(root):
        steps = [line[7].split(":")[0] for line in lines if line[4] == str(row["id"])]
        assert steps == ["started", "converted", "stored"]


def test_the_engine_outlives_the_session_that_started_it(workspace: MakeWorkspace) -> None:
    root = workspace(images=6, **LARGE)
    photostat("pause", workspace=root, expect=3)
    pid = start_engine(root)
    busy = suspend_busy_worker(root)
    assert os.getsid(pid) == pid
    resume_worker(busy)
    assert wait_for_end(root)["totals"]["done"] == 6


@pytest.mark.parametrize("name", ["ledger.sqlite", "ledger.lock"])
def test_an_engine_whose_ledger_or_lock_is_deleted_ends_with_the_reason(
    workspace: MakeWorkspace, name: str
) -> None:
    root = workspace(images=8, **LARGE)
    engine = psutil.Process(start_engine(root))
    suspend_busy_worker(root)
    (root / name).unlink()
    wait_until(lambda: has_ended(engine), "the engine's end")
    assert "deleted or replaced" in (root / "logs" / "engine-output.log").read_text()
