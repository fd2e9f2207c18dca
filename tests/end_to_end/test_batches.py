"""The order of batches and their holds, with real engines: what starts, what waits, and what people are told."""

from __future__ import annotations

import signal
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import LARGE, MakeWorkspace, make_sources
from tests.support.command_line import photostat, start
from tests.support.engine_runs import (
    list_rows,
    resume_worker,
    start_engine,
    status,
    suspend_busy_worker,
    wait_for_end,
)
from tests.support.jp2_files import write_export
from tests.support.waiting import LONGEST_WAIT_S, wait_until

BATCHES = ("plates", "maps", "letters")


@pytest.fixture
def root(workspace: MakeWorkspace) -> Path:
    """Three batches of three images."""
    made = workspace(images=9, add=False, **LARGE)
    rows = make_sources(made, 9, **LARGE)
    named = [replace(row, type=BATCHES[number // 3]) for number, row in enumerate(rows)]
    write_export(made / "export.csv", named)
    photostat("add", made / "export.csv", "--split-by", "type", workspace=made)
    return made


def batch(root: Path, name: str) -> dict[str, Any]:
    found: dict[str, Any] = next(each for each in status(root)["batches"] if each["name"] == name)
    return found


def started(root: Path) -> list[str]:
    """The batches of the images in the order in which they started, each batch once for images in a row."""
    lines = photostat("list", "--json", workspace=root).json
    of = {row["id"]: row["batch"] for row in lines}
    log = "".join(path.read_text() for path in sorted((root / "logs").glob("run-*.log")))
    ids = [int(line.split("\t")[4]) for line in log.splitlines() if "\tstarted: " in line]
    names = [of[number] for number in ids]
    return [name for at, name in enumerate(names) if at == 0 or names[at - 1] != name]


def test_order_and_holds_are_obeyed_with_an_engine_and_without_one(root: Path) -> None:
    order = photostat("batches", "first", "letters", workspace=root).stdout
    assert order == "letters is now number 1 of 3: letters, plates, maps.\n"
    photostat("batches", "hold", "plates", "--reason", "the review", workspace=root)
    table = photostat("batches", workspace=root).stdout.splitlines()
    assert table[0].split() == ["#", "batch", "rows", "pending", "in", "flight", "done", "failed", "accepted"]
    assert "  held by " in table[2] and table[2].endswith(": the review")
    again = photostat("batches", "hold", "plates", "--reason", "another", workspace=root).stdout
    assert "plates is held already, by " in again and again.endswith(": the review. Nothing was changed.\n")
    assert "did you mean maps?" in photostat("batches", "up", "mapz", workspace=root, expect=2).stderr
    listed = photostat("batches", "--json", workspace=root).json
    assert [(each["place"], each["name"], each["pending"]) for each in listed] == [
        (1, "letters", 3),
        (2, "plates", 3),
        (3, "maps", 3),
    ]
    assert listed[1]["held"]["reason"] == "the review"
    assert listed[1]["held"]["by"]["user"]

    start_engine(root, "--workers", "1")
    busy = suspend_busy_worker(root)
    said = photostat("batches", "hold", "letters", "--json", workspace=root).json
    assert said["changed"]
    waiting = said["batches"][0]["pending"]
    assert said["batches"][0]["in_flight"] == 1
    resume_worker(busy)
    holding = wait_until(lambda: _holding(root), "the hold, when only held batches are left")
    assert holding["hold"]["reason"] == "batch"
    left = "letters, plates" if waiting else "plates"  # the machine may have been quicker than the order
    assert f"only held batches are left: {left}, {3 + waiting} images" in holding["hold"]["detail"]
    assert [each["pending"] for each in holding["batches"]] == [waiting, 3, 0], "in flight is finished"
    assert [each["done"] for each in holding["batches"]] == [3 - waiting, 0, 3], "and stored"
    shown = photostat("status", workspace=root).stdout
    assert "HOLDING for batch since" in shown
    resumed = photostat("resume", workspace=root).stdout
    assert resumed.startswith("Resumed, but nothing starts: only held batches are left: ")
    assert "3 images of plates pending: it is held by" in shown
    assert "the review. `photostat batches release plates` lets them start." in shown

    photostat("batches", "release", "letters", workspace=root)
    wait_until(lambda: batch(root, "letters")["done"] == 3, "the released batch")
    photostat("batches", "release", "plates", workspace=root)
    assert wait_for_end(root)["state"] == "finished"
    assert started(root) == ["letters", "maps", *(["letters"] if waiting else []), "plates"]


def _holding(root: Path) -> dict[str, Any] | None:
    document = status(root)
    return document if document["state"] == "holding" else None


def test_a_batch_that_becomes_the_first_is_read_and_started_before_the_rest(root: Path) -> None:
    start_engine(root, "--workers", "1")
    busy = suspend_busy_worker(root)
    wait_until(lambda: all(row["width"] for row in list_rows(root)), "all headers to be read")
    waiting = batch(root, "plates")["pending"]
    said = photostat("batches", "first", "maps", workspace=root).stdout
    assert said == "maps is now number 1 of 3: maps, plates, letters.\n"
    resume_worker(busy)
    wait_for_end(root)
    assert started(root) == ["plates", "maps", *(["plates"] if waiting else []), "letters"]
    history = photostat("status", "--json", workspace=root).json
    assert [each["name"] for each in history["batches"]] == ["maps", "plates", "letters"]


def test_a_headless_run_of_a_held_batch_waits_and_does_not_look_finished(root: Path) -> None:
    photostat("batches", "hold", "maps", workspace=root)
    watching = start("run", "--headless", "--batch", "maps", workspace=root)
    assert watching.stderr is not None
    assert "has started" in watching.stderr.readline()
    assert "maps is held by" in watching.stderr.readline()
    said = watching.stderr.readline()
    while "holding (batch): only held batches are left: maps, 3 images" not in said:
        assert said, "it ends without a word of the hold"
        said = watching.stderr.readline()
    assert batch(root, "plates")["pending"] == 3
    watching.send_signal(signal.SIGINT)
    printed, _ = watching.communicate(timeout=LONGEST_WAIT_S)
    assert watching.returncode == 1
    assert "3 images of maps pending: it is held by" in printed
