"""What people order about batches is carried out in the ledger, by an engine or by the command itself."""

from __future__ import annotations

from typing import Protocol

from msgspec import json

from engine.control.requests import BatchRequest, HoldBatch, MoveBatch, ReleaseBatch
from engine.control.snapshot import Person
from engine.failures import one_line
from engine.ledger.batch_order import BatchMove

_MOVED = {
    BatchMove.FIRST: "is converted first",
    BatchMove.UP: "is converted one place earlier",
    BatchMove.DOWN: "is converted one place later",
    BatchMove.LAST: "is converted last",
}


class BatchLedger(Protocol):
    """Each raises UserError for a batch that is not in the ledger, and returns False if nothing was to be changed."""

    def move_batch(self, name: str, to: BatchMove) -> bool: ...

    def hold_batch(self, name: str, by: str, reason: str) -> bool:
        """`by` is a JSON object."""

    def release_batch(self, name: str) -> bool: ...


def arrange(ledger: BatchLedger, request: BatchRequest, person: Person) -> str | None:
    """What the history says of it; None if nothing was to be changed. Raises UserError for an unknown batch."""
    name = request.batch
    match request:
        case MoveBatch():
            is_changed = ledger.move_batch(name, request.to)
            what = f"batch {name} {_MOVED[request.to]}, ordered by {person}"
        case HoldBatch():
            reason = one_line(request.reason)
            is_changed = ledger.hold_batch(name, json.encode(person).decode(), reason)
            what = f"batch {name} held by {person}{f': {reason}' if reason else ''}"
        case ReleaseBatch():
            is_changed = ledger.release_batch(name)
            what = f"batch {name} released by {person}"
    return what if is_changed else None
