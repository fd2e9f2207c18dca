"""A hold because something in the workspace cannot be written: the ledger, or the run's log."""

from __future__ import annotations

import random
import time

from engine.control.snapshot import Hold, HoldReason
from engine.supervisor.circuit_breaker import BreakerRules, CircuitBreaker, CircuitState

_RULES = BreakerRules(first_wait_s=1.0, longest_wait_s=30.0, probe_timeout_s=3600.0)
_STEADY_AFTER_S = 60.0
"""Once it has worked for so long, the pauses between two attempts begin with the shortest again."""


class WriteHold:
    """Times are monotonic, s. The next attempt to write is the probe."""

    def __init__(self, reason: HoldReason) -> None:
        self._reason = reason
        self._breaker = CircuitBreaker(_RULES)
        self._works_since = 0.0

    @property
    def is_closed(self) -> bool:
        return self._breaker.is_closed

    def may_write(self, now: float) -> bool:
        """False until the pause before the next attempt is over."""
        self._breaker = self._breaker.tick(now, random.random())
        return self._breaker.state is not CircuitState.OPEN

    def failed(self, reason: HoldReason, detail: str, now: float) -> bool:
        """It could not be written; `detail` says why, and what to do. True if that begins a hold."""
        was_closed = self._breaker.is_closed
        if self._breaker.state is not CircuitState.OPEN:
            self._reason = reason
            self._breaker = self._breaker.opened(detail, now, random.random())
        return was_closed

    def worked(self, now: float) -> bool:
        """It was written; True if that ends the hold."""
        if not self._breaker.is_closed:
            self._breaker, self._works_since = self._breaker.closed(), now
            return True
        if now - self._works_since > _STEADY_AFTER_S:
            self._breaker = self._breaker.succeeded()
        return False

    def probe_now(self, now: float) -> None:
        self._breaker = self._breaker.probe_now(now)

    def hold(self, now: float) -> Hold | None:
        breaker, offset = self._breaker, time.time() - now
        if breaker.is_closed:
            return None
        until = breaker.until + offset if breaker.until is not None else None
        return Hold(self._reason, breaker.detail, (breaker.since or now) + offset, until)
