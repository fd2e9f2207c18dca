"""When each batch will be done."""

from __future__ import annotations

from engine.control.snapshot import BatchSnapshot
from engine.ledger.account import Account
from engine.ledger.batch_order import BatchHold
from tui.commands.batches import ready_in_s

HOLD = BatchHold(1.0, '{"user":"anna","host":"desk","tty":""}', "")


def test_batches_are_done_one_after_the_other_as_far_as_anybody_knows() -> None:
    batches = [
        BatchSnapshot.of("done", Account(10, done=10)),
        BatchSnapshot.of("maps", Account(40, pending=28, in_flight=2, done=10)),
        BatchSnapshot.of("held", Account(500, pending=500), hold=HOLD),
        BatchSnapshot.of("another run's", Account(5, pending=5), selected=False),
        BatchSnapshot.of("letters", Account(70, pending=70)),
    ]
    assert ready_in_s(batches, 1000.0) == [None, 300.0, None, None, 1000.0]
    assert ready_in_s(batches, None) == [None] * 5
    assert ready_in_s(batches[:1], 0.0) == [None]
