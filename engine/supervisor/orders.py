"""What people have ordered about many images, done in slices between which everything else goes on."""

from __future__ import annotations

import time
from collections.abc import Callable

from engine.ledger.writer import OrderLost
from engine.supervisor.context import RunContext

_SLICE_S = 0.02
_FEWEST, _MOST = 20, 20_000
"""Images that a slice looks at; most of them may be of no concern to the order, which takes no time."""


class Orders:
    def __init__(self, run: RunContext, forget: Callable[[frozenset[int]], None]) -> None:
        """`forget` is told which pending images have another source now, or have failed."""
        self._run = run
        self._forget = forget
        self._limit = 200
        self.may_start = not run.ledger.has_orders
        """False while images change their targets, and two may have the same one."""

    @property
    def in_hand(self) -> bool:
        return self._run.ledger.has_orders

    def work(self) -> None:
        """A slice of the oldest one. Also in a pause: whoever has paused the conversion may go on ordering."""
        if self.in_hand:
            self._work()
        if self.in_hand:
            self._run.wake_up.set()
        else:
            self.may_start = True

    def _work(self) -> None:
        started = time.perf_counter()
        try:
            done = self._run.ledger.work_on_orders(self._limit)
        except OrderLost as lost:
            self._end(lost.order, str(lost))
            return
        self._limit = next_limit(self._limit, time.perf_counter() - started)
        if done is None:
            return
        self.may_start = done.may_start
        self._forget(done.touched)
        if done.is_last:
            self._end(done.order.id)

    def _end(self, number: int, problem: str | None = None) -> None:
        order = self._run.ledger.end_order(number, problem)
        if problem is not None:
            self._run.events.warning(order.event_kind, problem + order.by)
        elif order.summary:
            self._run.events.info(order.event_kind, order.summary)


def next_limit(limit: int, took_s: float) -> int:
    """How many images the next slice looks at, if one of `limit` took so long."""
    wanted = int(limit * _SLICE_S / max(took_s, _SLICE_S / 4))
    return max(_FEWEST, min(_MOST, wanted, 2 * limit))
