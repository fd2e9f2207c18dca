"""What the engine's ledger cannot write is kept in its order, and written whole when it can be."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.failures import Cause, Failure, Stage
from engine.ledger.account import Account
from engine.ledger.faults import LedgerFault, LedgerFaultKind, fault_of
from engine.ledger.filters import Selection
from engine.ledger.reader import LedgerReader
from engine.ledger.states import EventKind, EventLevel
from engine.messages import DecodeMode
from engine.supervisor.engine_ledger import EngineLedger
from engine.workspace import Workspace
from tests.support.ledgers import converted, make_ledger, surveyed

IMAGES = 6
FAILURE = Failure(Cause.CORRUPT, Stage.DECODING, "a fault")


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return make_ledger(tmp_path / "ws", IMAGES)


@pytest.fixture
def ledger(workspace: Workspace) -> Iterator[EngineLedger]:
    with EngineLedger.open(workspace) as ledger:
        ledger.answer_while_locked()
        with ledger.turn():
            ledger.surveyed([surveyed(image) for image in range(1, IMAGES + 1)])
            for image in (1, 2, 3):
                start(ledger, image)
        yield ledger


@pytest.fixture
def other_program(workspace: Workspace) -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(workspace.ledger_path, isolation_level=None)
    yield connection
    connection.close()


def start(ledger: EngineLedger, image_id: int) -> int:
    return ledger.start(image_id, 4711, 1000, DecodeMode.WHOLE.value)


def total(ledger: EngineLedger) -> Account:
    return sum(ledger.account().values(), Account())


def sqlite_error(code: int) -> sqlite3.Error:
    error = sqlite3.OperationalError("what SQLite says")
    error.sqlite_errorcode = code
    return error


def report(ledger: EngineLedger) -> None:
    """What children say in one turn of the loop."""
    ledger.converted(converted(1))
    ledger.done(1)
    ledger.failed(2, FAILURE)
    ledger.back_to_pending(3, "not its fault", counts=False)
    ledger.event(EventLevel.INFO, EventKind.STORED, "stored", 1)


def states(workspace: Workspace) -> list[str]:
    with LedgerReader(workspace) as reader:
        return [str(image.state) for image in reader.images()][:3]


def test_changes_outside_a_turn_are_kept_while_another_program_locks_the_ledger(
    workspace: Workspace, ledger: EngineLedger, other_program: sqlite3.Connection
) -> None:
    other_program.execute("BEGIN IMMEDIATE")
    report(ledger)
    assert ledger.kept == 5
    with pytest.raises(LedgerFault) as caught, ledger.turn():
        raise AssertionError("a turn has begun although the ledger is locked")
    assert caught.value.kind is LedgerFaultKind.LOCKED
    with pytest.raises(LedgerFault, match="another program has locked the ledger"):
        ledger.requeue(Selection(all=True))
    other_program.execute("ROLLBACK")
    with ledger.turn():
        assert start(ledger, 3) == 1
    assert ledger.kept == 0
    assert states(workspace) == ["done", "failed", "in_flight"]


def test_a_turn_that_the_disk_does_not_take_is_whole_in_the_next_one(
    workspace: Workspace, ledger: EngineLedger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SQLite's own limit on a file's size fails a statement in the middle, as a full disk does."""
    database = ledger._db
    (pages,) = database.execute("PRAGMA page_count").fetchone()
    database.execute(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(LedgerFault) as caught, ledger.turn():
        for _ in range(50):
            ledger.event(EventLevel.INFO, EventKind.ENGINE, "x" * 4000)
        report(ledger)
        ledger.check()
        raise AssertionError("the turn has gone on although nothing can be written")
    assert caught.value.kind is LedgerFaultKind.DISK_FULL
    assert states(workspace) == ["in_flight"] * 3
    with pytest.raises(LedgerFault):
        ledger.write_kept()
    database.execute("PRAGMA max_page_count = 100000")
    with ledger.turn():
        pass
    assert ledger.kept == 0
    assert states(workspace) == ["done", "failed", "pending"]
    with LedgerReader(workspace) as reader:
        assert len([event for event in reader.events() if event.message == "x" * 4000]) == 50
        assert [attempt.number for attempt in reader.attempts(1)] == [1]


def test_the_account_follows_every_change_and_forgets_what_was_undone(ledger: EngineLedger) -> None:
    assert total(ledger) == Account(rows=6, pending=3, in_flight=3)
    with pytest.raises(LedgerFault), ledger.turn():
        report(ledger)
        assert total(ledger) == Account(rows=6, pending=4, done=1, failed=1)
        ledger._note(sqlite_error(sqlite3.SQLITE_IOERR_WRITE))
    assert total(ledger) == Account(rows=6, pending=3, in_flight=3)
    ledger.write_kept()
    assert total(ledger) == Account(rows=6, pending=4, done=1, failed=1)


def test_what_is_shown_is_the_last_that_could_be_read(
    workspace: Workspace, ledger: EngineLedger, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = ledger.figures()
    error = sqlite_error(sqlite3.SQLITE_IOERR_READ)
    with ledger.turn():
        start(ledger, 4)  # so that there is something new to read
    with monkeypatch.context() as broken:
        broken.setattr(EngineLedger, "_select", lambda *_: (_ for _ in ()).throw(error))
        assert ledger.figures() == before
        assert ledger.account() == before.accounts
        assert ledger.subject(1).image_id == 1
    with pytest.raises(LedgerFault, match="cannot be read or written"):
        ledger.check()


def test_events_of_people_do_not_fill_the_memory(
    ledger: EngineLedger, other_program: sqlite3.Connection
) -> None:
    other_program.execute("BEGIN IMMEDIATE")
    for number in range(5000):
        ledger.event(EventLevel.INFO, EventKind.ENGINE, f"order {number}")
    assert ledger.kept == 2000


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (sqlite3.SQLITE_BUSY_SNAPSHOT, LedgerFaultKind.LOCKED),
        (sqlite3.SQLITE_FULL, LedgerFaultKind.DISK_FULL),
        (sqlite3.SQLITE_IOERR_FSYNC, LedgerFaultKind.UNREACHABLE),
        (sqlite3.SQLITE_READONLY_DBMOVED, LedgerFaultKind.UNREACHABLE),
        (sqlite3.SQLITE_CANTOPEN, LedgerFaultKind.UNREACHABLE),
        (sqlite3.SQLITE_NOTADB, LedgerFaultKind.DAMAGED),
        (sqlite3.SQLITE_CORRUPT_VTAB, LedgerFaultKind.DAMAGED),
        (sqlite3.SQLITE_CONSTRAINT, None),
    ],
)
def test_sqlite_s_errors_and_what_they_mean(tmp_path: Path, code: int, kind: LedgerFaultKind | None) -> None:
    fault = fault_of(sqlite_error(code), tmp_path / "ledger.sqlite")
    assert (fault.kind if fault else None) is kind
