"""What each command does to an engine, told by an engine that only writes down what was asked of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest

from engine.control.commands import Commands, DesiredState
from engine.control.requests import CountReply, InFlightReply, Reply, SnapshotReply, StopReply, WorkersReply
from engine.control.snapshot import HoldReason, Snapshot
from engine.failures import UserError
from engine.ledger.account import LedgerFigures
from engine.ledger.filters import Selection

SNAPSHOT = Snapshot.from_ledger(LedgerFigures({}, 0, 0, ()), 5.0)


@dataclass
class RecordingEngine:
    """Has two images in flight and three JPEGs on scratch; memory allows four workers."""

    desired: DesiredState = DesiredState.RUN
    in_flight: int = 2
    on_scratch: int = 3
    workers: int = 1
    probes: int = 0
    wakes: int = 0

    def snapshot(self) -> Snapshot:
        return SNAPSHOT

    def want_workers(self, count: int) -> tuple[int, int]:
        before, self.workers = self.workers, min(count, 4)
        return before, self.workers

    def probe_now(self) -> None:
        self.probes += 1

    def wake(self) -> None:
        self.wakes += 1


@dataclass
class RecordingLedger:
    decisions: list[object] = field(default_factory=list)
    events: list[tuple[str, str]] = field(default_factory=list)

    def requeue(self, selection: Selection) -> int:
        self.decisions.append(selection)
        return 2

    def convert_again(self, ids: Sequence[int], reason: str) -> int:
        self.decisions.append((tuple(ids), reason))
        return len(ids)

    def accept(self, ids: Sequence[int], reason: str) -> int:
        if not reason:
            raise UserError("accepting needs a reason")
        self.decisions.append((tuple(ids), reason))
        return 1

    def info(self, kind: str, message: str, /) -> None:
        self.events.append((kind, message))


@pytest.fixture
def engine() -> RecordingEngine:
    return RecordingEngine()


@pytest.fixture
def ledger() -> RecordingLedger:
    return RecordingLedger()


@pytest.fixture
def commands(engine: RecordingEngine, ledger: RecordingLedger) -> Commands:
    return Commands(engine, ledger, ledger)


def test_a_pause_and_its_end(commands: Commands, engine: RecordingEngine, ledger: RecordingLedger) -> None:
    assert commands.answer("pause", {}) == InFlightReply(in_flight=2)
    assert engine.desired is DesiredState.PAUSE
    commands.answer("pause", {})
    assert commands.answer("resume", {}) == Reply()
    assert (engine.desired, engine.probes, engine.wakes) == (DesiredState.RUN, 1, 3)
    assert ledger.events == [("engine", "paused by a person"), ("engine", "resumed by a person")]


def test_an_engine_that_leaves_takes_no_pause(commands: Commands, engine: RecordingEngine) -> None:
    assert commands.answer("drain", {}) == InFlightReply(in_flight=2)
    for command in ("pause", "resume", "drain"):
        with pytest.raises(UserError, match="the engine is leaving"):
            commands.answer(command, {})
    assert (engine.desired, engine.probes) == (DesiredState.DRAIN, 0)
    assert commands.answer("stop", {}) == StopReply(in_flight=2, on_scratch=3)
    assert engine.desired is DesiredState.STOP


def test_workers_are_as_many_as_memory_allows(commands: Commands, ledger: RecordingLedger) -> None:
    assert commands.answer("workers", {"count": 3}) == WorkersReply(before=1, count=3)
    limited = WorkersReply(before=3, count=4, limited_by=HoldReason.MEMORY)
    assert commands.answer("workers", {"count": 9}) == limited
    assert ledger.events == [
        ("engine", "workers: 1 to 3"),
        ("engine", "workers: 3 to 4 instead of 9: memory allows no more"),
    ]


def test_decisions_go_to_the_ledger_and_its_history(commands: Commands, ledger: RecordingLedger) -> None:
    assert commands.answer("requeue", {"selection": {"batch": "maps"}}) == CountReply(count=2)
    assert commands.answer("requeue_missing", {"ids": [4, 5, 6]}) == CountReply(count=3)
    assert commands.answer("accept", {"ids": [1], "reason": " lost\x1b in\nthe flood "}) == CountReply(
        count=1
    )
    assert ledger.decisions == [
        Selection(batch="maps"),
        ((4, 5, 6), "not in the store any more"),
        ((1,), r"lost\x1b in the flood"),
    ]
    assert ledger.events == [
        ("requeue", "2 images requeued"),
        ("requeue", "3 images requeued: not in the store any more"),
        ("accept", r"1 image accepted: lost\x1b in the flood"),
    ]


def test_a_refusal_changes_nothing(
    commands: Commands, engine: RecordingEngine, ledger: RecordingLedger
) -> None:
    for command, arguments in (
        ("accept", {"ids": [1], "reason": " "}),
        ("workers", {"count": 0}),
        ("dance", {}),
    ):
        with pytest.raises(UserError):
            commands.answer(command, arguments)
    assert (ledger.decisions, ledger.events) == ([], [])
    assert (engine.workers, engine.wakes) == (1, 0)


def test_a_snapshot_is_the_engine_s(commands: Commands) -> None:
    assert commands.answer("snapshot", {}) == SnapshotReply(snapshot=SNAPSHOT)
