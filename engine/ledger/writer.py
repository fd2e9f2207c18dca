"""The ledger as its one writer has it: an image's way, events and the run, what people decide, and orders.

`writable` says what survives a crash or a power cut.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence

from engine.failures import UserError
from engine.ledger import (
    batch_order,
    hosts,
    import_rows,
    orders,
    recovery,
    replacements,
    requeue,
    runs,
    sign_off,
)
from engine.ledger.batch_order import BatchMove
from engine.ledger.events import add_event, age, last_event
from engine.ledger.filters import Selection
from engine.ledger.hosts import HostRecord
from engine.ledger.image_changes import ImageChanges
from engine.ledger.import_report import ImportReport
from engine.ledger.import_rows import ExportRow
from engine.ledger.order import Order
from engine.ledger.orders import OrderSlice
from engine.ledger.plan import AttachedPlan, plans_in
from engine.ledger.replacements import DeliveredJpeg
from engine.ledger.runs import RunNote, RunStart
from engine.ledger.statements import statements
from engine.ledger.states import EventKind, EventLevel, ImageState, OrderKind
from engine.ledger.verdicts import GivenVerdict, VerdictsTaken

_SQL = statements("changes")


class OrderLost(Exception):
    """An order cannot go on; the message says why in one line."""

    def __init__(self, order: int, why: str) -> None:
        self.order = order
        super().__init__(why)


class Ledger(ImageChanges):
    """See WritableLedger."""

    def event(
        self,
        level: EventLevel,
        kind: EventKind,
        message: str,
        image_id: int | None = None,
        pid: int | None = None,
        at: float | None = None,
        fold: str = "",
        host: str = "",
    ) -> None:
        """A line of the history; `at` is when it happened, Unix time, if that was not just now. With `fold`, it is told
        as one with others of its kind that have the same. `host` is the machine that `pid` is on; empty for the
        engine's own."""
        with self.transaction():
            add_event(self._db, level, kind, message, image_id, pid, at, fold, host, self._folds_after)

    def age_events(self, most: int = 500) -> None:
        """Removes a few of the oldest events that are not notable, if there are more of those than are kept."""
        with self.transaction():
            self._aged = age(self._db, self._aged, most)

    # The run

    def start_run(self) -> RunStart:
        """An engine begins: it goes on with the open run, or begins one; those before it have ended."""
        self._folds_after = last_event(self._db)
        with self.transaction():
            return runs.start(self._db)

    def keep_run(self, note: RunNote) -> None:
        """What an engine knows of its run by now, written over what it wrote before."""
        with self.transaction():
            runs.keep(self._db, note)

    # Other machines

    def hosts_before(self) -> list[HostRecord]:
        """An engine begins: those that were lost under the engines of its run before, or were there when the last one
        ended. To be asked before `recover`, and before the engine's own first note."""
        with self.transaction():
            same_run = hosts.engine_ended(self._db)
        return self.hosts() if same_run else []

    def keep_host(self, host: HostRecord) -> None:
        """A machine has come or gone; over what was known of it before."""
        with self.transaction():
            hosts.keep(self._db, host)

    def forget_host(self, name: str) -> None:
        """Nobody waits for it any more."""
        with self.transaction():
            hosts.forget(self._db, name)

    # What a person decides

    def import_rows(self, rows: Iterator[ExportRow], export: str = "") -> ImportReport:
        """An export's rows, in one transaction: whole or, if `rows` raises, not at all.

        `export` is its file's name."""
        with self.transaction(power_safe=True):
            recovery.recover(self._db, self._sources)
            return import_rows.import_rows(self._db, rows, export)

    def requeue(self, selection: Selection) -> int:
        """failed → pending for another round of attempts; returns how many.

        Images stay as they are if another image has their target and is not accepted. Raises UserError for ids
        that are not in the ledger: then nothing is changed."""
        with self.transaction(power_safe=True):
            return requeue.requeue(self._db, selection)

    def accept(self, ids: Sequence[int], reason: str) -> int:
        """failed → accepted, out of the account's open items; returns how many. Others are left alone.

        Raises UserError for an empty reason and for ids that are not in the ledger."""
        return self.accept_selected(Selection(ids=tuple(ids)), reason)

    def accept_selected(self, selection: Selection, reason: str) -> int:
        """The same for the failed images of a selection."""
        with self.transaction(power_safe=True):
            return requeue.accept(self._db, selection, reason)

    def convert_again(self, ids: Sequence[int], reason: str) -> int:
        """done → pending, for images whose object is not in the store any more; returns how many."""
        with self.transaction(power_safe=True):
            return requeue.convert_again(self._db, ids, reason)

    def move_batch(self, name: str, to: BatchMove) -> bool:
        """False if it is there already. Raises UserError for a batch that is not in the ledger."""
        with self.transaction(power_safe=True):
            return batch_order.move(self._db, name, to)

    def hold_batch(self, name: str, by: str, reason: str) -> bool:
        """False if it is held already; `by` is a JSON object. Raises UserError for an unknown batch."""
        with self.transaction(power_safe=True):
            return batch_order.hold(self._db, name, by, reason)

    def release_batch(self, name: str) -> bool:
        """False if it is not held. Raises UserError for an unknown batch."""
        with self.transaction(power_safe=True):
            return batch_order.release(self._db, name)

    def overrule_store(self) -> None:
        """From now on nothing is expected in the store that was done before: a person says so."""
        with self.transaction(power_safe=True):
            self._db.execute(_SQL["overrule_store"], {"now": time.time()})

    def give_verdicts(self, given: Sequence[GivenVerdict], person: str) -> VerdictsTaken:
        """See sign_off.give_verdicts."""
        with self.transaction(power_safe=True):
            return sign_off.give_verdicts(self._db, given, person)

    def replace_delivered(
        self,
        delivered: Sequence[DeliveredJpeg],
        quality: int | None,
        subsampling: str | None,
        person: str,
    ) -> VerdictsTaken:
        """See replacements.replace_delivered."""
        with self.transaction(power_safe=True):
            return replacements.replace_delivered(self._db, delivered, quality, subsampling, person)

    def approve(self, batch: str, note: str, person: str, given: float | None, seen: tuple[int, int]) -> bool:
        """See sign_off.approve."""
        with self.transaction(power_safe=True):
            return sign_off.approve(self._db, batch, note, person, given, seen)

    def withdraw_approval(self, batch: str, note: str, person: str) -> bool:
        """See sign_off.withdraw."""
        with self.transaction(power_safe=True):
            return sign_off.withdraw(self._db, batch, note, person)

    def take_order(self, kind: OrderKind, selection: Selection, reason: str = "", person: str = "") -> Order:
        """Records what a person orders, to be done by `work_on_orders`. Raises UserError, and then nothing is."""
        with self.transaction(power_safe=True):
            order = orders.take(self._db, kind, selection, reason, person)
        self.has_orders = True
        return order

    def take_add(self, plan: str, summary: str, person: str = "") -> Order | None:
        """Records an import whose plan lies beside the ledger; None if it was made before other orders came.

        Raises UserError for a plan that cannot be read."""
        if self.has_orders:
            return None
        attached = AttachedPlan(self._db, self._path.parent, plan)
        size = attached.size
        attached.close()
        with self.transaction(power_safe=True):
            order = orders.take_plan(self._db, plan, size, summary, person)
        self.has_orders = self.has_orders or order is not None
        return order

    def work_on_orders(self, limit: int) -> OrderSlice | None:
        """Looks at the next `limit` images of the oldest order; None if no order is in hand.

        After its last slice the order has to be ended. Raises OrderLost if it cannot go on."""
        self._attach_next_plan()
        with self.transaction():
            done = orders.work(self._db, limit, self._plan)
        self.has_orders = done is not None
        return done

    def end_order(self, number: int, problem: str | None = None) -> Order:
        """What it has done survives a power cut from then on."""
        with self.transaction(power_safe=True):
            order = orders.end(self._db, number, problem)
        self.has_orders = orders.are_open(self._db)
        if self._plan is not None:
            self._plan.remove()
            self._plan = None
        return order

    def finish_orders(self) -> None:
        """Those that an engine took and did not finish, in their order."""
        while (ended := self._finish_order()) is not None:
            told = ended.problem + ended.by if ended.problem else ended.summary
            self.event(EventLevel.INFO, ended.event_kind, told, pid=os.getpid())
        self.remove_lost_plans()

    def _finish_order(self) -> Order | None:
        """The oldest one, as it has ended."""
        try:
            while (done := self.work_on_orders(orders.MOST_IDS)) is not None and not done.is_last:
                pass
        except OrderLost as lost:
            return self.end_order(lost.order, str(lost))
        return None if done is None else self.end_order(done.order.id)

    def remove_lost_plans(self) -> None:
        """Those of imports that no engine took."""
        if not self.has_orders:
            for path in plans_in(self._path.parent):
                path.unlink(missing_ok=True)

    def _attach_next_plan(self) -> None:
        if self._plan is not None:
            return
        found = orders.next_plan(self._db)
        if found is None:
            return
        try:
            self._plan = AttachedPlan(self._db, self._path.parent, found[1])
        except UserError as error:
            raise OrderLost(found[0], str(error)) from error

    def state_of(self, image_id: int) -> ImageState:
        """Of an image that is in the ledger."""
        return ImageState(self._select(_SQL["state"], {"image": image_id})[0]["state"])
