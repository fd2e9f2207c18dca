"""Holds that people have ordered: of batches, of which nothing starts until somebody releases them."""

from __future__ import annotations

import time
from collections.abc import Mapping

from engine.control.snapshot import Hold, HoldReason
from engine.ledger.account import Account
from engine.ledger.batch_order import only_held
from engine.ledger.states import EventKind
from engine.supervisor.context import RunContext
from engine.supervisor.hung_images import HungImages


class OrderedHolds:
    def __init__(self, run: RunContext, hung: HungImages) -> None:
        self._run = run
        self._hung = hung
        self._only_held_since: float | None = None
        """When nothing but held batches was left, Unix time, s."""

    def nothing_left(self, accounts: Mapping[str, Account], *, busy: bool, now: float) -> Hold | None:
        """Why nothing may start although images are pending, if none is in flight: their sources do not answer, or
        people hold their batches. `now` is monotonic, s."""
        held = self._run.ledger.batch_holds()
        startable = sum(account.pending for name, account in accounts.items() if name not in held)
        waiting = {name: accounts[name].pending for name in held if name in accounts}
        waiting = {name: pending for name, pending in waiting.items() if pending}
        self._note(None if busy or startable or not waiting else waiting)
        if self._only_held_since is not None:
            return Hold(HoldReason.BATCH, only_held(waiting), self._only_held_since, None)
        return self._hung.hold(now) if not busy and 0 < startable <= len(self._hung) else None

    def _note(self, waiting: Mapping[str, int] | None) -> None:
        events = self._run.events
        if waiting is None:
            if self._only_held_since is not None:
                events.info(EventKind.END_OF_HOLD, "there is something to do that is not held")
            self._only_held_since = None
        elif self._only_held_since is None:
            self._only_held_since = time.time()
            events.info(EventKind.HOLD, only_held(waiting))
