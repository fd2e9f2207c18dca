"""What each command does to an engine, told by an engine that only writes down what was asked of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest

from engine.control.commands import Commands, DesiredState
from engine.control.people import person_at
from engine.control.requests import (
    ApprovalReply,
    HostReply,
    InFlightReply,
    OrderReply,
    ResumeReply,
    SkipReply,
    SnapshotReply,
    StopReply,
    VerdictsReply,
    WorkersReply,
)
from engine.control.snapshot import HoldReason, OrderSnapshot, Pause, Person, Snapshot
from engine.failures import UserError
from engine.ledger.account import LedgerFigures
from engine.ledger.batch_order import BatchMove
from engine.ledger.filters import Selection
from engine.ledger.order import Order
from engine.ledger.replacements import DeliveredJpeg
from engine.ledger.states import OrderKind
from engine.ledger.verdicts import GivenVerdict, Verdict, VerdictsTaken

ME = person_at(None)
SNAPSHOT = Snapshot.from_ledger(LedgerFigures({}, 0, 0, ()), 5.0)


@dataclass
class RecordingEngine:
    """Has two images in flight and three JPEGs on scratch; memory allows four workers."""

    desired: DesiredState = DesiredState.RUN
    pause: Pause | None = None
    in_flight: int = 2
    on_scratch: int = 3
    workers: int = 1
    skipped: list[tuple[object, ...]] = field(default_factory=list)
    probes: int = 0
    wakes: int = 0
    outside_hours_until: float | None = None

    def snapshot(self) -> Snapshot:
        return SNAPSHOT

    def want_workers(self, count: int) -> tuple[int, int]:
        before, self.workers = self.workers, min(count, 4)
        return before, self.workers

    def want_workers_on(self, host: str, count: int) -> tuple[int, int]:
        if host != "b":
            raise UserError(f"{host} is not there now")
        return self.want_workers(count)

    def drain_host(self, name: str, by: Person) -> HostReply:
        return HostReply(host=name, changed=True, is_there=True, in_flight=2, waiting=0)

    def forget_host(self, name: str, by: Person) -> HostReply:
        return HostReply(host=name, changed=True, is_there=False, in_flight=0, waiting=0)

    def skip(self, image_id: int, started: float | None, by: Person, *, fail: bool) -> SkipReply:
        self.skipped.append((image_id, started, by, fail))
        return SkipReply(image=image_id, name="a.jpg", worker=1, pid=4712)

    def probe_now(self) -> float | None:
        self.probes += 1
        return self.outside_hours_until

    def wake(self) -> None:
        self.wakes += 1


@dataclass
class RecordingLedger:
    decisions: list[tuple[OrderKind, Selection, str]] = field(default_factory=list)
    events: list[tuple[str, str]] = field(default_factory=list)
    said: list[tuple[object, ...]] = field(default_factory=list)

    def take_order(self, kind: OrderKind, selection: Selection, reason: str = "", person: str = "") -> Order:
        assert person == str(ME)
        if kind is OrderKind.ACCEPT and not reason:
            raise UserError("accepting needs a reason")
        self.decisions.append((kind, selection, reason))
        return self.order(len(self.decisions))

    def take_add(self, plan: str, summary: str, person: str = "") -> Order | None:
        return None

    def move_batch(self, name: str, to: BatchMove) -> bool:
        return self._known(name) and to is not BatchMove.FIRST

    def hold_batch(self, name: str, by: str, reason: str) -> bool:
        return self._known(name)

    def release_batch(self, name: str) -> bool:
        return self._known(name)

    @staticmethod
    def _known(name: str) -> bool:
        if name != "maps":
            raise UserError(f"no batch {name!r}")
        return True

    def order(self, number: int) -> Order:
        kind, _, reason = self.decisions[number - 1]
        return Order(number, kind, 5.0, 3, 0, 0, None, None, reason)

    def give_verdicts(self, given: Sequence[GivenVerdict], person: str) -> VerdictsTaken:
        self.said.append((person, *given))
        return VerdictsTaken(tuple(one.image for one in given))

    def approve(self, batch: str, note: str, person: str, given: float | None, seen: tuple[int, int]) -> bool:
        self.said.append((person, batch, note, given, seen))
        return True

    def replace_delivered(
        self,
        delivered: Sequence[DeliveredJpeg],
        quality: int | None,
        subsampling: str | None,
        person: str,
    ) -> VerdictsTaken:
        self.said.append((person, *delivered, quality, subsampling))
        return VerdictsTaken(tuple(one.image for one in delivered))

    def withdraw_approval(self, batch: str, note: str, person: str) -> bool:
        self.said.append((person, batch, note))
        return False

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
    assert commands.answer("pause", {}) == InFlightReply(in_flight=5)
    assert engine.desired is DesiredState.PAUSE
    first = engine.pause
    assert first is not None
    assert first.by == ME
    commands.answer("pause", {})
    assert engine.pause is first, "who paused it first"
    assert commands.answer("resume", {}) == ResumeReply(hold=SNAPSHOT.hold)
    assert engine.pause is None
    assert (engine.desired, engine.probes, engine.wakes) == (DesiredState.RUN, 1, 3)
    assert ledger.events == [("engine", f"paused by {ME}"), ("engine", f"resumed by {ME}")]


def test_what_people_say_is_recorded_with_who_they_are_whatever_name_they_give(
    commands: Commands, engine: RecordingEngine, ledger: RecordingLedger
) -> None:
    me = f"{ME.user}@{ME.host}"
    verdict = {"image": 4, "verdict": "not-fine", "md5": "aa", "why": "too dark", "given": 3.5}
    taken = commands.answer("verdicts", {"verdicts": [verdict], "by": ""})
    assert taken == VerdictsReply(taken=VerdictsTaken((4,)))
    approval = {"batch": "maps", "note": "", "by": "Jane\nDoe ", "given": None, "changes": 9, "not_fine": 1}
    assert commands.answer("approve", approval) == ApprovalReply(recorded=True)
    withdrawal = {"batch": "maps", "note": "no", "by": ""}
    assert commands.answer("withdraw_approval", withdrawal) == ApprovalReply(recorded=False)
    assert ledger.said == [
        (me, GivenVerdict(4, Verdict.NOT_FINE, "aa", "too dark", 3.5)),
        (f"Jane Doe ({me})", "maps", "", None, (9, 1)),
        (me, "maps", "no"),
    ]
    for wrong in ({"verdict": "splendid"}, {"image": "4"}, {"colour": 1}):
        with pytest.raises(UserError, match="verdicts: verdicts: an array of verdicts, not"):
            commands.answer("verdicts", {"verdicts": [verdict | wrong], "by": ""})
    engine.desired = DesiredState.STOP
    with pytest.raises(UserError, match="the engine is leaving"):
        commands.answer("approve", approval)


def test_who_resumes_outside_the_hours_is_told_until_when_and_recorded(
    commands: Commands, engine: RecordingEngine, ledger: RecordingLedger
) -> None:
    engine.outside_hours_until = 1_772_409_845.0
    taken = commands.answer("resume", {})
    assert taken == ResumeReply(outside_hours_until=1_772_409_845.0, hold=SNAPSHOT.hold)
    ((kind, said),) = ledger.events
    assert kind == "engine"
    assert said.startswith("works outside its hours too, until ") and said.endswith(f": resumed by {ME}")


def test_an_engine_that_leaves_takes_no_pause(commands: Commands, engine: RecordingEngine) -> None:
    assert commands.answer("drain", {}) == InFlightReply(in_flight=5)
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
        ("engine", f"workers: 1 to 3, by {ME}"),
        ("engine", f"workers: 3 to 4 instead of 9: memory allows no more, by {ME}"),
    ]


def test_orders_are_recorded_and_told_how_far_they_are(commands: Commands, ledger: RecordingLedger) -> None:
    orders: tuple[tuple[str, dict[str, object]], ...] = (
        ("requeue", {"selection": {"batch": "maps"}}),
        ("requeue_missing", {"ids": [4, 5, 6]}),
        ("accept", {"selection": {"ids": [1]}, "reason": " lost\x1b in\nthe flood "}),
    )
    for number, (command, arguments) in enumerate(orders, start=1):
        taken = OrderReply(order=OrderSnapshot(number, OrderKind(command), 5.0, 3, 0, 0))
        assert commands.answer(command, arguments) == taken
        assert commands.answer("order", {"order": number}) == taken
    assert ledger.decisions == [
        (OrderKind.REQUEUE, Selection(batch="maps"), ""),
        (OrderKind.REQUEUE_MISSING, Selection(ids=(4, 5, 6)), "not in the store any more"),
        (OrderKind.ACCEPT, Selection(ids=(1,)), r"lost\x1b in the flood"),
    ]


def test_an_engine_that_stops_takes_no_order_and_one_that_drains_does(
    commands: Commands, engine: RecordingEngine, ledger: RecordingLedger
) -> None:
    commands.answer("drain", {})
    commands.answer("requeue", {"selection": {"all": True}})
    commands.answer("stop", {})
    with pytest.raises(UserError, match="the engine is leaving"):
        commands.answer("requeue", {"selection": {"all": True}})
    assert len(ledger.decisions) == 1


def test_a_refusal_changes_nothing(
    commands: Commands, engine: RecordingEngine, ledger: RecordingLedger
) -> None:
    for command, arguments in (
        ("accept", {"selection": {"ids": [1]}, "reason": " "}),
        ("workers", {"count": 0}),
        ("dance", {}),
    ):
        with pytest.raises(UserError):
            commands.answer(command, arguments)
    assert (ledger.decisions, ledger.events) == ([], [])
    assert (engine.workers, engine.wakes) == (1, 0)


def test_a_snapshot_is_the_engine_s(commands: Commands) -> None:
    assert commands.answer("snapshot", {}) == SnapshotReply(snapshot=SNAPSHOT)


def test_an_image_is_skipped_also_while_paused_or_draining_but_not_after_a_stop(
    commands: Commands, engine: RecordingEngine
) -> None:
    for command in ("pause", "drain"):
        commands.answer(command, {})
        reply = commands.answer("skip", {"image": 7, "started": 5.5, "fail": True})
        assert reply == SkipReply(image=7, name="a.jpg", worker=1, pid=4712)
    commands.answer("stop", {})
    with pytest.raises(UserError, match="leaving"):
        commands.answer("skip", {"image": 8, "started": None, "fail": False})
    assert engine.skipped == [(7, 5.5, ME, True)] * 2


def test_what_is_ordered_of_a_host_goes_there_and_without_a_name_to_the_engines_own_machine() -> None:
    engine, ledger = RecordingEngine(), RecordingLedger()
    commands = Commands(engine, ledger, ledger)
    assert commands.answer("workers", {"count": 3}) == WorkersReply(before=1, count=3)
    assert commands.answer("workers", {"count": 2, "host": "b"}) == WorkersReply(before=3, count=2)
    with pytest.raises(UserError, match="c is not there now"):
        commands.answer("workers", {"count": 2, "host": "c"})
    assert commands.answer("drain_host", {"host": "b"}) == HostReply(
        host="b", changed=True, is_there=True, in_flight=2, waiting=0
    )
    assert commands.answer("forget_host", {"host": "c"}) == HostReply(
        host="c", changed=True, is_there=False, in_flight=0, waiting=0
    )
    engine.desired = DesiredState.STOP
    with pytest.raises(UserError, match="leaving"):
        commands.answer("drain_host", {"host": "b"})
    assert ledger.events[-1][1].startswith("workers on b: 3 to 2")
