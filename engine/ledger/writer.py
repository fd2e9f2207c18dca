"""The ledger as its one writer has it: transactions, and every change of an image's state.

Durability: WAL with synchronous=NORMAL. A commit survives the death of the process at any moment; a power cut may
take the last commits, and leaves a consistent earlier state. Nothing is lost by that: images done since then are
converted again to the same bytes, and the store recognises them. `add`, `requeue` and `accept`, which carry out what
a person decided, commit with synchronous=FULL.
"""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Self

from engine.config import SourcePaths
from engine.failures import Failure, UserError
from engine.ledger import batch_order, import_rows, orders, recovery, replacements, requeue, runs, sign_off
from engine.ledger.batch_order import BatchMove
from engine.ledger.connection import connect_for_writing
from engine.ledger.events import add_event, age, last_event
from engine.ledger.faults import ledger_faults
from engine.ledger.filters import Selection
from engine.ledger.import_report import ImportReport
from engine.ledger.import_rows import ExportRow
from engine.ledger.lock import ENGINE_COMMAND, Lock
from engine.ledger.models import Recovered
from engine.ledger.order import Order
from engine.ledger.orders import OrderSlice
from engine.ledger.plan import AttachedPlan, plans_in
from engine.ledger.queries import LedgerQueries, Values
from engine.ledger.replacements import DeliveredJpeg
from engine.ledger.runs import RunNote, RunStart
from engine.ledger.statements import statements
from engine.ledger.states import AttemptOutcome, EventKind, EventLevel, ImageState, OrderKind
from engine.ledger.verdicts import GivenVerdict, VerdictsTaken
from engine.ledger.work_queue import WorkQueue
from engine.messages import Converted, NotConverted, Surveyed
from engine.workspace import Workspace

_SQL = statements("changes")


class OrderLost(Exception):
    """An order cannot go on; the message says why in one line."""

    def __init__(self, order: int, why: str) -> None:
        self.order = order
        super().__init__(why)


class NotInState(Exception):
    """The image is not in the state that the change begins in: a fault of the caller."""


class Ledger(LedgerQueries):
    """Open in one process at a time; every call is its own transaction unless inside `transaction()`."""

    def __init__(
        self, connection: sqlite3.Connection, lock: Lock, workspace: Workspace, sources: SourcePaths
    ) -> None:
        self._db = connection
        self._lock = lock
        self._source_paths = sources
        self._lock_path, self._path = workspace.lock_path, workspace.ledger_path
        self._file = self._path.stat()
        self.queue = WorkQueue(connection, sources)
        self.has_orders = orders.are_open(connection)
        """Whether some are in hand."""
        self._folds_after = 0
        """What an earlier engine met is not told as one with what this one meets."""
        self._aged = 0
        """Up to this event nothing is left to remove."""
        self._plan: AttachedPlan | None = None
        """Of the import that is being carried out."""

    @classmethod
    def open(cls, workspace: Workspace, command: str = ENGINE_COMMAND) -> Self:
        """Takes the lock, and makes or migrates the file. Raises LedgerLocked, or UserError for a ledger that is
        damaged or of a later photostat."""
        sources = workspace.source_paths(workspace.config())
        lock = Lock.acquire(workspace.lock_path, command)
        try:
            connection = connect_for_writing(workspace.ledger_path)
        except BaseException:
            lock.release()
            raise
        return cls(connection, lock, workspace, sources)

    def publish_socket(self, socket: Path) -> None:
        """Clients find in the lock where its holder answers."""
        self._lock.publish_socket(socket)

    def publish_pause(self, by: tuple[str, ...], since: float) -> None:
        """The lock says who has paused its holder; nobody, if `by` is empty."""
        self._lock.publish_pause(by, since)

    def check_in_place(self) -> None:
        """Raises UserError if somebody deleted or replaced its file or its lock: what is written then is lost.

        A directory that cannot be read now shows nothing; writing shows what is wrong with it."""
        try:
            if self._lock.is_at(self._lock_path) and os.path.samestat(self._file, self._path.stat()):
                return
        except OSError as error:
            if not isinstance(error, FileNotFoundError | NotADirectoryError):
                return
        raise UserError(
            f"{self._path} or its lock was deleted or replaced while the engine ran: the engine ends here"
        )

    def close(self, why: str = "") -> None:
        """Writes the WAL back if no reader is in the way, and frees the lock. `why` is what ended an engine."""
        try:
            with contextlib.suppress(sqlite3.Error):  # the next one who opens it writes the WAL back
                self._db.close()
        finally:
            self._lock.release(why)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @contextmanager
    def transaction(self, *, power_safe: bool = False) -> Iterator[None]:
        """All or nothing; inside another one it joins that. `power_safe` waits for the disk.

        Raises LedgerFault if it cannot begin, or if what was changed in it cannot be written."""
        if self._db.in_transaction:
            yield
            return
        with ledger_faults(self._path):
            if power_safe:
                self._db.execute("PRAGMA synchronous = FULL")
            try:
                self._db.execute("BEGIN IMMEDIATE")
                yield
                self._db.execute("COMMIT")
            except BaseException:
                self._roll_back()
                raise
            finally:
                if power_safe:
                    self._db.execute("PRAGMA synchronous = NORMAL")

    def _roll_back(self) -> None:
        """SQLite may have done so itself."""
        with contextlib.suppress(sqlite3.Error):
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")

    # An image's way

    def recover(self) -> list[Recovered]:
        """After an engine that died: returns what it had converted and not stored; the rest becomes pending."""
        with self.transaction():
            return recovery.recover(self._db, self._sources)

    def surveyed(self, found: Sequence[Surveyed]) -> None:
        """Keeps the headers' facts. An image that is not pending any more is left alone."""
        with self.transaction():
            now = time.time()
            kinds = [facts.kind.to_text() if facts.kind else None for facts in found]
            self._db.executemany(_SQL["add_kind"], [{"kind": kind} for kind in {*kinds} - {None}])
            rows = [
                {**vars(facts), "kind": kind, "now": now} for facts, kind in zip(found, kinds, strict=True)
            ]
            self._db.executemany(_SQL["survey"], rows)

    def start(
        self,
        image_id: int,
        pid: int,
        predicted_bytes: int,
        mode: str,
        correction: float = 1.0,
        host: str = "",
    ) -> int:
        """pending → in_flight; returns the attempt's number in this round, from 1.

        `mode` is a DecodeMode; `correction` is the factor in the prediction that was learnt from earlier images. `host`
        is the machine that `pid` is on; empty for the engine's own."""
        attempt = {"pid": pid, "host": host, "mode": mode}
        attempt |= {"predicted_bytes": predicted_bytes, "correction": correction}
        with self.transaction():
            now = time.time()
            self._change("start", image_id, {"now": now}, ImageState.PENDING)
            rows = self._select(_SQL["add_attempt"], {**attempt, "image": image_id, "now": now})
            return int(rows[0]["number"])

    def converted(self, result: Converted, host: str = "") -> None:
        """A proved JPEG lies on this host's scratch: the image stays in flight until it is stored."""
        facts = {**asdict(result), "warnings": _json(result.warnings), "host": host, "now": time.time()}
        with self.transaction():
            self._change("converted", result.image_id, facts, ImageState.IN_FLIGHT)
            replacements.on_its_way(self._db, result.image_id, result.md5)
            self._end_attempt(result.image_id, AttemptOutcome.CONVERTED, None, result)

    def done(self, image_id: int, warnings: Sequence[str] = ()) -> None:
        """in_flight → done: the object is in the store. `warnings` come after those of the conversion."""
        with self.transaction():
            now = time.time()
            self._change("done", image_id, {"now": now}, ImageState.IN_FLIGHT)
            replacements.done(self._db, image_id, now)
            self._note_later(image_id)
            for warning in warnings:
                self._db.execute(_SQL["add_warning"], {"warning": warning, "image": image_id})

    def failed(self, image_id: int, failure: Failure, facts: NotConverted | None = None) -> None:
        """pending or in_flight → failed; `facts` has what the attempt took."""
        values = {**asdict(failure), "now": time.time()}
        with self.transaction():
            self._change("failed", image_id, values, ImageState.PENDING, ImageState.IN_FLIGHT)
            self._note_later(image_id)
            if facts is not None:
                measured = {"warnings": _json(facts.warnings), "peak_rss_bytes": facts.peak_rss_bytes}
                self._db.execute(_SQL["measure"], {**measured, "image": image_id})
            self._end_attempt(image_id, AttemptOutcome.FAILED, failure, facts)

    def back_to_pending(
        self, image_id: int, reason: str, counts: bool, facts: NotConverted | None = None
    ) -> None:
        """in_flight → pending, to be tried again. `counts=False` gives the attempt back: not the image's fault."""
        outcome = AttemptOutcome.AGAIN if counts else AttemptOutcome.PUT_BACK
        values = {"given_back": int(not counts), "now": time.time()}
        with self.transaction():
            self._change("back_to_pending", image_id, values, ImageState.IN_FLIGHT)
            self._end_attempt(image_id, outcome, facts.failure if facts else None, facts)
            if facts is None:
                self._db.execute(_SQL["explain_attempt"], {"reason": reason, "image": image_id})

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

    # The connection

    def _select(self, sql: str, values: Values = ()) -> list[sqlite3.Row]:
        return self._db.execute(sql, values).fetchall()

    @property
    def _sources(self) -> SourcePaths:
        return self._source_paths

    def _change(
        self, statement: str, image_id: int, values: Mapping[str, object], *states: ImageState
    ) -> None:
        """Raises NotInState if the image is not in one of `states`, or not as far as the statement asks for."""
        if self._db.execute(_SQL[statement], {**values, "image": image_id}).rowcount != 1:
            found = self._select(_SQL["state"], {"image": image_id})
            is_now = found[0]["state"] if found else "not there"
            raise NotInState(f"image {image_id} is {is_now}, not {' or '.join(states)}")

    def _note_later(self, image_id: int) -> None:
        """The image has just failed or is done, which no order that is in hand is about."""
        if self.has_orders:
            orders.note_later(self._db, image_id)

    def _end_attempt(
        self,
        image_id: int,
        outcome: AttemptOutcome,
        failure: Failure | None,
        facts: Converted | NotConverted | None,
    ) -> None:
        """The latest attempt of this round."""
        why = asdict(failure) if failure else {"stage": None, "cause": None, "message": None}
        took = {key: getattr(facts, key, None) for key in ("peak_rss_bytes", "cpu_s", "wall_s")}
        values = {**why, **took, "image": image_id, "outcome": outcome, "now": time.time()}
        self._db.execute(_SQL["end_attempt"], values)


def _json(warnings: Sequence[str]) -> str:
    return json.dumps(warnings, ensure_ascii=False)
