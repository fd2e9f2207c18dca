"""What another machine has to show before it gets an image: it converts, and it sees the engine's sources and store."""

from __future__ import annotations

import random
import time

from engine.control.snapshot import Hold, HoldReason
from engine.messages import Concerns, Problem
from engine.supervisor.circuit_breaker import BreakerRules, CircuitBreaker, CircuitState
from engine.supervisor.holds import hold_of

_RULES = BreakerRules(first_wait_s=2.0, longest_wait_s=60.0)
_REASONS = {Concerns.SOURCES: HoldReason.SOURCE, Concerns.STORE: HoldReason.STORE}


class Likeness:
    """All times are monotonic, s."""

    def __init__(self) -> None:
        self.unable: str | None = None
        """Why it can convert nothing, as it says."""
        self.store_works = False
        """Its uploader has tried it out."""
        self.share_is_right = False
        """Its sources and its store are the engine's."""
        self.store_is_right = False
        """Its store is, so that what it has converted may go there."""
        self.is_doubted = False
        """An image's source was not as the engine sees it: they are compared again."""
        self._unable_since = 0.0
        self._share = CircuitBreaker(_RULES)
        self._reason = HoldReason.SOURCE
        self._problem: Problem | None = None
        """What it has shown last to be otherwise."""

    @property
    def is_shown(self) -> bool:
        return self.unable is None and self.share_is_right and not self.is_doubted and self.store_works

    def tick(self, now: float) -> None:
        self._share = self._share.tick(now, random.random())

    def probe_now(self, now: float) -> None:
        """A person says that everything works again."""
        self._share = self._share.probe_now(now)

    def wants_comparison(self) -> bool:
        return (self.is_doubted or not self.share_is_right) and self._share.state is not CircuitState.OPEN

    def wants_comparison_of_store(self) -> bool:
        """While nobody may look at sources."""
        return not self.store_is_right and self._share.state is not CircuitState.OPEN

    def store_compared(self) -> None:
        """It is the engine's; of the sources nothing is known."""
        self.store_is_right = True

    def compared(self, problem: Problem | None, now: float) -> bool:
        """What came of a comparison; True if people should be told: it holds, for another reason, or not any more."""
        was_closed, before = self._share.is_closed, self._problem
        self._problem = problem
        if problem is None:
            self._share, self.share_is_right, self.is_doubted = self._share.closed(), True, False
            self.store_is_right = True
            return not was_closed
        self._reason = _REASONS.get(problem.concerns, HoldReason.UNEXPECTED)
        if self._share.is_closed:
            self._share = self._share.opened(problem.why, now, random.random())
        else:
            self._share = self._share.probed(problem.why, now, random.random())
        return was_closed or before is None or not problem.is_like(before)

    def can_convert(self, unable: str | None, now: float) -> bool:
        """Why it cannot, as it says now; True if that is news."""
        is_news = unable != self.unable
        if is_news and self.unable is None:
            self._unable_since = now
        self.unable = unable
        return is_news

    def hold(self, now: float) -> Hold | None:
        if self.unable is not None:
            since = time.time() - (now - self._unable_since)
            return Hold(HoldReason.UNEXPECTED, self.unable, since, None)
        return None if self._share.is_closed else hold_of(self._share, self._reason, now)
