"""Trying again: how often, and how long to wait, with jitter so that transfers do not come back in step."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from engine.failures import Cause
from engine.messages import FaultKind
from engine.store.base import StoreError

T = TypeVar("T")


@dataclass(frozen=True)
class Backoff:
    """The waits between attempts grow from `first_s` by doubling, up to `longest_s`."""

    attempts: int = 4
    first_s: float = 0.5
    longest_s: float = 8.0

    def wait_s(self, attempt: int, jitter: float) -> float:
        """The wait after failed `attempt` (from 1): half the span to all of it, as `jitter` is 0 to 1."""
        span_s = min(self.longest_s, self.first_s * 2.0 ** (attempt - 1))
        return span_s * (0.5 + 0.5 * jitter)


_UNHEARD_ATTEMPTS = 3
"""Where nothing has ever answered: more than a second of them is no use if the address is wrong."""


def worth_retrying(fault: StoreError, attempt: int = 1) -> bool:
    """Only what the world did: a different object stays different, a full disk full.

    `attempt` is the number of the one that failed, from 1."""
    passing = fault.fault is FaultKind.TRANSIENT and fault.failure.cause is not Cause.DISK_FULL
    return passing and not (fault.never_answered and attempt >= _UNHEARD_ATTEMPTS)


def with_retries(
    action: Callable[[], T],
    backoff: Backoff,
    jitter: Callable[[], float],
    sleep: Callable[[float], None] = time.sleep,
) -> T:
    """The action's result; its last StoreError when every attempt failed or another attempt cannot help."""
    for attempt in range(1, backoff.attempts):
        try:
            return action()
        except StoreError as fault:
            if not worth_retrying(fault, attempt):
                raise
            sleep(backoff.wait_s(attempt, jitter()))
    return action()
