"""What a client may ask of the engine, and the reply to each: the messages of the engine's socket.

Every message is a line of JSON. The server speaks first: `{"photostat": 1, "version": "0.1.0", "pid": 4711}`. A request
has its fields beside its id: `{"id": 7, "command": "workers", "count": 4}`. So has the reply, with the same id:
`{"id": 7, "ok": true, "before": 2, "count": 4}`; a refusal is `{"id": 7, "ok": false, "error": "one line"}`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Annotated, Any, Generic, Literal, TypeVar, get_args

from msgspec import Meta, Struct, ValidationError, convert, structs

from engine.config import MOST_WORKERS
from engine.config.cluster_extra import HERE
from engine.control.numbers import Count, Number
from engine.control.process_snapshots import LeftBehind
from engine.control.snapshot import BatchSnapshot, Hold, HoldReason, OrderSnapshot, Snapshot
from engine.failures import UserError, one_line
from engine.ledger.batch_order import BatchMove
from engine.ledger.filters import Selection
from engine.ledger.orders import MOST_IDS
from engine.ledger.replacements import DeliveredJpeg
from engine.ledger.verdicts import GivenVerdict, VerdictsTaken

PROTOCOL = 1
MAX_LINE_BYTES = 4 << 20

ReplyT = TypeVar("ReplyT", bound="Reply")

Id = int | str | None
BatchName = Annotated[str, Meta(description="the name of a batch")]
ImageIds = Annotated[tuple[int, ...], Meta(description="an array of whole numbers")]


class Hello(Struct, frozen=True):
    """The engine's first line on every connection."""

    photostat: int
    """The protocol's version."""
    version: str
    pid: Count


class Answer(Struct, frozen=True):
    """What every reply has; its other fields are those of a Reply, if it is ok."""

    id: Id
    ok: bool
    error: str = "the engine refused, and gave no reason"


class Reply(Struct, frozen=True, omit_defaults=True, kw_only=True):
    """The request was carried out."""

    id: Id = None
    """The request's; None where no engine was asked."""


class SnapshotReply(Reply, frozen=True, kw_only=True):
    snapshot: Snapshot


class ResumeReply(Reply, frozen=True, kw_only=True):
    outside_hours_until: Number | None = None
    """Until then it works outside its hours too, Unix time, s: the end of its next ones. None if these are its hours,
    or if it still holds for them."""
    hold: Hold | None = None
    """Still."""


class InFlightReply(Reply, frozen=True, kw_only=True):
    in_flight: Count
    """Images that will be finished."""


class StopReply(Reply, frozen=True, kw_only=True):
    in_flight: Count
    """Images that go back to pending."""
    on_scratch: Count
    """JPEGs that wait for the next run."""
    left_behind: tuple[LeftBehind, ...] = ()
    """Processes that no signal ends; known when the engine has left."""


class WorkersReply(Reply, frozen=True, kw_only=True):
    before: Count
    count: Count
    """From now on."""
    limited_by: HoldReason | None = None
    """Why there are fewer than were asked for."""


class HostReply(Reply, frozen=True, kw_only=True):
    host: str
    changed: bool
    """False if it was so before."""
    is_there: bool
    """Connected, when this was ordered."""
    in_flight: Count
    """Images that its workers have."""
    waiting: Count
    """JPEGs that it has and that are not in the store yet."""
    still_connects_to: str = ""
    """The scheduler of others, whose certificates a host that was forgotten still has; empty if its own is void."""


class SkipReply(Reply, frozen=True, kw_only=True):
    image: Count
    name: str
    """The target's file name."""
    worker: Count | None = None
    """Which had it; None if it waited for a source that does not answer."""
    pid: Count | None = None


class OrderReply(Reply, frozen=True, kw_only=True):
    """It is recorded and will be done, by this engine or the next."""

    order: OrderSnapshot


class AddReply(Reply, frozen=True, kw_only=True):
    order: OrderSnapshot | None
    """None if orders were taken since the plan was made: another plan is needed."""


class VerdictsReply(Reply, frozen=True, kw_only=True):
    taken: VerdictsTaken


class ApprovalReply(Reply, frozen=True, kw_only=True):
    recorded: bool
    """False if the ledger had it so already."""


class BatchesReply(Reply, frozen=True, kw_only=True):
    """Recorded in the ledger, for this engine and those after it."""

    changed: bool
    """False if it was so before."""
    batches: tuple[BatchSnapshot, ...]
    """All of them, in their order now."""


class CountReply(Reply, frozen=True, kw_only=True):
    """What has come of orders: no engine sends it."""

    count: Count
    """Images that were changed."""


class Request(Struct, Generic[ReplyT], frozen=True, tag_field="command"):
    """Refused, or carried out at once and answered with a `ReplyT`; an order about images is only recorded at once."""

    @classmethod
    def name(cls) -> str:
        """Its `command` on the socket."""
        return str(cls.__struct_config__.tag)

    @classmethod
    def reply_type(cls) -> type[ReplyT]:
        (generic,) = cls.__orig_bases__  # type: ignore[attr-defined]
        reply: type[ReplyT] = get_args(generic)[0]
        return reply


class GetSnapshot(Request[SnapshotReply], frozen=True, tag="snapshot"):
    pass


class Pause(Request[InFlightReply], frozen=True, tag="pause"):
    """Start no more images."""


class Resume(Request[ResumeReply], frozen=True, tag="resume"):
    """Continue after a pause, and probe at once whether what the engine holds for works again.

    Where it holds for its hours and is not paused, it works until the end of its next ones."""


class Drain(Request[InFlightReply], frozen=True, tag="drain"):
    """Finish what is in flight, then leave."""


class Stop(Request[StopReply], frozen=True, tag="stop"):
    """Leave at once."""


class SetWorkers(Request[WorkersReply], frozen=True, tag="workers", omit_defaults=True):
    count: Annotated[int, Meta(ge=1, le=MOST_WORKERS, description=f"a number from 1 to {MOST_WORKERS}")]
    host: Annotated[str, Meta(description="the name of a host")] = HERE


class DrainHost(Request[HostReply], frozen=True, tag="drain_host"):
    """A host finishes what it has, gets nothing new, and leaves."""

    host: Annotated[str, Meta(description="the name of a host")]


class ForgetHost(Request[HostReply], frozen=True, tag="forget_host"):
    """The invitation of a host is void; if it is there, it is let go at once."""

    host: Annotated[str, Meta(description="the name of a host")]


class GetOrder(Request[OrderReply], frozen=True, tag="order"):
    """How far an order is."""

    order: Annotated[int, Meta(ge=0, lt=2**53, description="a whole number")]


class Skip(Request[SkipReply], frozen=True, tag="skip"):
    """End the attempt at one image now: it waits behind all others, or fails."""

    image: Annotated[int, Meta(ge=0, lt=2**53, description="a whole number")]
    started: Annotated[float | None, Meta(description="Unix time or null")]
    """Of the attempt that the person was asked about, as its worker's `started`; null for any."""
    fail: Annotated[bool, Meta(description="true or false")]


class Requeue(Request[OrderReply], frozen=True, tag="requeue"):
    """Convert failed images once more; accepted ones too, if their ids are given."""

    selection: Annotated[Selection, Meta(description="a JSON object that selects images")]


class RequeueMissing(Request[OrderReply], frozen=True, tag="requeue_missing"):
    """Convert images once more that are done and whose JPEGs are not in the store any more."""

    ids: ImageIds


class Accept(Request[OrderReply], frozen=True, tag="accept"):
    """Take failed images out of the account."""

    selection: Annotated[Selection, Meta(description="a JSON object that selects images")]
    reason: Annotated[str, Meta(description="text")]


class Add(Request[AddReply], frozen=True, tag="add"):
    """Carry out what an import has found out beside the engine (`engine.ledger.staging`)."""

    plan: Annotated[str, Meta(description="the name of a file")]
    summary: Annotated[str, Meta(description="text")]
    """For the history, one line."""


class GiveVerdicts(Request[VerdictsReply], frozen=True, tag="verdicts"):
    """What a person says of delivered JPEGs."""

    verdicts: Annotated[tuple[GivenVerdict, ...], Meta(description="an array of verdicts")]
    by: Annotated[str, Meta(description="text")]
    """The name that they give; empty if none. Whose process asks is recorded in any case."""


class Approve(Request[ApprovalReply], frozen=True, tag="approve"):
    """A person approves a batch as it was shown to them."""

    batch: Annotated[str, Meta(description="text")]
    note: Annotated[str, Meta(description="text")]
    by: Annotated[str, Meta(description="text")]
    given: Annotated[float | None, Meta(description="Unix time or null")]
    changes: Annotated[int, Meta(ge=0, lt=2**53, description="a whole number")]
    """Of the batch's Standing that they saw, as `not_fine`."""
    not_fine: Annotated[int, Meta(ge=0, lt=2**53, description="a whole number")]


class WithdrawApproval(Request[ApprovalReply], frozen=True, tag="withdraw_approval"):
    batch: Annotated[str, Meta(description="text")]
    note: Annotated[str, Meta(description="text")]
    by: Annotated[str, Meta(description="text")]


class ReplaceDelivered(Request[VerdictsReply], frozen=True, tag="replace_delivered"):
    """Convert delivered images once more, and put each JPEG in the place of the one in the store."""

    images: Annotated[tuple[DeliveredJpeg, ...], Meta(description="an array of images with MD5s")]
    quality: Annotated[
        Annotated[int, Meta(ge=1, le=100)] | None, Meta(description="a number from 1 to 100, or null")
    ]
    """None is as the image has it, as with `subsampling`."""
    subsampling: Annotated[
        Literal["auto", "4:4:4", "4:2:0"] | None, Meta(description="auto, 4:4:4, 4:2:0, or null")
    ]
    by: Annotated[str, Meta(description="text")]


SignOffRequest = GiveVerdicts | Approve | WithdrawApproval | ReplaceDelivered
"""Recorded at once, by the engine or, without one, by the command itself."""


class MoveBatch(Request[BatchesReply], frozen=True, tag="move_batch"):
    """Give a batch another place in the order in which batches are converted."""

    batch: BatchName
    to: Annotated[BatchMove, Meta(description="first, up, down or last")]


class HoldBatch(Request[BatchesReply], frozen=True, tag="hold_batch"):
    """Start nothing of a batch any more."""

    batch: BatchName
    reason: Annotated[str, Meta(description="text")]
    """May be empty."""


class ReleaseBatch(Request[BatchesReply], frozen=True, tag="release_batch"):
    batch: BatchName


BatchRequest = MoveBatch | HoldBatch | ReleaseBatch
"""Needs the ledger alone, and is carried out at once."""
LedgerRequest = Requeue | RequeueMissing | Accept
"""Needs the ledger alone: without an engine, the command itself can carry it out."""


def in_parts(request: LedgerRequest) -> list[LedgerRequest]:
    """The same as several orders, none of which names too many images."""
    ids = request.ids if isinstance(request, RequeueMissing) else request.selection.ids
    if len(ids) <= MOST_IDS:
        return [request]
    parts = [ids[at : at + MOST_IDS] for at in range(0, len(ids), MOST_IDS)]
    if isinstance(request, RequeueMissing):
        return [RequeueMissing(part) for part in parts]
    selections = [structs.replace(request.selection, ids=part) for part in parts]
    return [structs.replace(request, selection=selection) for selection in selections]


_REQUESTS: dict[str, type[Request[Any]]] = {
    kind.name(): kind
    for kind in (
        GetSnapshot,
        Pause,
        Resume,
        Drain,
        Stop,
        SetWorkers,
        DrainHost,
        ForgetHost,
        Skip,
        GetOrder,
        Requeue,
        RequeueMissing,
        Accept,
        Add,
        GiveVerdicts,
        Approve,
        WithdrawApproval,
        ReplaceDelivered,
        MoveBatch,
        HoldBatch,
        ReleaseBatch,
    )
}


def read_request(command: str, arguments: Mapping[str, Any]) -> Request[Any]:
    """The request with these fields; raises UserError that says which field must be what."""
    kind = _REQUESTS.get(command)
    if kind is None:
        raise UserError(f"unknown command {one_line(command)!r}")
    fields = {field.name: field.type for field in structs.fields(kind)}
    for name in arguments:
        if name not in fields:
            raise UserError(f"{command}: there is no argument {one_line(name)!r}")
    for field in structs.fields(kind):
        if field.required and field.name not in arguments:
            raise UserError(f"{command}: the argument {field.name!r} is missing")
    _check_texts(command, arguments)
    return kind(**{name: _read(command, name, fields[name], value) for name, value in arguments.items()})


def _read(command: str, name: str, of: Any, value: Any) -> Any:
    try:
        return convert(value, of)
    except ValidationError as error:
        what = next(mark.description for mark in get_args(of) if isinstance(mark, Meta) and mark.description)
        raise UserError(f"{command}: {name}: {what}, not {one_line(repr(value))[:80]}") from error


def _check_texts(command: str, arguments: Mapping[str, Any]) -> None:
    """JSON can spell halves of characters, which cannot be written into the ledger."""
    try:
        json.dumps(arguments, ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        raise UserError(f"{command}: not a text: {error.reason}") from error
