"""A check says what would hold a run at once, each with its reason, and its exit code is 1 then."""

from __future__ import annotations

import json
import re
import shutil
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from engine.ledger.lock import Lock
from engine.memory.available import Memory
from engine.preflight import holds_now
from engine.workspace import Workspace
from tests.conftest import MakeWorkspace
from tests.support.command_in_process import run


def checked(root: Path, code: int) -> list[tuple[str, str]]:
    document: dict[str, Any] = json.loads(run("check", "--json", at=root, code=code).stdout)
    return [(hold["reason"], hold["detail"]) for hold in document["would_hold"]]


def test_nothing_holds_where_all_is_well(workspace: MakeWorkspace) -> None:
    root = workspace(images=2)
    assert checked(root, 0) == []
    assert "would hold" not in run("check", at=root).stdout


def bad_scratch(root: Path) -> None:
    (root / "photostat.toml").write_text('[engine]\nscratch = "export.csv"\n')


def nothing_mounted(root: Path) -> None:
    (root / "source").rename(root / "elsewhere")
    (root / "source").mkdir()


def no_logs(root: Path) -> None:
    shutil.rmtree(root / "logs", ignore_errors=True)
    (root / "logs").write_text("")


@pytest.mark.parametrize(
    ("make", "reason", "words"),
    [
        (bad_scratch, "disk", "scratch: "),
        (no_logs, "disk", "logs: "),
        (nothing_mounted, "source", "is the share mounted?"),
    ],
    ids=["scratch", "logs", "share"],
)
def test_what_would_hold_is_named(
    workspace: MakeWorkspace, make: Callable[[Path], None], reason: str, words: str
) -> None:
    root = workspace(images=6)
    make(root)
    (detail,) = [detail for why, detail in checked(root, 1) if why == reason]
    assert words in detail
    text = run("check", at=root, code=1).stdout
    assert text.partition("A run would hold now:\n")[2].startswith("  ") and f"  {reason}: {detail}" in text


def test_a_store_that_cannot_be_reached_would_hold(workspace: MakeWorkspace, s3_credentials: None) -> None:
    root = workspace(images=1, settings='[store]\nurl = "s3://b/p"\nendpoint = "http://127.0.0.1:9"\n')
    ((reason, detail),) = checked(root, 1)
    assert reason == "store" and detail.startswith("store-unavailable: ")


def test_a_ledger_that_others_write_would_hold(workspace: MakeWorkspace) -> None:
    root = workspace(images=1)
    other = sqlite3.connect(root / "ledger.sqlite", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    ((reason, detail),) = checked(root, 1)
    assert reason == "ledger" and "another program has locked the ledger" in detail
    other.execute("ROLLBACK")
    other.close()
    lock = Lock.acquire(Workspace(root).lock_path, "add")
    ((reason, detail),) = checked(root, 1)
    lock.release()
    assert reason == "ledger" and "is being written by `photostat add`" in detail
    assert checked(root, 0) == []


@pytest.mark.parametrize(
    ("available", "words"),
    [(1 << 20, "1.00 MiB of memory is available and"), ((1 << 30) + 1024, "that takes least needs")],
)
def test_too_little_memory_would_hold(
    workspace: MakeWorkspace, monkeypatch: pytest.MonkeyPatch, available: int, words: str
) -> None:
    root = workspace(images=1, settings='[engine]\nmemory_floor = "1GiB"\n')

    class Little:
        def __init__(self, limit_bytes: int | None) -> None: ...

        def read(self) -> Memory:
            return Memory(8 << 30, available)

    monkeypatch.setattr(holds_now, "MemoryReader", Little)
    ((reason, detail),) = checked(root, 1)
    assert reason == "memory" and words in detail and "end other programs" in detail


def test_disks_without_room_are_told(workspace: MakeWorkspace, monkeypatch: pytest.MonkeyPatch) -> None:
    root = workspace(images=1)
    monkeypatch.setattr(holds_now, "free_bytes", lambda directory: 1000)
    found = dict(checked(root, 1))
    assert "scratch: 1.00 kB are free" in found["disk"] and "1.00 kB free" in found["ledger"]
    assert "a run would hold in its course" in run("check", at=root, code=1).stdout


def test_batches_that_people_hold_would_hold_if_no_other_waits(workspace: MakeWorkspace) -> None:
    root = workspace(images=3)
    shutil.copy(root / "export.csv", root / "more.csv")
    text = (root / "more.csv").read_text()
    (root / "more.csv").write_text(text.replace(".tif", "-again.tif"))
    run("add", root / "more.csv", "--batch", "maps", at=root)
    run("batches", "hold", "maps", at=root)
    assert checked(root, 0) == [], "the other batch is converted"
    document = json.loads(run("check", "--json", "--batch", "maps", at=root, code=1).stdout)
    assert [hold["reason"] for hold in document["would_hold"]] == ["batch"]
    run("batches", "hold", "plates", at=root)
    ((reason, detail),) = checked(root, 1)
    assert (reason, detail) == (
        "batch",
        "only held batches are left: plates, maps, 6 images; `photostat batches release plates` continues",
    )


def test_hours_are_named_and_are_no_trouble(workspace: MakeWorkspace) -> None:
    now = time.localtime().tm_hour
    hours = f"{(now + 2) % 24:02}:00-{(now + 4) % 24:02}:00"
    root = workspace(images=1, settings=f'[engine]\nhours = "{hours}"\n')
    ((reason, detail),) = checked(root, 0)
    assert reason == "hours" and f"outside the hours ({hours}): a run begins its work at " in detail


def test_what_cannot_be_converted_is_in_no_sum(workspace: MakeWorkspace) -> None:
    root = workspace(images=2, add=False)
    text = (root / "export.csv").read_text()
    names = sorted(set(re.findall(r"[^,\n]*\.tif", text)))
    (root / "export.csv").write_text(text.replace(names[1], names[0]))
    run("add", root / "export.csv", "--batch", "plates", at=root, code=1)
    document = json.loads(run("check", "--json", at=root, code=1).stdout)
    assert (document["images"], document["ok"]) == (2, 0)
    sums = ("megapixels", "source_bytes", "predicted_jpeg_bytes", "predicted_seconds")
    assert [document[each] for each in sums] == [0, 0, 0, 0], "both have one target"
    assert document["memory"]["largest_target"] == ""
    assert document["headers_per_second"] == pytest.approx(2 / document["seconds"], rel=0.5)
