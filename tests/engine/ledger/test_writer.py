"""An image's way through its states: every change is whole, counted and kept."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from msgspec import structs

from engine.failures import Cause, Failure, Stage
from engine.ledger.account import Account
from engine.ledger.filters import ImageFilter, Selection
from engine.ledger.image_changes import NotInState
from engine.ledger.reader import LedgerReader
from engine.ledger.states import EventKind, EventLevel
from engine.ledger.writer import Ledger
from engine.messages import NotConverted
from engine.workspace import Workspace
from tests.support.ledgers import converted, finish, surveyed

BROKEN = Failure(Cause.CORRUPT, Stage.DECODING, "a block is damaged")
FACTS = NotConverted(1, BROKEN, ("odd marker",), 5_000_000, 1.5, 2.5)


def totals(workspace: Workspace) -> Account:
    with LedgerReader(workspace) as reader:
        return reader.figures().totals


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


def test_warnings_of_the_store_come_after_those_of_the_conversion(workspace: Workspace) -> None:
    with Ledger.open(workspace) as ledger:
        ledger.surveyed([surveyed(1)])
        ledger.start(1, 100, 10, "whole")
        ledger.converted(structs.replace(converted(1), warnings=("grey",)))
        ledger.done(1, ['no record id: "Ж"'])
    with LedgerReader(workspace) as reader:
        (row,) = (row for row in reader.iterate(ImageFilter()) if row.id == 1)
    assert row.warnings == ("grey", 'no record id: "Ж"')


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


def test_what_happened_on_another_machine_has_its_name_and_its_jpeg_waits_there(workspace: Workspace) -> None:
    """Its scratch is not the engine's: a JPEG of the same path here would be another one."""
    with Ledger.open(workspace) as ledger:
        ledger.surveyed([surveyed(1), surveyed(2)])
        for image, host in ((1, "conv2"), (2, "")):
            ledger.start(image, 100, 10, "whole", host=host)
            ledger.converted(converted(image), host)
            ledger.event(EventLevel.INFO, EventKind.CONVERTED, "small", image, 100, host=host)
    with LedgerReader(workspace) as reader:
        assert [reader.attempts(image)[0].host for image in (1, 2)] == ["conv2", ""]
        assert [event.host for event in reader.events(newest_first=False) if event.image_id] == ["conv2", ""]
        assert [reader.waiting_jpeg(image) is None for image in (1, 2)] == [True, False]
    with Ledger.open(workspace) as ledger:
        recovered = ledger.recover()
        assert [(row.request.image_id, row.host) for row in recovered] == [(1, "conv2"), (2, "")]
        assert ledger.account()["newspapers"] == Account(rows=6, pending=4, in_flight=2)


def test_what_is_not_converted_cannot_be_done(workspace: Workspace) -> None:
    with Ledger.open(workspace) as ledger:
        ledger.start(1, 1, 1, "whole")
        with pytest.raises(NotInState):
            ledger.done(1)
