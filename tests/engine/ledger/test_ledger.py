"""The ledger: one writer, states that add up, decisions of a person, and readers at any time."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from msgspec import ValidationError, convert, to_builtins

from engine.control.snapshot import Snapshot, State
from engine.failures import Cause, Failure, Stage, UserError
from engine.ledger import schema
from engine.ledger.account import Account
from engine.ledger.filters import Selection
from engine.ledger.lock import Holder, LedgerLocked, find_holder
from engine.ledger.reader import LedgerReader
from engine.ledger.states import EventKind, EventLevel
from engine.ledger.writer import Ledger, NotInState
from engine.messages import Converted, NotConverted, Surveyed
from engine.workspace import Workspace
from tests.support.ledgers import export, finish, make_ledger, representation
from tests.support.waiting import LONGEST_WAIT_S, wait_until

BROKEN = Failure(Cause.CORRUPT, Stage.DECODING, "a block is damaged")
FACTS = NotConverted(1, BROKEN, ("odd marker",), 5_000_000, 1.5, 2.5)


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """Six pending images in batch newspapers."""
    return make_ledger(tmp_path / "ws", 6)


def surveyed(image_id: int, width: int = 100, height: int = 100) -> Surveyed:
    return Surveyed(image_id, 5000, width, height, 3, 8, width, height, 5, "srgb")


def converted(image_id: int, psnr_db: float = 45.0) -> Converted:
    return Converted(
        image_id,
        f"scratch/{image_id}.jpg",
        100,
        100,
        5000,
        "md5:aa",
        2000,
        "bb" * 16,
        psnr_db,
        (),
        1,
        1.0,
        1.0,
    )


def totals(workspace: Workspace) -> Account:
    with LedgerReader(workspace) as reader:
        return reader.figures().totals


# The lock


def test_one_process_writes_and_the_others_are_told_who(workspace: Workspace) -> None:
    with Ledger.open(workspace, "run"):
        with pytest.raises(LedgerLocked) as caught:
            Ledger.open(workspace, "add")
        holder = find_holder(workspace.lock_path)
    assert holder is not None and holder.is_engine
    assert f"`photostat run` (process {holder.pid}, since " in str(caught.value)
    assert find_holder(workspace.lock_path) is None


def test_a_command_that_holds_the_lock_for_a_moment_is_waited_for(workspace: Workspace) -> None:
    child = hold_lock(workspace, "requeue", seconds=0.3)
    Ledger.open(workspace, "add").close()
    child.wait(LONGEST_WAIT_S)


def test_a_dead_holder_s_lock_is_free(workspace: Workspace) -> None:
    child = hold_lock(workspace, "run", seconds=600)
    child.kill()
    child.wait(LONGEST_WAIT_S)
    assert json.loads(workspace.lock_path.read_text())["command"] == "run"
    Ledger.open(workspace, "run").close()


def test_a_holder_on_another_host_is_named_with_it() -> None:
    assert " on elsewhere, since " in str(Holder(7, "elsewhere", "run", 0.0))


def hold_lock(workspace: Workspace, command: str, seconds: float) -> subprocess.Popen[bytes]:
    script = (
        "import sys, time\nfrom pathlib import Path\nfrom engine.ledger.lock import Lock\n"
        "Lock.acquire(Path(sys.argv[1]), sys.argv[2])\ntime.sleep(float(sys.argv[3]))"
    )
    child = subprocess.Popen([sys.executable, "-c", script, str(workspace.lock_path), command, str(seconds)])
    wait_until(lambda: find_holder(workspace.lock_path), "the lock to be held")
    return child


# The file


def test_a_ledger_of_a_later_photostat_is_refused_by_writer_and_reader(workspace: Workspace) -> None:
    db = sqlite3.connect(workspace.ledger_path)
    db.execute("PRAGMA user_version = 99")
    db.close()
    for opened in (Ledger.open, LedgerReader):
        with pytest.raises(UserError, match="made by a later photostat"):
            opened(workspace)


def test_a_file_that_is_no_ledger_is_refused_in_a_line(workspace: Workspace) -> None:
    workspace.ledger_path.write_bytes(b"not a database at all, but long enough to be looked at" * 100)
    for suffix in ("-wal", "-shm"):
        Path(f"{workspace.ledger_path}{suffix}").unlink(missing_ok=True)
    for opened in (Ledger.open, LedgerReader):
        with pytest.raises(UserError, match="file is not a database"):
            opened(workspace)


@pytest.mark.parametrize("opened", [Ledger.open, LedgerReader])
def test_an_earlier_ledger_is_brought_up_to_date_with_its_images(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch, opened: type
) -> None:
    later = (*schema.MIGRATIONS, "ALTER TABLE batches ADD COLUMN colour TEXT NOT NULL DEFAULT 'blue'")
    monkeypatch.setattr(schema, "MIGRATIONS", later)
    opened(workspace).close()
    db = sqlite3.connect(workspace.ledger_path)
    assert db.execute("PRAGMA user_version").fetchone()[0] == len(later)
    assert db.execute("SELECT colour, images FROM batches").fetchall() == [("blue", 6)]
    db.close()


def test_a_migration_that_fails_leaves_the_ledger_as_it_was(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = (*schema.MIGRATIONS, "ALTER TABLE batches ADD COLUMN colour TEXT; SELECT nonsense FROM nowhere")
    with monkeypatch.context() as patched:
        patched.setattr(schema, "MIGRATIONS", broken)
        with pytest.raises(UserError, match="nowhere"):
            Ledger.open(workspace)
    with Ledger.open(workspace) as ledger:
        assert ledger.account()["newspapers"].rows == 6


def test_every_table_is_strict_and_no_image_can_be_deleted(workspace: Workspace) -> None:
    db = sqlite3.connect(workspace.ledger_path)
    tables = db.execute(
        "SELECT name, strict FROM pragma_table_list WHERE name NOT LIKE 'sqlite_%' AND schema = 'main'"
    )
    assert {strict for _, strict in tables} == {1}
    with pytest.raises(sqlite3.IntegrityError, match="never deleted"):
        db.execute("DELETE FROM images WHERE id = 1")
    with pytest.raises(sqlite3.IntegrityError, match="CHECK"):
        db.execute("UPDATE images SET state = 'lost' WHERE id = 1")
    db.close()


# An image's way


def test_the_largest_start_first_batch_after_batch(tmp_path: Path) -> None:
    workspace = make_ledger(tmp_path / "ws", 3)
    with Ledger.open(workspace) as ledger:
        ledger.import_rows(export(3, "maps"))
        requests = ledger.queue.to_survey(None, 100)
        assert [r.image_id for r in requests] == [1, 2, 3, 4, 5, 6]
        assert [r.image_id for r in ledger.queue.to_survey(["maps"], 100)] == [4, 5, 6]
        ledger.surveyed([surveyed(i, width=100 + i) for i in range(1, 7)])
        assert [c.image_id for c in ledger.queue.to_convert(None, 100)] == [3, 2, 1, 6, 5, 4]
        assert [c.image_id for c in ledger.queue.to_convert(["maps", "newspapers"], 4)] == [6, 5, 4, 3]
        assert ledger.queue.to_convert(["nowhere"], 5) == []
        assert ledger.queue.to_survey(None, 5) == []


def test_relative_sources_are_below_the_root_of_the_settings(tmp_path: Path) -> None:
    workspace = Workspace.init(tmp_path / "ws")
    (first, second) = export(2)
    with Ledger.open(workspace) as ledger:
        ledger.import_rows(iter([first._replace(source="a/b.jp2"), second]))
        assert ledger.queue.to_survey(None, 1)[0].source_path == str(workspace.root / "a/b.jp2")
    workspace.config_path.write_text("[manifest]\nroot = '/mnt/scans'\n")
    with Ledger.open(workspace) as ledger:
        paths = [request.source_path for request in ledger.queue.to_survey(None, 2)]
        assert paths == ["/mnt/scans/a/b.jp2", second.source]
        assert ledger.subject(1).source == "/mnt/scans/a/b.jp2"


def test_attempts_are_counted_kept_and_given_back(workspace: Workspace) -> None:
    with Ledger.open(workspace) as ledger:
        ledger.surveyed([surveyed(1)])
        assert ledger.start(1, 100, 10, "whole") == 1
        ledger.back_to_pending(1, "stopped for memory", counts=False)
        assert ledger.start(1, 101, 10, "whole") == 1
        ledger.back_to_pending(1, "crashed", counts=True)
        assert ledger.queue.to_convert(None, 1)[0].attempts == 1
        assert ledger.start(1, 102, 10, "whole") == 2
        ledger.failed(1, BROKEN, FACTS)
        assert ledger.requeue(Selection(ids=(1,))) == 1
        ledger.surveyed([surveyed(1)])
        assert ledger.start(1, 103, 20, "tiles") == 1
        ledger.converted(converted(1))
        ledger.done(1)
        assert [(p.mode, p.predicted_bytes, p.peak_rss_bytes) for p in ledger.queue.measured_peaks(2)] == [
            ("tiles", 20, 1),
            ("whole", 10, 5_000_000),
        ]
    with LedgerReader(workspace) as reader:
        attempts = reader.attempts(1)
    assert [(a.round, a.number, a.pid, a.outcome) for a in attempts] == [
        (1, 1, 100, "put-back"),
        (1, 1, 101, "again"),
        (1, 2, 102, "failed"),
        (2, 1, 103, "converted"),
    ]
    assert (attempts[0].message, attempts[2].message) == ("stopped for memory", BROKEN.message)


def test_an_image_fails_at_the_store_after_its_attempt_succeeded(workspace: Workspace) -> None:
    with Ledger.open(workspace) as ledger:
        ledger.surveyed([surveyed(1)])
        ledger.start(1, 100, 10, "whole")
        ledger.converted(converted(1))
        ledger.failed(1, Failure(Cause.STORE_MISMATCH, Stage.STORING, "another object"))
    with LedgerReader(workspace) as reader:
        assert [(a.outcome, a.stage, a.cpu_s) for a in reader.attempts(1)] == [("failed", "storing", 1.0)]


@pytest.mark.parametrize(
    "change",
    [
        lambda ledger: ledger.start(1, 1, 1, "whole"),
        lambda ledger: ledger.converted(converted(1)),
        lambda ledger: ledger.failed(1, BROKEN),
        lambda ledger: ledger.back_to_pending(1, "", counts=True),
        lambda ledger: ledger.done(1),
        lambda ledger: ledger.done(99),
    ],
)
def test_a_change_from_the_wrong_state_is_a_fault_and_changes_nothing(
    workspace: Workspace, change: Callable[[Ledger], object]
) -> None:
    with Ledger.open(workspace) as ledger:
        finish(ledger, 1)
        with pytest.raises(NotInState):
            change(ledger)
    assert totals(workspace) == Account(rows=6, pending=5, done=1)


def test_a_transaction_is_all_or_nothing(workspace: Workspace) -> None:
    with Ledger.open(workspace) as ledger:
        with pytest.raises(ZeroDivisionError), ledger.transaction():
            finish(ledger, 1)
            ledger.event(EventLevel.INFO, EventKind.ENGINE, "y")
            1 / 0  # noqa: B018
        assert ledger.account()["newspapers"].done == 0
    with LedgerReader(workspace) as reader:
        assert [event.kind for event in reader.events() if event.kind == "x"] == []


def test_recovery_keeps_what_waits_for_the_store_and_puts_back_the_rest(workspace: Workspace) -> None:
    with Ledger.open(workspace) as ledger:
        ledger.surveyed([surveyed(1), surveyed(2)])
        ledger.start(1, 100, 10, "whole")
        ledger.start(2, 101, 10, "whole")
        ledger.converted(converted(2))
    with Ledger.open(workspace) as ledger:
        (recovered,) = ledger.recover()
        assert (recovered.request.image_id, recovered.request.scratch_path) == (2, "scratch/2.jpg")
        assert (recovered.request.jpeg_bytes, recovered.request.md5) == (2000, "bb" * 16)
        assert ledger.account()["newspapers"] == Account(rows=6, pending=5, in_flight=1)
        assert ledger.queue.to_convert(None, 1)[0].attempts == 0
        ledger.done(2)
    with LedgerReader(workspace) as reader:
        assert [e.kind for e in reader.events(image_id=1)] == ["put-back"]
        assert [a.outcome for a in reader.attempts(1)] == ["put-back"]


# What a person decides


def test_requeue_by_id_batch_cause_text_and_all(tmp_path: Path) -> None:
    workspace = make_ledger(tmp_path / "ws", 12, failed=10)
    with Ledger.open(workspace) as ledger:
        assert ledger.requeue(Selection()) == 0
        assert ledger.requeue(Selection(ids=(1, 12))) == 1
        assert ledger.requeue(Selection(cause="source-missing")) == 2
        assert ledger.requeue(Selection(text="P0002.J")) == 1
        assert ledger.requeue(Selection(text="100%_sure!")) == 0
        assert ledger.requeue(Selection(batch="nowhere")) == 0
        assert ledger.requeue(Selection(batch="newspapers", cause="corrupt")) == 2
        assert ledger.requeue(Selection(all=True)) == 4
    assert totals(workspace) == Account(rows=12, pending=12)


def test_any_number_of_ids_can_be_selected(tmp_path: Path) -> None:
    workspace = make_ledger(tmp_path / "ws", 3, failed=3)
    with Ledger.open(workspace) as ledger:
        ledger.import_rows(export(40_000, "maps"))
        assert ledger.requeue(Selection(ids=tuple(range(1, 40_004)))) == 3


def test_what_is_not_converted_cannot_be_done(workspace: Workspace) -> None:
    with Ledger.open(workspace) as ledger:
        ledger.start(1, 1, 1, "whole")
        with pytest.raises(NotInState):
            ledger.done(1)


def test_unknown_ids_are_named_and_nothing_changes(tmp_path: Path) -> None:
    workspace = make_ledger(tmp_path / "ws", 3, failed=3)
    with Ledger.open(workspace) as ledger:
        with pytest.raises(UserError, match="no images 98, 99 in the ledger; nothing was changed"):
            ledger.requeue(Selection(ids=(1, 98, 99)))
        with pytest.raises(UserError, match="no image 99 in"):
            ledger.accept([1, 99], "gone")
        with pytest.raises(UserError, match="needs a reason"):
            ledger.accept([1], "  ")
    assert totals(workspace).failed == 3


def test_accepted_images_leave_the_account_and_can_come_back(tmp_path: Path) -> None:
    workspace = make_ledger(tmp_path / "ws", 3, failed=2)
    with Ledger.open(workspace) as ledger:
        assert ledger.accept([1, 2, 3], "lost in the flood") == 2
        assert ledger.account()["newspapers"] == Account(rows=3, pending=1, accepted=2)
        assert ledger.requeue(Selection(all=True)) == 0
        assert ledger.requeue(Selection(ids=(1,))) == 1
    with LedgerReader(workspace) as reader:
        image = reader.image(2)
        assert image is not None and (image.reason, image.cause) == ("lost in the flood", "truncated")
        assert reader.failure_groups() == []
        assert [event.kind for event in reader.events(image_id=1)] == ["accept", "requeue"]


def test_of_two_with_one_target_only_one_can_come_back(tmp_path: Path) -> None:
    workspace = Workspace.init(tmp_path / "ws")
    first, second = export(2)
    with Ledger.open(workspace) as ledger:
        ledger.import_rows(iter([first, second._replace(name="x", target=first.target)]))
        assert ledger.requeue(Selection(all=True)) == 0
        ledger.accept([1, 2], "both")
        assert ledger.requeue(Selection(ids=(1, 2))) == 0
        assert ledger.requeue(Selection(ids=(2,))) == 1
        assert ledger.requeue(Selection(ids=(1,))) == 0
        assert ledger.account()["newspapers"] == Account(rows=2, pending=1, accepted=1)


def test_what_the_store_lost_is_converted_again(workspace: Workspace) -> None:
    with Ledger.open(workspace) as ledger:
        finish(ledger, 1)
        assert ledger.convert_again([1, 2], "missing in the store") == 1
        assert ledger.account()["newspapers"] == Account(rows=6, pending=6)
    with LedgerReader(workspace) as reader:
        assert reader.figures().jpeg_bytes == 0


def test_a_selection_survives_json_and_refuses_what_is_none() -> None:
    selection = Selection((1, 2), "maps", "corrupt", False, "text")
    assert convert(json.loads(json.dumps(to_builtins(selection))), Selection) == selection
    refused: list[object] = [
        {"ids": "1"},
        {"ids": [True]},
        {"batch": 3},
        {"all": "yes"},
        {"everything": True},
        [],
    ]
    for wrong in refused:
        with pytest.raises(ValidationError):
            convert(wrong, Selection)


# Readers


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
        assert [image.id for image in reader.images(state="failed", cause="corrupt")] == [4, 9]
        assert [image.id for image in reader.images(text="MARKUP[/")] == [4, 9]
        assert [image.id for image in reader.images(state="done", sort="name", descending=True)] == [
            15,
            14,
            13,
            12,
            11,
        ]
        assert reader.ids(state="done") == [11, 12, 13, 14, 15]
        for sort in ("megapixels", "target", "message", "updated", "psnr"):
            pages = [reader.images(sort=sort, limit=7, offset=offset) for offset in range(0, 42, 7)]
            assert sorted(image.id for page in pages for image in page) == list(range(1, 41))
        assert list(reader.iterate()) == everything
        assert (reader.count(), reader.count(state="done"), reader.count(text="p0001")) == (40, 5, 4)
        assert (reader.count(state="failed", cause="truncated"), reader.count(batch="nowhere")) == (6, 0)
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
        ledger.converted(replace(converted(1), psnr_db=float("inf"), warnings=("flat [b]", "ünï")))
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


# Quick enough


def test_the_supervisor_s_questions_and_a_page_of_failures_are_quick_in_a_large_ledger(
    tmp_path: Path,
) -> None:
    workspace = make_ledger(tmp_path / "ws", 30_000, failed=10_000)
    with Ledger.open(workspace) as ledger, LedgerReader(workspace) as reader:
        ledger.surveyed([surveyed(i, width=i % 977 + 1) for i in range(10_001, 20_001)])
        questions: tuple[tuple[float, Callable[[], object]], ...] = (
            (0.005, ledger.account),
            (0.010, lambda: ledger.queue.to_convert(None, 32)),
            (0.010, lambda: ledger.queue.to_survey(None, 32)),
            (0.010, lambda: ledger.neighbours_of(25_000)),
            (0.010, reader.figures),
            (0.2, lambda: reader.images(state="failed", sort="message", limit=100)),
            (0.2, lambda: reader.images(state="failed", text="p0007", limit=100)),
            (0.2, lambda: reader.images(limit=100, offset=29_000)),
        )
        for limit_s, ask in questions:
            assert quickest(ask) < limit_s, ask


def quickest(ask: Callable[[], object], times: int = 5) -> float:
    """Seconds, of the quickest of several: other processes take time as well."""
    seconds = []
    for _ in range(times):
        started = time.perf_counter()
        ask()
        seconds.append(time.perf_counter() - started)
    return min(seconds)
