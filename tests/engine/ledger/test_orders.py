"""Orders about many images: recorded whole, carried out in slices, with the same result as all at once."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.failures import Cause, Failure, Stage, UserError
from engine.ledger.account import Account
from engine.ledger.filters import ImageFilter, Selection
from engine.ledger.order import Order
from engine.ledger.orders import MOST_IDS
from engine.ledger.reader import LedgerReader
from engine.ledger.states import ImageState, OrderKind
from engine.ledger.writer import Ledger
from engine.workspace import Workspace
from tests.support.ledgers import export, finish, make_ledger

FAULT = Failure(Cause.CORRUPT, Stage.DECODING, "a bad tile")


def carry_out(ledger: Ledger, limit: int) -> list[Order]:
    """All orders in hand, in slices of `limit`; as they are at their end."""
    ended = []
    while (done := ledger.work_on_orders(limit)) is not None:
        if done.is_last:
            ended.append(ledger.end_order(done.order.id))
    return ended


def states(workspace: Workspace) -> dict[int, str]:
    with LedgerReader(workspace) as reader:
        return {row.id: row.state for row in reader.iterate()}


def with_collisions(root: Path) -> Workspace:
    """Failed images, two of which collide with others; two accepted ones share a target; two batches."""
    workspace = make_ledger(root, 12, failed=10)
    with Ledger.open(workspace) as ledger:
        rows = [row._replace(target=f"maps/{row.line // 2}.jpg") for row in export(6, "maps")]
        ledger.import_rows(iter(rows))
        ledger.accept([14, 15], "not wanted")
    return workspace


SELECTIONS = [
    Selection(all=True),
    Selection(batch="maps"),
    Selection(batch="newspapers", cause="corrupt"),
    Selection(text="P0002.J"),
    Selection(ids=(1, 3, 5, 12, 14, 15, 16)),
    Selection(ids=(13, 14), batch="maps"),
    Selection(),
    Selection(batch="nowhere"),
]


@pytest.mark.parametrize("limit", [1, 3, 1000])
@pytest.mark.parametrize("selection", SELECTIONS, ids=str)
def test_slices_of_any_size_come_to_the_same_as_all_at_once(
    tmp_path: Path, selection: Selection, limit: int
) -> None:
    whole, sliced = with_collisions(tmp_path / "whole"), with_collisions(tmp_path / "sliced")
    with Ledger.open(whole) as ledger:
        count = ledger.requeue(selection)
    with Ledger.open(sliced) as ledger:
        ledger.take_order(OrderKind.REQUEUE, selection)
        (order,) = carry_out(ledger, limit)
    assert (order.changed, order.seen) == (count, order.images)
    assert states(sliced) == states(whole)
    with LedgerReader(sliced) as reader:
        events = [e.message for i in range(1, 19) for e in reader.events(image_id=i) if e.kind == "requeue"]
        assert events == ["requeued"] * count and not reader.open_orders()


def test_what_fails_or_is_done_after_an_order_is_not_part_of_it(tmp_path: Path) -> None:
    workspace = make_ledger(tmp_path / "ws", 12, failed=5)
    with Ledger.open(workspace) as ledger:
        finish(ledger, 6)
        ledger.take_order(OrderKind.REQUEUE, Selection(all=True))
        ledger.take_order(OrderKind.REQUEUE_MISSING, Selection(ids=(6, 7)), "not there")
        assert ledger.work_on_orders(3) is not None
        for image_id in (1, 2, 9):  # two of the order's fail again, and another one
            ledger.failed(image_id, FAULT)
        finish(ledger, 7)
    with Ledger.open(workspace) as ledger:  # another process goes on
        first, second = carry_out(ledger, 3)
    assert (first.changed, second.changed) == (5, 1)
    assert states(workspace) == {
        **dict.fromkeys(range(1, 13), "pending"),
        **dict.fromkeys((1, 2, 9), "failed"),
        7: "done",
    }
    with Ledger.open(workspace) as ledger:
        ledger.take_order(OrderKind.REQUEUE, Selection(all=True))
        assert [order.changed for order in carry_out(ledger, 100)] == [3], "the next order is about them"


def test_orders_are_done_in_the_order_in_which_they_were_taken(tmp_path: Path) -> None:
    workspace = make_ledger(tmp_path / "ws", 12, failed=10)
    with Ledger.open(workspace) as ledger:
        ledger.take_order(OrderKind.ACCEPT, Selection(ids=(1, 2, 11)), "lost in the flood")
        ledger.take_order(OrderKind.REQUEUE, Selection(all=True))
        ledger.take_order(OrderKind.ACCEPT, Selection(ids=(3,)), "late")
        assert [order.changed for order in carry_out(ledger, 2)] == [2, 8, 0]
    with LedgerReader(workspace) as reader:
        assert reader.figures().totals == Account(rows=12, pending=10, accepted=2)
        assert reader.ids(ImageFilter(state=ImageState.ACCEPTED)) == [1, 2]


def test_what_cannot_be_ordered_is_refused_and_not_recorded(tmp_path: Path) -> None:
    workspace = make_ledger(tmp_path / "ws", 3, failed=3)
    with Ledger.open(workspace) as ledger:
        for kind, selection, reason, says in (
            (OrderKind.ACCEPT, Selection(ids=(1,)), " \n", "accepting needs a reason"),
            (
                OrderKind.ACCEPT,
                Selection(ids=(1, 99)),
                "lost",
                "no image 99 in the ledger; nothing was changed",
            ),
            (OrderKind.REQUEUE, Selection(ids=(0,)), "", "no image 0 "),
            (OrderKind.REQUEUE, Selection(ids=tuple(range(MOST_IDS + 1))), "", "at most 10,000 images"),
        ):
            with pytest.raises(UserError, match=says):
                ledger.take_order(kind, selection, reason)
        assert not ledger.has_orders and ledger.open_orders() == ()
        with pytest.raises(UserError, match="no order 1 in the ledger"):
            ledger.order(1)


def test_whoever_writes_the_ledger_next_can_finish_what_was_taken(tmp_path: Path) -> None:
    workspace = make_ledger(tmp_path / "ws", 12, failed=10)
    with Ledger.open(workspace) as ledger:
        ledger.take_order(OrderKind.REQUEUE, Selection(all=True))
        ledger.work_on_orders(4)
        ledger.take_order(OrderKind.ACCEPT, Selection(ids=(9,)), "lost")
    with LedgerReader(workspace) as reader:
        assert [(o.kind, o.seen, o.images) for o in reader.figures().orders] == [
            (OrderKind.REQUEUE, 4, 10),
            (OrderKind.ACCEPT, 0, 1),
        ]
    with Ledger.open(workspace) as ledger:
        ledger.finish_orders()
        assert not ledger.has_orders
    with LedgerReader(workspace) as reader:
        assert reader.figures().totals == Account(rows=12, pending=12)
        assert [event.message for event in reader.events()][-2:] == [
            "10 images requeued",
            "0 images accepted: lost",
        ]
