"""Sources that never answer: nothing waits for them for ever, and they cost nothing but themselves."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path
from typing import Any

import psutil

from tests.conftest import LARGE, MakeWorkspace
from tests.support.command_line import photostat, start
from tests.support.engine_runs import (
    list_rows,
    resume_worker,
    start_engine,
    status,
    suspend_busy_worker,
    wait_for_end,
)
from tests.support.hung_sources import HungSources
from tests.support.waiting import LONGEST_WAIT_S, has_ended, wait_until


def first_source(root: Path) -> Path:
    return min((root / "source").rglob("*.jp2"))


def test_stop_leaves_behind_what_no_signal_ends_and_names_it(
    workspace: MakeWorkspace, hung_sources: HungSources
) -> None:
    root = workspace(images=3)
    share = hung_sources(root / "source")
    source = first_source(root)
    share.hang("read", source.name)
    start_engine(root, "--workers", "1")
    share.wait_for_requests()
    stopped = photostat("stop", "--json", workspace=root)
    (left,) = stopped.json["left_behind"]
    assert left["path"] == str(source)
    assert f"Left behind: process {left['pid']} (photostat-surveyor), at {source}" in stopped.stderr
    assert status(root)["engine"] is None
    assert f"process {left['pid']}" in photostat("status", workspace=root).stdout
    assert f"process {left['pid']}" in (root / "logs" / "engine-output.log").read_text()
    process = psutil.Process(left["pid"])
    assert not has_ended(process)
    start_engine(root, "--workers", "1")  # it runs beside it, and knows it
    assert [one["pid"] for one in status(root)["left_behind"]] == [left["pid"]]
    share.answer()
    wait_until(lambda: has_ended(process), "its end")
    assert wait_for_end(root)["totals"]["done"] == 3
    assert not status(root)["left_behind"]
    assert not (root / "engine.children").exists()


QUICK = "[engine]\ntimeout = 4\n"
"""What has not answered for so long hangs; by itself that is a minute."""


def events(root: Path) -> str:
    return "".join(path.read_text(encoding="utf-8") for path in (root / "logs").glob("run-*.log"))


def test_a_header_that_is_never_read_costs_its_own_image_and_the_others_are_done(
    workspace: MakeWorkspace, hung_sources: HungSources
) -> None:
    root = workspace(images=40, settings=QUICK)
    share = hung_sources(root / "source")
    source = first_source(root)
    share.hang("read", source.name)
    start_engine(root, "--workers", "1")
    held = wait_until(lambda: done_but_one(root, 39), "the others, and the state that says what is left")
    assert (held["state"], held["hold"]["reason"]) == ("holding", "source")
    assert str(source) in held["hold"]["detail"]
    assert held["totals"]["failed"] == 0
    assert f"{source}: no answer for" in events(root)
    share.answer()
    assert wait_for_end(root)["totals"]["done"] == 40


def done_but_one(root: Path, done: int) -> dict[str, Any] | None:
    now = status(root)
    return now if now["totals"]["done"] == done and now["hold"] else None


def test_a_worker_whose_source_hangs_is_shown_left_behind_and_replaced(
    workspace: MakeWorkspace, hung_sources: HungSources
) -> None:
    root = workspace(images=6, **LARGE, settings="[engine]\ntimeout = 8\n")
    share = hung_sources(root / "source")
    start_engine(root, "--workers", "1")
    busy = suspend_busy_worker(root)
    waiting = wait_until(lambda: surveyed_and_pending(root), "all headers")
    source = Path(waiting[0]["source"])
    share.hang("open", source.name)
    resume_worker(busy)
    seen = wait_until(lambda: hanging_worker(root), "the worker that hangs")
    assert "no read for" in photostat("status", workspace=root).stdout
    wait_until(lambda: status(root)["totals"]["done"] == 5, "the others")
    (left,) = wait_until(lambda: status(root)["left_behind"], "the process that no signal ends")
    assert (left["pid"], left["path"], left["image_id"]) == (seen["pid"], str(source), seen["image_id"])
    assert status(root)["totals"]["failed"] == 0
    share.answer()
    assert wait_for_end(root)["totals"]["done"] == 6
    attempts = {row["id"]: row["attempts"] for row in list_rows(root)}
    assert attempts[seen["image_id"]] == 1


def surveyed_and_pending(root: Path) -> list[dict[str, Any]] | None:
    rows = list_rows(root)
    found = [row for row in rows if row["state"] == "pending" and row["width"]]
    return found if all(row["width"] for row in rows) and found else None


def hanging_worker(root: Path) -> dict[str, Any] | None:
    found = [w for w in status(root)["workers"] if w["image_id"] and (w["quiet_seconds"] or 0) > 5]
    return found[0] if found else None


def test_a_share_that_hangs_is_a_hold_that_ends_when_it_answers(
    workspace: MakeWorkspace, hung_sources: HungSources
) -> None:
    root = workspace(images=8, settings=QUICK)
    share = hung_sources(root / "source")
    share.hang("read", "*")
    start_engine(root, "--workers", "2")
    held = wait_until(lambda: (now := status(root))["hold"] and now, "the hold")
    assert (held["state"], held["hold"]["reason"]) == ("holding", "source")
    assert "the share hangs" in held["hold"]["detail"]
    assert held["totals"]["pending"] == 8
    share.answer()
    assert wait_for_end(root)["totals"]["done"] == 8


def test_a_store_that_hangs_is_a_hold_and_drain_and_stop_leave_it(
    workspace: MakeWorkspace, hung_sources: HungSources
) -> None:
    root = workspace(images=3, settings=QUICK)
    share = hung_sources(root / "out")
    share.hang("write", "*")
    pid = start_engine(root, "--workers", "1")
    held = wait_until(lambda: (now := status(root))["hold"] and now, "the hold")
    assert (held["state"], held["hold"]["reason"]) == ("holding", "store")
    assert "the store hangs" in held["hold"]["detail"]
    assert held["totals"]["failed"] == 0
    os.kill(pid, signal.SIGTERM)  # as Ctrl-C does: it finishes what is in flight
    left = wait_for_end(root)["left_behind"]
    assert {one["name"] for one in left} == {"photostat-uploader"}
    share.answer()
    photostat("run", "--headless", workspace=root)
    assert status(root)["totals"]["done"] == 3


def test_ctrl_c_ends_a_command_whose_path_never_answers(
    workspace: MakeWorkspace, hung_sources: HungSources
) -> None:
    root = workspace(images=3)
    photostat("run", "--headless", workspace=root)
    (root / "export.csv").rename(root / "source" / "export.csv")
    share, store = hung_sources(root / "source"), hung_sources(root / "out")
    export = root / "source" / "again.csv"
    export.write_bytes((root / "source" / "export.csv").read_bytes())
    share.hang("read", "again.csv")
    store.hang("read", "*")
    printed = root / "printed"  # no pipe, which what is left behind would keep open
    with printed.open("w") as out:
        commands = [
            start("add", export, workspace=root, stdout=out, stderr=out),
            start("reconcile", workspace=root, stdout=out, stderr=out),
        ]
    share.wait_for_requests()
    store.wait_for_requests()
    for command in commands:
        command.send_signal(signal.SIGINT)
    assert [command.wait(LONGEST_WAIT_S) for command in commands] == [130, 130]
    assert printed.read_text().count("is left behind: no signal ends it") == 2


def test_check_names_sources_and_a_store_that_do_not_answer_and_ends(
    workspace: MakeWorkspace, hung_sources: HungSources
) -> None:
    root = workspace(images=20, settings="[engine]\ntimeout = 3\n")
    share, store = hung_sources(root / "source"), hung_sources(root / "out")
    source = first_source(root)
    share.hang("read", source.name)
    store.hang("write", "*")
    found = check_into_a_file(root)
    assert found["images"] == 20
    assert [(one["source"], one["cause"]) for one in found["findings"]] == [
        (str(source), "source-unreadable")
    ]
    assert "no answer for 3 s" in found["findings"][0]["message"]
    assert "the store hangs" in found["store"]["message"]
    store.answer()
    share.hang("read", "*")
    found = check_into_a_file(root)
    assert "the share hangs, and the other images were not looked at" in found["share"]


def check_into_a_file(root: Path) -> Any:
    """What it has left behind keeps its output open."""
    printed = root / "check.json"
    with printed.open("w") as out:
        assert start("check", "--json", workspace=root, stdout=out, stderr=None).wait(LONGEST_WAIT_S) == 1
    return json.loads(printed.read_text())
