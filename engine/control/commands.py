"""What people order over the socket: each command is carried out at once, and answered with what it will mean.

What is ordered about images is only recorded at once: the loop does it in slices."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from enum import Enum, auto
from typing import Any, Protocol

from engine.config.cluster_extra import HERE
from engine.control import snapshot
from engine.control.batch_orders import BatchLedger, arrange
from engine.control.peers import Peer
from engine.control.people import person_at
from engine.control.requests import (
    Accept,
    Add,
    AddReply,
    ApprovalReply,
    Approve,
    BatchesReply,
    BatchRequest,
    CountReply,
    Drain,
    DrainHost,
    ForgetHost,
    GetOrder,
    GetSnapshot,
    GiveVerdicts,
    HoldBatch,
    HostReply,
    InFlightReply,
    LedgerRequest,
    MoveBatch,
    OrderReply,
    Pause,
    ReleaseBatch,
    ReplaceDelivered,
    Reply,
    Request,
    Requeue,
    RequeueMissing,
    Resume,
    ResumeReply,
    SetWorkers,
    SignOffRequest,
    Skip,
    SkipReply,
    SnapshotReply,
    Stop,
    StopReply,
    VerdictsReply,
    WithdrawApproval,
    WorkersReply,
    read_request,
)
from engine.control.snapshot import HoldReason, OrderSnapshot, Person, Snapshot
from engine.failures import UserError, one_line
from engine.formatting import clock, counted
from engine.ledger.filters import Selection
from engine.ledger.order import Order
from engine.ledger.replacements import DeliveredJpeg
from engine.ledger.states import EventKind, EventLevel, OrderKind
from engine.ledger.verdicts import GivenVerdict, VerdictsTaken

_MISSING = "not in the store any more"
_LEAVING = "the engine is leaving: start it again with `photostat run`"


class DesiredState(Enum):
    """What people want of the engine."""

    RUN = auto()
    PAUSE = auto()
    DRAIN = auto()
    """Finish what is in flight, then leave."""
    STOP = auto()
    """Leave at once."""


class CommandedEngine(Protocol):
    """What the commands need of an engine."""

    desired: DesiredState
    pause: snapshot.Pause | None
    """Who has paused it, and when; None if it is not paused."""

    @property
    def in_flight(self) -> int:
        """Images that workers have."""

    @property
    def on_scratch(self) -> int:
        """JPEGs that wait for the store."""

    def snapshot(self) -> Snapshot: ...

    def want_workers(self, count: int) -> tuple[int, int]:
        """From now on so many, or as many as memory allows; returns how many were wanted before and are now."""

    def want_workers_on(self, host: str, count: int) -> tuple[int, int]:
        """The same of another machine. Raises UserError for a host that is not there."""

    def drain_host(self, name: str, by: Person) -> HostReply:
        """It finishes what it has, gets nothing new, and leaves. Raises UserError for a host that is not there."""

    def forget_host(self, name: str, by: Person) -> HostReply:
        """Its invitation is void, and if it is there, it is let go. Raises UserError for an unknown host."""

    def skip(self, image_id: int, started: float | None, by: Person, *, fail: bool) -> SkipReply:
        """End the attempt at this image now. Raises UserError if it is not there, and then nothing is changed."""

    def probe_now(self) -> float | None:
        """Probe at once whether what the engine holds for works again, and unless it is paused, work outside its hours
        too. Returns until when, Unix time, s; None if it did not hold for them, or still does."""

    def wake(self) -> None:
        """Begin the next turn of the loop at once."""


_MOST_NAME = 200
"""Characters, as the field on a review's page takes."""


class Opinions(Protocol):
    """The ledger's record of what people say of images and batches; see `engine.ledger.sign_off`.

    Each raises UserError, and then nothing is recorded."""

    def give_verdicts(self, given: Sequence[GivenVerdict], person: str) -> VerdictsTaken: ...

    def approve(
        self, batch: str, note: str, person: str, given: float | None, seen: tuple[int, int]
    ) -> bool: ...

    def replace_delivered(
        self,
        delivered: Sequence[DeliveredJpeg],
        quality: int | None,
        subsampling: str | None,
        person: str,
    ) -> VerdictsTaken: ...

    def withdraw_approval(self, batch: str, note: str, person: str) -> bool: ...


class Orders(Opinions, BatchLedger, Protocol):
    """The ledger's record of what people order about images and batches."""

    def take_order(self, kind: OrderKind, selection: Selection, reason: str = "", person: str = "") -> Order:
        """Raises UserError, and then nothing is recorded."""

    def take_add(self, plan: str, summary: str, person: str = "") -> Order | None:
        """None if the plan does not fit any more. Raises UserError for one that cannot be read."""

    def order(self, number: int) -> Order:
        """Raises UserError if there is no such order."""


class Decisions(Protocol):
    """What people decide about images, in the ledger. Each raises UserError, and then nothing was changed."""

    def requeue(self, selection: Selection) -> int: ...

    def convert_again(self, ids: Sequence[int], reason: str) -> int: ...

    def accept_selected(self, selection: Selection, reason: str) -> int: ...

    def event(self, level: EventLevel, kind: EventKind, message: str, *, pid: int | None = None) -> None: ...

    def transaction(self, *, power_safe: bool = False) -> AbstractContextManager[None]: ...


class Journal(Protocol):
    """The history that the ledger and the log keep."""

    def info(self, kind: EventKind, message: str, /) -> None: ...


class Commands:
    """Carries out requests; the server calls `answer`."""

    def __init__(self, engine: CommandedEngine, ledger: Orders, journal: Journal) -> None:
        self._engine = engine
        self._ledger = ledger
        self._journal = journal

    def answer(self, command: str, arguments: Mapping[str, Any], peer: Peer | None = None) -> Reply:
        """Raises UserError to refuse, and then nothing was done. `peer` is the process that asks."""
        reply = self._carry_out(read_request(command, arguments), peer)
        self._engine.wake()
        return reply

    def _carry_out(self, request: Request[Any], peer: Peer | None) -> Reply:
        match request:
            case GetSnapshot():
                return SnapshotReply(snapshot=self._engine.snapshot())
            case Pause():
                return self._pause(person_at(peer))
            case Resume():
                return self._resume(person_at(peer))
            case Drain():
                return self._drain(person_at(peer))
            case Stop():
                return self._stop(person_at(peer))
            case SetWorkers():
                return self._set_workers(request, person_at(peer))
            case DrainHost():
                self._refuse_when_stopping()
                return self._engine.drain_host(request.host, person_at(peer))
            case ForgetHost():
                return self._engine.forget_host(request.host, person_at(peer))
            case Skip():
                self._refuse_when_stopping()
                return self._engine.skip(request.image, request.started, person_at(peer), fail=request.fail)
            case GetOrder():
                return OrderReply(order=OrderSnapshot.of(self._ledger.order(request.order)))
            case Requeue() | RequeueMissing() | Accept():
                return self._take(request, str(person_at(peer)))
            case Add():
                return self._add(request, str(person_at(peer)))
            case GiveVerdicts() | Approve() | WithdrawApproval() | ReplaceDelivered():
                self._refuse_when_stopping()
                return record(self._ledger, request, person_at(peer))
            case MoveBatch() | HoldBatch() | ReleaseBatch():
                return self._arrange(request, person_at(peer))
        raise NotImplementedError(request)

    def _pause(self, person: Person) -> InFlightReply:
        self._refuse_when_leaving()
        if self._engine.pause is None:
            self._engine.pause = snapshot.Pause(person, time.time())
        self._set_desired(DesiredState.PAUSE, f"paused by {person}")
        return self._to_be_finished()

    def _resume(self, person: Person) -> ResumeReply:
        self._refuse_when_leaving()
        until = self._engine.probe_now()
        if until is not None:
            what = f"works outside its hours too, until {clock(until, time.time())}: resumed by {person}"
            self._journal.info(EventKind.ENGINE, what)
        self._engine.pause = None
        self._set_desired(DesiredState.RUN, f"resumed by {person}")
        return ResumeReply(outside_hours_until=until, hold=self._engine.snapshot().hold)

    def _drain(self, person: Person) -> InFlightReply:
        self._refuse_when_leaving()
        what = f"drained by {person}: finishing what is in flight, then leaving"
        self._set_desired(DesiredState.DRAIN, what)
        return self._to_be_finished()

    def _to_be_finished(self) -> InFlightReply:
        """With a worker, or waiting for the store, which may be slow."""
        return InFlightReply(in_flight=self._engine.in_flight + self._engine.on_scratch)

    def _stop(self, person: Person) -> StopReply:
        self._set_desired(DesiredState.STOP, f"stopped by {person}")
        return StopReply(in_flight=self._engine.in_flight, on_scratch=self._engine.on_scratch)

    def _set_workers(self, request: SetWorkers, person: Person) -> WorkersReply:
        count, there = request.count, "" if request.host == HERE else f" on {request.host}"
        if request.host == HERE:
            before, now = self._engine.want_workers(count)
        else:
            before, now = self._engine.want_workers_on(request.host, count)
        limit = f" instead of {count}: memory allows no more" if now < count else ""
        self._journal.info(EventKind.ENGINE, f"workers{there}: {before} to {now}{limit}, by {person}")
        return WorkersReply(before=before, count=now, limited_by=HoldReason.MEMORY if now < count else None)

    def _add(self, request: Add, person: str) -> AddReply:
        self._refuse_when_stopping()
        order = self._ledger.take_add(request.plan, one_line(request.summary), person)
        return AddReply(order=None if order is None else OrderSnapshot.of(order))

    def _arrange(self, request: BatchRequest, person: Person) -> BatchesReply:
        self._refuse_when_stopping()
        event = arrange(self._ledger, request, person)
        if event is not None:
            self._journal.info(EventKind.BATCH, event)
        return BatchesReply(changed=event is not None, batches=self._engine.snapshot().batches)

    def _take(self, request: LedgerRequest, person: str) -> OrderReply:
        self._refuse_when_stopping()
        match request:
            case Requeue():
                order = self._ledger.take_order(OrderKind.REQUEUE, request.selection, "", person)
            case RequeueMissing():
                order = self._ledger.take_order(
                    OrderKind.REQUEUE_MISSING, Selection(ids=request.ids), _MISSING, person
                )
            case Accept():
                reason = one_line(request.reason)
                order = self._ledger.take_order(OrderKind.ACCEPT, request.selection, reason, person)
        return OrderReply(order=OrderSnapshot.of(order))

    def _set_desired(self, desired: DesiredState, message: str) -> None:
        if self._engine.desired is not desired:
            self._engine.desired = desired
            self._journal.info(EventKind.ENGINE, message)

    def _refuse_when_stopping(self) -> None:
        if self._engine.desired is DesiredState.STOP:
            raise UserError(_LEAVING)

    def _refuse_when_leaving(self) -> None:
        if self._engine.desired in (DesiredState.DRAIN, DesiredState.STOP):
            raise UserError(_LEAVING)


def record(ledger: Opinions, request: SignOffRequest, person: Person) -> VerdictsReply | ApprovalReply:
    """Raises UserError, and then nothing was recorded."""
    who = f"{person.user}@{person.host}"
    name = one_line(request.by).strip()
    if len(name) > _MOST_NAME:
        raise UserError(f"a name has at most {_MOST_NAME} characters; nothing was changed")
    if name:
        who = f"{name} ({who})"
    match request:
        case GiveVerdicts():
            return VerdictsReply(taken=ledger.give_verdicts(request.verdicts, who))
        case ReplaceDelivered():
            taken = ledger.replace_delivered(request.images, request.quality, request.subsampling, who)
            return VerdictsReply(taken=taken)
        case Approve():
            seen = (request.changes, request.not_fine)
            return ApprovalReply(
                recorded=ledger.approve(request.batch, request.note, who, request.given, seen)
            )
        case WithdrawApproval():
            return ApprovalReply(recorded=ledger.withdraw_approval(request.batch, request.note, who))


def decide(ledger: Decisions, request: LedgerRequest, person: Person) -> CountReply:
    """Carries out what a person has decided about images, and records who it was. Raises UserError, and then nothing
    was changed."""
    with ledger.transaction(power_safe=True):
        match request:
            case Requeue():
                count, kind, what = ledger.requeue(request.selection), EventKind.REQUEUE, "requeued"
            case RequeueMissing():
                count = ledger.convert_again(request.ids, _MISSING)
                kind, what = EventKind.REQUEUE, f"requeued: {_MISSING}"
            case Accept():
                reason = one_line(request.reason)
                count = ledger.accept_selected(request.selection, reason)
                kind, what = EventKind.ACCEPT, f"accepted: {reason}"
        if count:
            message = f"{counted(count, 'image')} {what}, by {person}"
            ledger.event(EventLevel.INFO, kind, message, pid=os.getpid())
    return CountReply(count=count)
