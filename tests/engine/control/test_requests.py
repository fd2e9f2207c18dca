"""Messages on the socket are typed at both ends: each arrives as it was sent, and nothing else passes for one."""

from __future__ import annotations

import json
from typing import Any

import pytest
from msgspec import ValidationError, convert, to_builtins

from engine.config import MOST_WORKERS
from engine.control.requests import (
    Accept,
    Add,
    AddReply,
    Answer,
    BatchesReply,
    CountReply,
    Drain,
    DrainHost,
    ForgetHost,
    GetOrder,
    GetSnapshot,
    Hello,
    HoldBatch,
    HostReply,
    InFlightReply,
    MoveBatch,
    OrderReply,
    Pause,
    ReleaseBatch,
    Reply,
    Request,
    Requeue,
    RequeueMissing,
    Resume,
    ResumeReply,
    SetWorkers,
    Skip,
    SkipReply,
    SnapshotReply,
    Stop,
    StopReply,
    WorkersReply,
    read_request,
)
from engine.control.snapshot import HoldReason
from engine.failures import UserError
from engine.ledger.batch_order import BatchMove
from engine.ledger.filters import Selection

REQUESTS: list[tuple[Request[Any], dict[str, Any], type[Reply]]] = [
    (GetSnapshot(), {"command": "snapshot"}, SnapshotReply),
    (Pause(), {"command": "pause"}, InFlightReply),
    (Resume(), {"command": "resume"}, ResumeReply),
    (Drain(), {"command": "drain"}, InFlightReply),
    (Stop(), {"command": "stop"}, StopReply),
    (SetWorkers(4), {"command": "workers", "count": 4}, WorkersReply),
    (SetWorkers(4, "conv2"), {"command": "workers", "count": 4, "host": "conv2"}, WorkersReply),
    (DrainHost("conv2"), {"command": "drain_host", "host": "conv2"}, HostReply),
    (ForgetHost("conv2"), {"command": "forget_host", "host": "conv2"}, HostReply),
    (
        Requeue(Selection((1, 2), "maps")),
        {
            "command": "requeue",
            "selection": {
                "ids": [1, 2],
                "batch": "maps",
                "cause": None,
                "all": False,
                "text": None,
                "until_event": None,
            },
        },
        OrderReply,
    ),
    (
        Skip(7, 1772409845.123456, False),
        {"command": "skip", "image": 7, "started": 1772409845.123456, "fail": False},
        SkipReply,
    ),
    (RequeueMissing((7,)), {"command": "requeue_missing", "ids": [7]}, OrderReply),
    (
        Accept(Selection(cause="corrupt", until_event=9), "lost"),
        {
            "command": "accept",
            "selection": {
                "ids": [],
                "batch": None,
                "cause": "corrupt",
                "all": False,
                "text": None,
                "until_event": 9,
            },
            "reason": "lost",
        },
        OrderReply,
    ),
    (Add("a plan", "5 new"), {"command": "add", "plan": "a plan", "summary": "5 new"}, AddReply),
    (
        MoveBatch("maps", BatchMove.UP),
        {"command": "move_batch", "batch": "maps", "to": "up"},
        BatchesReply,
    ),
    (
        HoldBatch("maps", "the review"),
        {"command": "hold_batch", "batch": "maps", "reason": "the review"},
        BatchesReply,
    ),
    (ReleaseBatch("maps"), {"command": "release_batch", "batch": "maps"}, BatchesReply),
    (GetOrder(7), {"command": "order", "order": 7}, OrderReply),
]


@pytest.mark.parametrize(("request_sent", "message", "reply"), REQUESTS, ids=lambda of: type(of).__name__)
def test_a_request_arrives_as_it_was_sent(
    request_sent: Request[Any], message: dict[str, Any], reply: type[Reply]
) -> None:
    on_the_wire = json.loads(json.dumps(to_builtins(request_sent)))
    assert on_the_wire == message
    assert read_request(on_the_wire.pop("command"), on_the_wire) == request_sent
    assert request_sent.reply_type() is reply


def test_a_selection_needs_only_what_it_selects_by() -> None:
    assert read_request("requeue", {"selection": {"all": True}}) == Requeue(Selection(all=True))


@pytest.mark.parametrize(
    ("command", "arguments", "says"),
    [
        ("dance", {}, "unknown command 'dance'"),
        ("pause\x1b", {}, r"unknown command 'pause\\x1b'"),
        ("pause", {"for": 5}, "pause: there is no argument 'for'"),
        ("workers", {}, "workers: the argument 'count' is missing"),
        ("workers", {"count": MOST_WORKERS + 1}, "workers: count: a number from 1 to 1024, not 1025"),
        ("workers", {"count": None}, "a number from 1 to 1024, not None"),
        ("requeue", {"selection": {"everything": True}}, "a JSON object that selects images, not"),
        ("requeue", {"selection": {"text": "\ud800"}}, "requeue: not a text"),
        ("accept", {"selection": {"ids": [1]}, "reason": None}, "accept: reason: text, not None"),
        ("requeue_missing", {"ids": "1"}, "requeue_missing: ids: an array of whole numbers, not '1'"),
        ("accept", {"selection": {"ids": "1"}, "reason": "x"}, "a JSON object that selects images, not"),
    ],
)
def test_a_bad_request_is_refused_with_what_is_wrong(
    command: str, arguments: dict[str, Any], says: str
) -> None:
    with pytest.raises(UserError) as caught:
        read_request(command, arguments)
    assert says in str(caught.value) and "\n" not in str(caught.value)


def test_a_long_value_is_cut_in_the_refusal() -> None:
    with pytest.raises(UserError) as caught:
        read_request("accept", {"selection": {"ids": ["1"] * 10_000}, "reason": "x"})
    assert len(str(caught.value)) < 200


@pytest.mark.parametrize(
    ("reply", "document"),
    [
        (Reply(id=1), {"id": 1}),
        (InFlightReply(id=1, in_flight=0), {"id": 1, "in_flight": 0}),
        (StopReply(id=1, in_flight=2, on_scratch=3), {"id": 1, "in_flight": 2, "on_scratch": 3}),
        (WorkersReply(id=1, before=2, count=4), {"id": 1, "before": 2, "count": 4}),
        (
            WorkersReply(id=1, before=2, count=4, limited_by=HoldReason.MEMORY),
            {"id": 1, "before": 2, "count": 4, "limited_by": "memory"},
        ),
        (CountReply(id=1, count=3), {"id": 1, "count": 3}),
    ],
)
def test_a_reply_is_the_document_that_the_commands_print(reply: Reply, document: dict[str, Any]) -> None:
    assert json.dumps(to_builtins(reply)) == json.dumps(document)
    assert convert(document | {"ok": True, "of a later version": []}, type(reply)) == reply


@pytest.mark.parametrize(
    ("kind", "document"),
    [
        (InFlightReply, {"id": 1, "in_flight": "many"}),
        (InFlightReply, {"id": 1, "in_flight": -1}),
        (InFlightReply, {"id": 1}),
        (StopReply, {"id": 1, "in_flight": 1, "on_scratch": 2.5}),
        (WorkersReply, {"id": 1, "before": 1, "count": True}),
        (WorkersReply, {"id": 1, "before": 1, "count": 1, "limited_by": "the moon"}),
        (CountReply, {"id": 1, "count": 2**60}),
        (SnapshotReply, {"id": 1, "snapshot": None}),
        (Answer, {}),
        (Answer, {"id": 1}),
        (Answer, {"id": 1, "ok": "yes"}),
        (Answer, {"id": 1, "ok": False, "error": 5}),
        (Answer, {"id": [1], "ok": True}),
        (Answer, [1]),
        (Hello, {"photostat": 1}),
        (Hello, {"photostat": True, "version": "0.1.0", "pid": 1}),
        (Hello, {"photostat": 1, "version": None, "pid": 1}),
        (Hello, {"photostat": 1, "version": "0.1.0", "pid": -1}),
    ],
)
def test_what_is_no_reply_is_refused(kind: type[Any], document: object) -> None:
    with pytest.raises(ValidationError):
        convert(document, kind)
