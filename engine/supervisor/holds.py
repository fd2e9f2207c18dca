"""What keeps the whole run from working: its ledger, its log, or faults that nobody foresaw. Every hold ends by itself.

What keeps one host from working is in `host_holds`.
"""

from __future__ import annotations

import random
import time

from engine.control.snapshot import Hold, HoldReason
from engine.supervisor.circuit_breaker import BreakerRules, CircuitBreaker, CircuitState
from engine.supervisor.write_holds import WriteHold

_UNEXPECTED_RULES = BreakerRules(first_wait_s=5.0, longest_wait_s=300.0, probe_timeout_s=3600.0)


class UnexpectedHold:
    """Images fail for a reason that is not in them: nobody foresaw it. All times are monotonic, s."""

    def __init__(self) -> None:
        self._unexpected = CircuitBreaker(_UNEXPECTED_RULES)

    def tick(self, now: float) -> None:
        """Holds whose wait is over now want a probe."""
        self._unexpected = self._unexpected.tick(now, random.random())

    @property
    def may_try(self) -> bool:
        """False while images fail for a reason that nobody foresaw, until it is time to try one again."""
        return self._unexpected.state is not CircuitState.OPEN

    @property
    def only_tries(self) -> bool:
        """What starts now shows whether images still fail for a reason that nobody foresaw."""
        return self._unexpected.state is CircuitState.HALF_OPEN

    def unexpected(self, detail: str, now: float) -> bool:
        """Images fail for a reason that is not in them. True if that begins a hold."""
        was_closed = self._unexpected.is_closed
        if self.may_try:
            self._unexpected = self._unexpected.opened(detail, now, random.random())
        return was_closed

    def unexpected_ended(self) -> bool:
        """An image went through; True if that ends the hold."""
        was_closed = self._unexpected.is_closed
        self._unexpected = self._unexpected.closed().succeeded()
        return not was_closed

    def unexpected_hold(self, now: float) -> Hold | None:
        """For people."""
        if self._unexpected.is_closed:
            return None
        return hold_of(self._unexpected, HoldReason.UNEXPECTED, now)


class Holds(UnexpectedHold):
    """All times are monotonic, s; `hold` converts them to Unix time for people."""

    def __init__(self) -> None:
        super().__init__()
        self.ledger = WriteHold(HoldReason.LEDGER)
        """While it lasts, nothing is taken from the children, and the stages stand still."""
        self.log = WriteHold(HoldReason.DISK)
        self.resumes = 0
        """How often a person has resumed the run."""
        self.hours: Hold | None = None
        """Set by the loop outside the hours of the settings."""
        self.waiting: Hold | None = None
        """Set by the loop when nothing is left to do but images whose sources do not answer, or of held batches."""

    @property
    def may_start(self) -> bool:
        """As far as the run is concerned; each host's holds, and its memory, are considered apart."""
        return self.may_try and self.log.is_closed and self.hours is None

    def probe_now(self, now: float) -> None:
        """A person says that everything works again."""
        self.ledger.probe_now(now)
        self.log.probe_now(now)
        self._unexpected = self._unexpected.closed()
        self.resumes += 1


def hold_of(breaker: CircuitBreaker, reason: HoldReason, now: float) -> Hold:
    """What an open breaker means, for people."""
    offset = time.time() - now
    until = breaker.until + offset if breaker.until is not None else None
    return Hold(reason, breaker.detail, (breaker.since or now) + offset, until)
