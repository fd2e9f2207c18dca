"""Orders about many images: recorded when they are taken, carried out in slices by whoever writes the ledger.

What an order is about is fixed when it is taken: images that fail, or are done, after that are not part of it. A slice
looks at the images with the next higher ids, so that each is looked at once, whoever goes on after a crash.
"""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Sequence

from msgspec import Struct
from msgspec.json import decode, encode

from engine.failures import UserError, one_line
from engine.formatting import integer
from engine.ledger import chosen
from engine.ledger.filters import Selection
from engine.ledger.order import Order
from engine.ledger.plan import AttachedPlan, PlanSize
from engine.ledger.statements import statements
from engine.ledger.states import EventKind, ImageState, OrderKind

_SQL = statements("orders")
MOST_IDS = 10_000
"""In one order: its slices read them all."""
_EXAMINED = {
    OrderKind.REQUEUE: (ImageState.FAILED, ImageState.ACCEPTED),
    OrderKind.REQUEUE_MISSING: (ImageState.DONE,),
    OrderKind.ACCEPT: (ImageState.FAILED,),
}
"""The states in which an image may be for each kind of order."""


class OrderSlice(Struct, frozen=True):
    """What has just been done for an order."""

    order: Order
    is_last: bool
    """Nothing is left to do: the order can be ended."""
    touched: frozenset[int] = frozenset()
    """Pending images that have another source now, or have failed."""
    may_start: bool = True
    """False while images change their targets, and two may have the same one."""


def take(
    db: sqlite3.Connection, kind: OrderKind, selection: Selection, reason: str = "", person: str = ""
) -> Order:
    """Records it; raises UserError for ids that are not in the ledger, and for no reason where one is needed."""
    reason = one_line(reason).strip()
    if kind is OrderKind.ACCEPT and not reason:
        raise UserError("accepting needs a reason")
    ids = selection.ids
    if len(ids) > MOST_IDS:
        raise UserError(f"an order names at most {integer(MOST_IDS)} images")
    chosen.check_known(db, ids)
    images = len(set(ids)) if ids else _failed(db, selection)
    what = encode(selection).decode()
    row = {"kind": kind, "what": what, "reason": reason, "now": time.time(), "images": images}
    return find(db, int(db.execute(_SQL["take"], {**row, "person": person}).lastrowid or 0))


def take_plan(
    db: sqlite3.Connection, name: str, size: PlanSize, summary: str, person: str = ""
) -> Order | None:
    """Records an import; None if orders were taken since its plan was made, so that it may not fit any more."""
    last_order = db.execute(_SQL["last_order"]).fetchone()[0]
    if size.last_order != last_order or are_open(db):
        return None
    images = size.changed + size.added
    row = {"kind": OrderKind.ADD, "what": name, "reason": summary, "now": time.time(), "images": images}
    return find(db, int(db.execute(_SQL["take"], {**row, "person": person}).lastrowid or 0))


def next_plan(db: sqlite3.Connection) -> tuple[int, str] | None:
    """The oldest open order and the name of its plan, if it is an import."""
    row = db.execute(_SQL["next"]).fetchone()
    return (row["id"], row["what"]) if row is not None and row["kind"] == OrderKind.ADD else None


def find(db: sqlite3.Connection, number: int) -> Order:
    """Raises UserError if there is no such order."""
    row = db.execute(_SQL["order"], {"order": number}).fetchone()
    if row is None:
        raise UserError(f"no order {number} in the ledger")
    return Order.of(row)


def are_open(db: sqlite3.Connection) -> bool:
    return db.execute(_SQL["next"]).fetchone() is not None


def note_later(db: sqlite3.Connection, image_id: int) -> None:
    """The image has just failed or is done: no order that is open now is about that."""
    db.execute(_SQL["note_later"], {"image": image_id})


def work(db: sqlite3.Connection, limit: int, plan: AttachedPlan | None) -> OrderSlice | None:
    """The next slice of the oldest open order, `limit` images at most; None if none is open.

    `plan` is that of `next_plan`."""
    row = db.execute(_SQL["next"]).fetchone()
    if row is None:
        return None
    if plan is not None:
        return _work_on_plan(db, Order.of(row), plan, row["position"], limit)
    order, selection = Order.of(row), decode(row["what"], type=Selection)
    window = _window(db, selection, row["position"], limit)
    if not window:
        return OrderSlice(order, is_last=True)
    seen = _choose(db, order, selection, window)
    changed = _change(db, order, selection) if seen else 0
    values = {"seen": seen, "changed": changed, "position": window[-1], "order": order.id}
    db.execute(_SQL["advance"], values)
    return OrderSlice(find(db, order.id), is_last=False)


def _work_on_plan(
    db: sqlite3.Connection, order: Order, plan: AttachedPlan, position: int, limit: int
) -> OrderSlice:
    upto = min(position + limit, order.images)
    changed, touched = plan.work(position, upto)
    values = {"seen": upto - position, "changed": changed, "position": upto, "order": order.id}
    db.execute(_SQL["advance"], values)
    return OrderSlice(
        find(db, order.id),
        is_last=upto == order.images,
        touched=touched,
        may_start=upto >= plan.size.retargeted,
    )


def end(db: sqlite3.Connection, number: int, problem: str | None = None) -> Order:
    db.execute(_SQL["forget_later"], {"order": number})
    db.execute(_SQL["end"], {"order": number, "now": time.time(), "problem": problem})
    return find(db, number)


def _failed(db: sqlite3.Connection, selection: Selection) -> int:
    """How many images are failed in its batch and for its cause, as the sums have it."""
    if selection.is_empty:
        return 0
    values = {"batch": selection.batch, "cause": selection.cause}
    return int(db.execute(_SQL["count_failed"], values).fetchone()[0])


def _window(db: sqlite3.Connection, selection: Selection, position: int, limit: int) -> list[int]:
    """The ids to look at next, in their order."""
    if selection.ids:
        return sorted({number for number in selection.ids if number > position})[:limit]
    if selection.is_empty:
        return []
    rows = db.execute(_SQL["failed_after"], {"position": position, "limit": limit})
    return [row[0] for row in rows]


def _choose(db: sqlite3.Connection, order: Order, selection: Selection, window: Sequence[int]) -> int:
    """Puts those of these images that the order is about into `chosen`; returns how many."""
    chosen.choose_among(db, window, *selection.filter.condition())
    states = _EXAMINED[order.kind][: None if selection.ids else 1]
    db.execute(_SQL["keep_part_of_order"], {"order": order.id, "states": json.dumps(states)})
    return int(db.execute(_SQL["count_chosen"]).fetchone()[0])


def _change(db: sqlite3.Connection, order: Order, selection: Selection) -> int:
    """Does to the chosen images what the order says; returns to how many."""
    now = time.time()
    match order.kind:
        case OrderKind.ACCEPT:
            chosen.add_events(db, EventKind.ACCEPT, f"accepted: {order.reason}", now)
            return chosen.accept(db, order.reason, now)
        case OrderKind.REQUEUE_MISSING:
            chosen.add_events(db, EventKind.REQUEUE, f"requeued: {order.reason}", now)
        case OrderKind.REQUEUE:
            chosen.leave_out_taken_targets(db)
            chosen.leave_out_targets_shared_among(db, selection.ids)
            chosen.add_events(db, EventKind.REQUEUE, "requeued", now)
    return chosen.start_another_round(db, now)
