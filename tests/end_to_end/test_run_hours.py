"""Hours of the settings with a real engine: nothing starts outside them, unless a person resumes."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tests.conftest import LARGE, MakeWorkspace
from tests.support.command_line import photostat
from tests.support.engine_runs import kill_engine, start_engine, status, suspend_busy_worker, wait_for_end
from tests.support.waiting import wait_until


@pytest.fixture
def root(workspace: MakeWorkspace) -> Path:
    """Its hours begin in two hours, or nearly."""
    now = time.localtime().tm_hour
    hours = f"{(now + 2) % 24:02}:00-{(now + 4) % 24:02}:00"
    return workspace(images=3, **LARGE, settings=f'[engine]\nhours = "{hours}"\n')


def test_outside_its_hours_nothing_starts_until_a_person_resumes(root: Path) -> None:
    checked = photostat("check", workspace=root)
    assert "A run would hold now:\n  hours: now is outside the hours" in checked.stdout
    said = photostat("run", "--detach", workspace=root).stderr
    assert "It is outside its hours" in said and "`photostat resume` begins now" in said
    holding = wait_until(lambda: status(root)["hold"] and status(root), "the hold")
    assert (holding["state"], holding["hold"]["reason"]) == ("holding", "hours")
    assert 3600 < holding["hold"]["until"] - holding["time"] <= 7200
    photostat("pause", workspace=root)
    said = photostat("resume", workspace=root).stdout
    assert said.startswith("Resumed. It is outside its hours"), (
        "the end of a pause is no word about the hours"
    )
    later = status(root)
    assert (later["state"], later["totals"]["pending"]) == ("holding", 3)
    assert all(row["width"] is None for row in photostat("list", "--json", workspace=root).json)
    resumed = photostat("resume", "--json", workspace=root).json
    assert resumed["outside_hours_until"] == holding["hold"]["until"] + 7200
    suspend_busy_worker(root)
    running = status(root)
    assert running["outside_hours_until"] == resumed["outside_hours_until"]
    kill_engine(running["engine"]["pid"])
    said = photostat("run", "--detach", workspace=root).stderr
    assert "It still works outside its hours" in said, "a person's word outlives an engine that dies"
    assert wait_for_end(root)["totals"]["done"] == 3


def test_an_engine_outside_its_hours_drains_at_once(root: Path) -> None:
    start_engine(root)
    photostat("drain", workspace=root)
    assert wait_for_end(root)["totals"]["pending"] == 3
