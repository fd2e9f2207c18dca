"""The morning after a night with everything in it: the account of the run has it all, and its times add up."""

from __future__ import annotations

from typing import Any

import pytest

from engine.run_account.reading import run_text
from engine.workspace import Workspace
from tests.conftest import LARGE, MakeWorkspace
from tests.support.command_line import photostat
from tests.support.engine_runs import (
    kill_engine,
    restore_share,
    start_engine,
    start_engine_without_share,
    status,
    suspend_busy_worker,
    wait_for_end,
)
from tests.support.waiting import wait_until

PARTS = ("at_work_seconds", "held_seconds", "paused_seconds", "asleep_seconds", "off_seconds")


def the_run(root: Any) -> dict[str, Any]:
    run: dict[str, Any] = photostat("status", "--json", workspace=root).json["run"]
    assert sum(run[part] for part in PARTS) == pytest.approx(run["seconds"], abs=0.01)
    return run


def test_a_night_with_a_hold_a_pause_and_a_crash_is_told_the_morning_after(workspace: MakeWorkspace) -> None:
    root = workspace(images=4, **LARGE)
    assert photostat("status", "--json", workspace=root).json["run"] is None
    pid = start_engine_without_share(root, "--workers", "1")
    photostat("pause", workspace=root)  # while it holds
    paused_at = status(root)["elapsed_seconds"]
    wait_until(lambda: status(root)["elapsed_seconds"] >= paused_at + 2, "two seconds of the pause")
    photostat("resume", workspace=root)
    restore_share(root)
    suspend_busy_worker(root)
    assert the_run(root)["state"] == "running"
    kill_engine(pid)

    died = the_run(root)
    assert (died["state"], died["starts"], died["images"]) == (
        "died",
        1,
        status(root)["totals"]["done"],
    )
    assert [crash["pid"] for crash in died["crashes"]] == [pid]
    printed = photostat("status", workspace=root).stdout
    assert "run       the engine died: began" in printed
    assert "next      go on with" in printed

    start_engine(root, "--workers", "1")
    wait_for_end(root)
    run = the_run(root)
    assert (run["state"], run["number"], run["starts"], run["images"]) == ("finished", 1, 2, 4)
    assert [hold["reason"] for hold in run["holds"]] == ["source"]
    assert len(run["pauses"]) == 1 and run["paused_seconds"] >= 2
    assert run["began"] == died["began"] and len(run["crashes"]) == 1
    assert run["source_bytes"] == status(root)["bytes"]["source"]
    told = run_text(Workspace(root))
    assert told.startswith("run       finished: began ")
    assert told in photostat("status", workspace=root).stdout

    photostat("run", "--headless", workspace=root)  # there is nothing to do, and the account stays
    assert run_text(Workspace(root)) == told
    events = photostat_events(root)
    assert any("was killed, or the machine went down" in event for event in events)


def photostat_events(root: Any) -> list[str]:
    from engine.ledger.reader import LedgerReader

    with LedgerReader(Workspace(root)) as reader:
        return [event.message for event in reader.events(limit=1000)]
