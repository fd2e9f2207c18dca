"""What people have ordered about many images, done in slices between which everything else goes on."""

from __future__ import annotations

import time

from engine.supervisor.context import RunContext

_SLICE_S = 0.02
_FEWEST, _MOST = 20, 20_000
"""Images that a slice looks at; most of them may be of no concern to the order, which takes no time."""


class Orders:
    def __init__(self, run: RunContext) -> None:
        self._run = run
        self._limit = 200

    @property
    def in_hand(self) -> bool:
        return self._run.ledger.has_orders

    def work(self) -> None:
        """A slice of the oldest one. Also in a pause: whoever has paused the conversion may go on ordering."""
        if not self.in_hand:
            return
        started = time.perf_counter()
        done = self._run.ledger.work_on_orders(self._limit)
        self._limit = next_limit(self._limit, time.perf_counter() - started)
        if done is not None and done.is_last:
            with self._run.ledger.transaction(power_safe=True):
                order = self._run.ledger.end_order(done.order.id)
                self._run.events.info(order.event_kind, order.summary)
        if self.in_hand:
            self._run.wake_up.set()


def next_limit(limit: int, took_s: float) -> int:
    """How many images the next slice looks at, if one of `limit` took so long."""
    wanted = int(limit * _SLICE_S / max(took_s, _SLICE_S / 4))
    return max(_FEWEST, min(_MOST, wanted, 2 * limit))
