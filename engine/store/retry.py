"""Retries: how many, and how long to wait, with jitter so that transfers are not all retried at the same moment."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from msgspec import Struct

from engine.failures import Cause
from engine.messages import FaultKind
from engine.store.base import StoreError

T = TypeVar("T")


class Backoff(Struct, frozen=True):
    """The waits between attempts double from `first_s` up to `longest_s`."""

    attempts: int = 4
    first_s: float = 0.5
    longest_s: float = 8.0

    def wait_s(self, attempt: int, jitter: float) -> float:
        """The wait after failed `attempt` (from 1): between half the span and all of it, for `jitter` from 0 to 1."""
        span_s = min(self.longest_s, self.first_s * 2.0 ** (attempt - 1))
        return span_s * (0.5 + 0.5 * jitter)


_NEVER_ANSWERED_ATTEMPTS = 3
"""While nothing has ever answered: if the address is wrong, more attempts only cost time."""


def worth_retrying(error: StoreError, attempt: int = 1) -> bool:
    """Only what may pass by itself: a different object stays different, and a full disk full.

    `attempt` is the number of the one that failed, from 1."""
    passing = error.fault is FaultKind.TRANSIENT and error.failure.cause is not Cause.DISK_FULL
    return passing and not (error.never_answered and attempt >= _NEVER_ANSWERED_ATTEMPTS)


def with_retries(
    action: Callable[[], T],
    backoff: Backoff,
    jitter: Callable[[], float],
    sleep: Callable[[float], None] = time.sleep,
) -> T:
    """The action's result; raises its last StoreError if every attempt failed or another cannot help."""
    for attempt in range(1, backoff.attempts):
        try:
            return action()
        except StoreError as error:
            if not worth_retrying(error, attempt):
                raise
            sleep(backoff.wait_s(attempt, jitter()))
    return action()
