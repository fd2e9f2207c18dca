"""What people decide about images is carried out by the engine if one runs, else in the ledger by this process."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import cast

from engine.control.batch_orders import arrange
from engine.control.client import running_engine
from engine.control.commands import decide, record
from engine.control.ordering import Progress, no_progress, order
from engine.control.people import person_here
from engine.control.requests import (
    BatchesReply,
    BatchRequest,
    CountReply,
    LedgerRequest,
    ReplyT,
    Request,
    SignOffRequest,
)
from engine.control.snapshot import Snapshot
from engine.ledger.states import EventKind, EventLevel
from engine.ledger.writer import Ledger
from engine.workspace import Workspace

CarryOut = Callable[[LedgerRequest], CountReply]


@contextmanager
def engine_or_ledger(
    workspace: Workspace, command: str, timeout_s: float = 5.0, progress: Progress = no_progress
) -> Iterator[CarryOut]:
    """Yields what carries out a request here. Without an engine, `command` holds the ledger's lock meanwhile.

    Raises EngineSilent for an engine that does not answer within `timeout_s`, and UserError; what is called raises
    UserError too, and then nothing was changed, or OrderLeft if the engine leaves with the order."""
    client = running_engine(workspace, timeout_s)
    if client is not None:
        with client:
            yield lambda request: order(client, request, progress)
    else:
        with open_ledger(workspace, command) as ledger:
            yield lambda request: decide(ledger, request, person_here())


def sign_off(workspace: Workspace, command: str, request: Request[ReplyT], timeout_s: float = 5.0) -> ReplyT:
    """Has a SignOffRequest recorded. Raises EngineSilent, NoEngine, and UserError: then nothing was recorded."""
    client = running_engine(workspace, timeout_s)
    if client is not None:
        with client:
            return client.ask(request)
    with open_ledger(workspace, command) as ledger:
        person = person_here()
        return cast(ReplyT, record(ledger, cast(SignOffRequest, request), person))


@contextmanager
def open_ledger(workspace: Workspace, command: str) -> Iterator[Ledger]:
    """For a command, without an engine. What an engine took and did not finish is finished first."""
    with Ledger.open(workspace, command) as ledger:
        ledger.finish_orders()
        yield ledger


def arrange_batches(
    workspace: Workspace, command: str, request: BatchRequest, timeout_s: float = 5.0
) -> BatchesReply:
    """By the engine if one runs, else in the ledger. Raises EngineSilent, and UserError for an unknown batch."""
    client = running_engine(workspace, timeout_s)
    if client is not None:
        with client:
            return client.ask(request)
    with open_ledger(workspace, command) as ledger, ledger.transaction(power_safe=True):
        event = arrange(ledger, request, person_here())
        if event is not None:
            ledger.event(EventLevel.INFO, EventKind.BATCH, event, pid=os.getpid())
        batches = Snapshot.from_ledger(ledger.figures(), time.time()).batches
    return BatchesReply(changed=event is not None, batches=batches)
