"""Readers see the ledger at any time: before there is one, while an engine writes, sorted and in pages."""

from __future__ import annotations

import json
from pathlib import Path

from msgspec import structs

from engine.control.snapshot import Snapshot, State
from engine.ledger.account import Account
from engine.ledger.filters import ImageFilter
from engine.ledger.reader import LedgerReader
from engine.ledger.states import EventKind, EventLevel
from engine.ledger.writer import Ledger
from engine.workspace import Workspace
from tests.support.ledgers import converted, export, finish, make_ledger, representation, surveyed


def test_a_workspace_without_a_ledger_reads_as_empty_until_there_is_one(tmp_path: Path) -> None:
    workspace = Workspace.init(tmp_path / "ws")
    with LedgerReader(workspace) as reader:
        assert (reader.account(), reader.images()) == ({}, [])
        assert Snapshot.from_ledger(reader.figures(), 0.0).state is State.STOPPED
        assert not workspace.ledger_path.exists()
        with Ledger.open(workspace) as ledger:
            ledger.import_rows(export(2))
        assert reader.account() == {"newspapers": Account(rows=2, pending=2)}


def test_without_an_engine_the_ledger_alone_tells_whether_the_work_is_finished(tmp_path: Path) -> None:
    workspace = make_ledger(tmp_path / "ws", 3, failed=1, done=1)
    with LedgerReader(workspace) as reader:
        snapshot = Snapshot.from_ledger(reader.figures(), 1.0)
        assert (snapshot.state, snapshot.totals.remaining, snapshot.time) == (State.STOPPED, 1, 1.0)
        assert (snapshot.bytes.jpeg, snapshot.failures_by_cause) == (6_810_000, {"truncated": 1})
    with Ledger.open(workspace) as ledger:
        finish(ledger, 3)
    with LedgerReader(workspace) as reader:
        assert Snapshot.from_ledger(reader.figures(), 1.0).state is State.FINISHED


def test_a_reader_sees_commits_while_the_engine_writes(workspace: Workspace) -> None:
    with Ledger.open(workspace) as ledger, LedgerReader(workspace) as reader:
        with ledger.transaction():
            finish(ledger, 1)
            assert reader.figures().totals.done == 0
        assert reader.figures().totals.done == 1
        assert reader.figures().source_bytes == 16_800_000


def test_pages_filters_and_sorts(tmp_path: Path) -> None:
    workspace = make_ledger(tmp_path / "ws", 40, failed=10, done=5)
    with LedgerReader(workspace) as reader:
        everything = reader.images(limit=100)
        assert [image.id for image in everything] == list(range(1, 41))
        assert [image.id for image in reader.images(limit=5, offset=10)] == [11, 12, 13, 14, 15]
        assert [image.id for image in reader.images(limit=2, descending=True, offset=3)] == [37, 36]
        assert [image.id for image in reader.images(limit=2, after=38)] == [39, 40]
        assert [image.id for image in reader.images(ImageFilter(state="failed", cause="corrupt"))] == [4, 9]
        assert [image.id for image in reader.images(ImageFilter(text="MARKUP[/"))] == [4, 9]
        assert [
            image.id for image in reader.images(ImageFilter(state="done"), sort="name", descending=True)
        ] == [
            15,
            14,
            13,
            12,
            11,
        ]
        assert reader.ids(ImageFilter(state="done")) == [11, 12, 13, 14, 15]
        for sort in ("megapixels", "target", "message", "updated", "psnr"):
            pages = [reader.images(sort=sort, limit=7, offset=offset) for offset in range(0, 42, 7)]
            assert sorted(image.id for page in pages for image in page) == list(range(1, 41))
        assert list(reader.iterate()) == everything
        for wanted, number in (
            (ImageFilter(), 40),
            (ImageFilter(state="done"), 5),
            (ImageFilter(text="p0001"), 4),
            (ImageFilter(state="failed", cause="truncated"), 6),
            (ImageFilter(batch="nowhere"), 0),
        ):
            assert reader.count(wanted) == number
        assert [(group.cause, group.images) for group in reader.failure_groups()] == [
            ("truncated", 6),
            ("corrupt", 2),
            ("source-missing", 2),
        ]
        assert reader.failure_groups("nowhere") == []


def test_a_representation_is_complete_when_all_of_it_is_done_or_accepted(tmp_path: Path) -> None:
    workspace = make_ledger(tmp_path / "ws", 13, failed=1, done=11)
    identity = representation(0)
    with LedgerReader(workspace) as reader:
        assert not reader.representation(identity).is_complete
        with Ledger.open(workspace) as ledger:
            assert reader.representation(identity).account == Account(rows=12, done=11, failed=1)
            ledger.accept([1], "blank page")
        whole = reader.representation(identity.upper())
        assert (whole.is_complete, whole.account) == (True, Account(rows=12, done=11, accepted=1))
        assert not reader.representation("no such").is_complete


def test_an_infinite_psnr_is_json(workspace: Workspace) -> None:
    with Ledger.open(workspace) as ledger:
        ledger.surveyed([surveyed(1)])
        ledger.start(1, 1, 1, "whole")
        ledger.converted(structs.replace(converted(1), psnr_db=float("inf"), warnings=("flat [b]", "ünï")))
        ledger.done(1)
    with LedgerReader(workspace) as reader:
        image = reader.image(1)
    assert image is not None
    document = json.loads(json.dumps(image.to_json(), allow_nan=False))
    assert (document["psnr"], document["warnings"]) == (100.0, ["flat [b]", "ünï"])
    assert {
        "id",
        "batch",
        "uuid",
        "barcode",
        "record",
        "source",
        "target",
        "state",
        "attempts",
    } <= document.keys()


def test_events_page_both_ways(workspace: Workspace) -> None:
    with Ledger.open(workspace) as ledger, ledger.transaction():
        for number in range(10):
            level = EventLevel.INFO if number % 2 else EventLevel.ERROR
            ledger.event(level, EventKind.RETRY, f"number {number}", number % 3 + 1, 7)
    with LedgerReader(workspace) as reader:
        ticks = [event for event in reader.events() if event.kind == "retry"]
        assert [event.message for event in ticks] == [f"number {n}" for n in range(10)]
        last = reader.events(limit=2, newest_first=True)
        assert [event.message for event in last] == ["number 9", "number 8"]
        before = reader.events(limit=1, newest_first=True, before_id=last[-1].id)
        assert [event.message for event in before] == ["number 7"]
        assert len(reader.events(image_id=1)) == 4
        assert len(reader.events(level="error", text="NUMBER")) == 5
