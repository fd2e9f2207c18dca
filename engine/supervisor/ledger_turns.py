"""Turns of the loop are transactions; if the ledger cannot be written, the engine holds, and tries again by itself.

This is the one place where that is decided: the stages only record what happened (`engine_ledger`).
"""

from __future__ import annotations

import time
from collections.abc import Callable

from engine.control.snapshot import HoldReason
from engine.formatting import counted
from engine.ledger.faults import LedgerFault, LedgerFaultKind
from engine.ledger.states import EventKind
from engine.supervisor.context import RunContext

_LOCKED_FOR_S = 3.0
"""Other programs may lock the ledger for so long without a hold."""
_DRAIN_WAITS_S = 5.0
"""So long an engine that drains waits for a ledger that it cannot write; what it has not written is done again."""
_LAST_ATTEMPTS_S = 3.0
_LAST_ATTEMPTS_EVERY_S = 0.1


class LedgerTurns:
    def __init__(self, run: RunContext) -> None:
        self._run = run
        self._locked_since: float | None = None
        self._held_since = 0.0
        self._drains_since: float | None = None

    def take(self, work: Callable[[], None]) -> bool:
        """Do the work of a turn in one transaction, and record the end of a hold; False if the ledger cannot be
        written now.

        Raises LedgerFault for a ledger that is damaged: no wait helps."""
        if not self._run.holds.ledger.may_write(time.monotonic()) or not self.attempt(self._in_turn(work)):
            return False
        self._run.children.wake_the_loop(True)
        self._locked_since = None
        if self._run.holds.ledger.worked(time.monotonic()):
            self._run.events.info(EventKind.END_OF_HOLD, "the ledger can be written again")
        return True

    def attempt(self, work: Callable[[], None]) -> bool:
        """Do work that needs the ledger; False if it cannot be written now."""
        try:
            work()
        except LedgerFault as fault:
            if fault.kind is LedgerFaultKind.DAMAGED:
                raise
            self._run.children.wake_the_loop(False)
            self._hold(fault, time.monotonic())
            return False
        return True

    def _in_turn(self, work: Callable[[], None]) -> Callable[[], None]:
        def turn() -> None:
            with self._run.ledger.turn():
                work()

        return turn

    def drain_has_waited(self, now: float) -> bool:
        """Whether an engine that drains, and asks at every turn, has waited long enough for the end of this hold."""
        if self._drains_since is None:
            self._drains_since = now
        return now - max(self._drains_since, self._held_since) > _DRAIN_WAITS_S

    def write_the_rest(self) -> bool:
        """Before the engine ends: write what is kept, with a few seconds for a ledger that is locked.

        If that fails, the next engine takes over what this one has left: images are converted again, or found in the
        store."""
        deadline = time.monotonic() + _LAST_ATTEMPTS_S
        while True:
            try:
                self._run.ledger.write_kept()
            except LedgerFault as fault:
                if fault.kind is LedgerFaultKind.LOCKED and time.monotonic() < deadline:
                    time.sleep(_LAST_ATTEMPTS_EVERY_S)
                    continue
                self._run.unwritten = (
                    f"{fault.fact}, so that {counted(self._run.ledger.kept, 'change')} could not be recorded; "
                    "nothing is lost: the next engine looks what is on scratch and in the store"
                )
                return False
            return True

    def _hold(self, fault: LedgerFault, now: float) -> None:
        if fault.kind is LedgerFaultKind.LOCKED and self._run.holds.ledger.is_closed:
            self._locked_since = self._locked_since or now
            if now - self._locked_since < _LOCKED_FOR_S:
                return
        reason = HoldReason.DISK if fault.kind is LedgerFaultKind.DISK_FULL else HoldReason.LEDGER
        detail = (
            f"{fault.fact}: nothing new starts, and what is finished is recorded later. {fault.advice[0].upper()}"
            f"{fault.advice[1:]}; the engine then continues by itself"
        )
        if self._run.holds.ledger.failed(reason, detail, now):
            self._held_since = now
            self._run.events.warning(EventKind.HOLD, detail)
