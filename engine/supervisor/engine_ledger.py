"""The ledger as the engine writes it: what cannot be written now is kept, in its order, and written later.

A turn of the loop is one transaction. A child's result is taken from its pipe only once, so that a change which
follows from it never fails here: it is kept until a transaction with it has been committed.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from functools import partial

from engine.config import SourcePaths
from engine.failures import Failure
from engine.ledger.account import Account, LedgerFigures, Outstanding
from engine.ledger.batch_order import BatchHold, BatchMove
from engine.ledger.faults import LedgerFault, fault_of
from engine.ledger.filters import Selection
from engine.ledger.hosts import HostRecord
from engine.ledger.lock import Lock
from engine.ledger.models import Subject
from engine.ledger.order import Order
from engine.ledger.replacements import DeliveredJpeg
from engine.ledger.runs import RunNote
from engine.ledger.states import EventKind, EventLevel, OrderKind
from engine.ledger.verdicts import GivenVerdict, VerdictsTaken
from engine.ledger.writer import Ledger
from engine.messages import Converted, NotConverted, Surveyed
from engine.workspace import Workspace

_MOST_KEPT = 2000
"""Changes; what children report is far less, because nothing is taken from them meanwhile. Further events of people's
orders are in the run's log only."""
_BUSY_WAIT_S = 0.1
"""For another program's lock; the loop answers clients between two attempts."""


class EngineLedger(Ledger):
    def __init__(
        self, connection: sqlite3.Connection, lock: Lock, workspace: Workspace, sources: SourcePaths
    ) -> None:
        super().__init__(connection, lock, workspace, sources)
        self._kept: list[Callable[[], object]] = []
        """Changes that no committed transaction has, the oldest first."""
        self.commits = 0
        """Turns that were written: what happened before the last one is in the ledger."""
        self._in_turn = False
        self._fault: LedgerFault | None = None
        """What has gone wrong since the last turn began."""
        self._account: dict[str, Account] = {}
        self._account_after = -1
        """So many changes: it is asked for several times a turn."""
        self._batch_holds: dict[str, BatchHold] = {}
        self._figures = LedgerFigures({}, 0, 0, ())
        self._outstanding = Outstanding(0, 0.0, 0)

    def answer_while_locked(self) -> None:
        """From now on wait for another program's lock no longer than clients can."""
        self._db.execute(f"PRAGMA busy_timeout = {round(_BUSY_WAIT_S * 1000)}")

    @property
    def kept(self) -> int:
        """How many changes wait to be written."""
        return len(self._kept)

    @contextmanager
    def turn(self) -> Iterator[None]:
        """One transaction, after what earlier ones could not write.

        Raises LedgerFault: before the block begins, or after it; then its changes are kept."""
        self.write_kept()
        with self.transaction():
            self._in_turn = True
            try:
                yield
            finally:
                self._in_turn = False
            self.check()
        self._kept.clear()
        self.commits += 1

    def write_kept(self) -> None:
        """Raises LedgerFault if that is not possible yet."""
        self.check()
        if self._kept:
            with self.transaction():
                for change in self._kept:
                    change()
            self._kept.clear()

    def check(self) -> None:
        """Raises LedgerFault if something could not be read or written since the last check."""
        fault, self._fault = self._fault, None
        if fault is not None:
            raise fault

    # What follows from a child's result

    def surveyed(self, found: Sequence[Surveyed]) -> None:
        self._keep(partial(super().surveyed, found))

    def converted(self, result: Converted, host: str = "") -> None:
        self._keep(partial(super().converted, result, host))

    def gpu_answered(self, image_id: int, word: str) -> None:
        self._keep(partial(super().gpu_answered, image_id, word))

    def done(self, image_id: int, warnings: Sequence[str] = ()) -> None:
        self._keep(partial(super().done, image_id, warnings))

    def failed(self, image_id: int, failure: Failure, facts: NotConverted | None = None) -> None:
        self._keep(partial(super().failed, image_id, failure, facts))

    def back_to_pending(
        self, image_id: int, reason: str, counts: bool, facts: NotConverted | None = None
    ) -> None:
        self._keep(partial(super().back_to_pending, image_id, reason, counts, facts))

    def give_back(self, image_ids: Sequence[int]) -> None:
        """failed → pending, for images that were not at fault."""
        self._keep(partial(super().requeue, Selection(ids=tuple(image_ids))))

    def overrule_store(self) -> None:
        self._keep(super().overrule_store)

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
        if len(self._kept) < _MOST_KEPT or self._in_turn:
            at = time.time() if at is None else at
            self._keep(partial(super().event, level, kind, message, image_id, pid, at, fold, host))

    def keep_run(self, note: RunNote) -> None:
        self._keep(partial(super().keep_run, note))

    def keep_host(self, host: HostRecord) -> None:
        self._keep(partial(super().keep_host, host))

    def forget_host(self, name: str) -> None:
        self._keep(partial(super().forget_host, name))

    # What waits for the ledger

    def start(
        self,
        image_id: int,
        pid: int,
        predicted_bytes: int,
        mode: str,
        correction: float = 1.0,
        host: str = "",
    ) -> int:
        """Raises LedgerFault if that cannot be written now: then the image has not started."""
        self.check()
        number = super().start(image_id, pid, predicted_bytes, mode, correction, host)
        self._kept.append(partial(super().start, image_id, pid, predicted_bytes, mode, correction, host))
        return number

    def take_order(self, kind: OrderKind, selection: Selection, reason: str = "", person: str = "") -> Order:
        self.write_kept()
        return super().take_order(kind, selection, reason, person)

    def take_add(self, plan: str, summary: str, person: str = "") -> Order | None:
        self.write_kept()
        return super().take_add(plan, summary, person)

    def give_verdicts(self, given: Sequence[GivenVerdict], person: str) -> VerdictsTaken:
        self.write_kept()
        return super().give_verdicts(given, person)

    def replace_delivered(
        self,
        delivered: Sequence[DeliveredJpeg],
        quality: int | None,
        subsampling: str | None,
        person: str,
    ) -> VerdictsTaken:
        self.write_kept()
        return super().replace_delivered(delivered, quality, subsampling, person)

    def approve(self, batch: str, note: str, person: str, given: float | None, seen: tuple[int, int]) -> bool:
        self.write_kept()
        return super().approve(batch, note, person, given, seen)

    def withdraw_approval(self, batch: str, note: str, person: str) -> bool:
        self.write_kept()
        return super().withdraw_approval(batch, note, person)

    def move_batch(self, name: str, to: BatchMove) -> bool:
        self.write_kept()
        return super().move_batch(name, to)

    def hold_batch(self, name: str, by: str, reason: str) -> bool:
        self.write_kept()
        return super().hold_batch(name, by, reason)

    def release_batch(self, name: str) -> bool:
        self.write_kept()
        return super().release_batch(name)

    # What is shown: the last that could be read

    def account(self) -> dict[str, Account]:
        changes = self._db.total_changes
        if changes != self._account_after:
            with self._last_known():
                self._account, self._account_after = super().account(), changes
        return self._account

    def batch_holds(self) -> dict[str, BatchHold]:
        with self._last_known():
            self._batch_holds = super().batch_holds()
        return self._batch_holds

    def figures(self) -> LedgerFigures:
        with self._last_known():
            self._figures = super().figures()
        return self._figures

    def outstanding(self, batches: Collection[str] | None) -> Outstanding:
        """See WorkQueue.outstanding."""
        with self._last_known():
            self._outstanding = self.queue.outstanding(batches)
        return self._outstanding

    def subject(self, image_id: int) -> Subject:
        """Without its names if they cannot be read now."""
        try:
            return super().subject(image_id)
        except sqlite3.Error as error:
            self._note(error)
            return Subject(image_id, "", "", "")

    def _roll_back(self) -> None:
        self._account_after = -1
        super()._roll_back()

    @contextmanager
    def _last_known(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            self._note(error)

    def _keep(self, change: Callable[[], object]) -> None:
        """Make a change, at once if nothing that is kept comes before it."""
        self._kept.append(change)
        if self._fault is not None or not (self._in_turn or len(self._kept) == 1):
            return
        try:
            change()
        except LedgerFault as fault:
            self._fault = fault
        except sqlite3.Error as error:
            self._note(error)
        else:
            if not self._in_turn:
                self._kept.clear()

    def _note(self, error: sqlite3.Error) -> None:
        fault = fault_of(error, self._path)
        if fault is None:
            raise error
        self._fault = self._fault or fault
