"""What holds the engine: store, source, disk, scratch or memory. Each gate opens again by itself."""

from __future__ import annotations

import random
import time
from dataclasses import replace

from engine.control.snapshot import Hold, HoldReason
from engine.failures import Cause, Failure
from engine.messages import FaultKind, MissingSource
from engine.supervisor.circuit_breaker import Circuit, CircuitState, Rules

_SOURCE_RULES = Rules(first_hold_s=2.0, longest_hold_s=60.0)
_STORE_RULES = Rules(first_hold_s=2.0, longest_hold_s=120.0)
_DISK_RULES = Rules(first_hold_s=5.0, longest_hold_s=60.0)
_SUSPECTS = 8
_SCRATCH_RESUMES_AT = 0.9


class Holds:
    """All times are monotonic, s; `hold` turns them into Unix time for people."""

    def __init__(self, scratch_limit_bytes: int) -> None:
        self._scratch_limit = scratch_limit_bytes
        self._store = Circuit(_STORE_RULES)
        self._store_reason = HoldReason.STORE
        self._store_answered = False
        """In this engine's life."""
        self._misconfigured = False
        """The store said no for a reason that only a person can mend: nothing more is converted for it."""
        self._source = Circuit(_SOURCE_RULES)
        self._disk = Circuit(_DISK_RULES)
        self.disk_needs_bytes = 0
        """About how much the image wanted that found no room."""
        self._trusted: set[str] = set()
        self._scratch_full_since: float | None = None
        self.source_suspects: tuple[MissingSource, ...] = ()
        """Sources that showed the share to be away: a probe looks at these."""
        self.memory: Hold | None = None
        """Set by the admission of images; times as in `Hold`."""

    def tick(self, now: float) -> None:
        """Let time pass: gates whose wait is over want a probe."""
        self._store = self._store.tick(now, random.random())
        self._source = self._source.tick(now, random.random())
        self._disk = self._disk.tick(now, random.random())

    @property
    def may_survey(self) -> bool:
        return self._source.closed

    @property
    def may_start(self) -> bool:
        """As far as store, source and disk go; memory is decided image by image."""
        blocked = self._scratch_full_since is not None or self._misconfigured
        return self._source.closed and self._disk.closed and not blocked

    @property
    def may_store(self) -> bool:
        return self._store.closed

    def probe_now(self, now: float) -> None:
        """A person says that all is well again: probe at once, and take a missing source for what it seems."""
        self._store = self._store.probe_now(now)
        self._disk = self._disk.probe_now(now)
        if not self._source.closed:
            self._trusted.add(self._source.detail)
            self._source = replace(
                self._source, stance=CircuitState.CLOSED, since=None, until=None, outcomes=()
            )

    def scratch_holds(self, used_bytes: int, now: float) -> None:
        """How much waits on scratch; at the limit conversion holds until a tenth is free again."""
        if used_bytes >= self._scratch_limit:
            self._scratch_full_since = self._scratch_full_since or now
        elif used_bytes < self._scratch_limit * _SCRATCH_RESUMES_AT:
            self._scratch_full_since = None

    @property
    def store_detail(self) -> str:
        """Why the engine holds for the store, and what to do where it does not pass by itself."""
        return self._store.detail

    def store_worked(self) -> None:
        self._store_answered = True
        self._store = self._store.succeeded()

    def store_failed(
        self, fault: FaultKind, failure: Failure, now: float, *, never_answered: bool = False
    ) -> bool:
        """A transfer failed for no fault of the image; True when that closes the gate just now.

        `unheard`: nothing has ever answered there. Then it may be a wrong address, and waiting for more is no use."""
        was_closed = self._store.closed
        never_answered = never_answered and not self._store_answered
        said = _said(fault, failure, never_answered)
        if failure.cause is Cause.DISK_FULL or never_answered:
            self._store = self._store.opened(said, now, random.random()) if was_closed else self._store
        else:
            self._store = self._store.failed(fault, said, now, random.random())
        self._describe_store(fault, failure)
        return was_closed and not self._store.closed

    def store_wants_probe(self) -> bool:
        return self._store.stance is CircuitState.HALF_OPEN

    def store_probed(
        self, fault: FaultKind | None, failure: Failure | None, now: float, *, never_answered: bool = False
    ) -> bool:
        """The probe's answer; True when the store is well again."""
        if fault is not None and failure is not None:
            said = _said(fault, failure, never_answered and not self._store_answered)
            self._store = self._store.probed(said, now, random.random())
            self._describe_store(fault, failure)
        else:
            self._store = self._store.probed(None, now, random.random())
            self._store_answered = True
            self._misconfigured = False
        return self._store.closed

    @property
    def source_detail(self) -> str:
        """Why the engine holds for the sources."""
        return self._source.detail

    def source_away(self, why: str, doubt: MissingSource, now: float) -> bool:
        """The share seems gone; False where a person has said that it is not."""
        if why in self._trusted:
            return False
        if self._source.closed:
            self._source = self._source.opened(why, now, random.random())
        self.source_suspects = (*self.source_suspects, doubt)[-_SUSPECTS:]
        return True

    def source_worked(self) -> None:
        self._source = self._source.succeeded()

    def source_wants_probe(self) -> bool:
        return self._source.stance is CircuitState.HALF_OPEN

    def source_probed(self, fault: str | None, now: float) -> bool:
        """The scout's answer; True when the share is back."""
        self._source = self._source.probed(fault, now, random.random())
        if self._source.closed:
            self.source_suspects = ()
        return self._source.closed

    def disk_full(self, why: str, needs_bytes: int, now: float) -> bool:
        """Scratch has no room for an image of about this size; True when that closes the gate just now."""
        self.disk_needs_bytes = needs_bytes
        was_closed = self._disk.closed
        if was_closed:
            self._disk = self._disk.opened(why, now, random.random())
        return was_closed

    def disk_wants_probe(self) -> bool:
        return self._disk.stance is CircuitState.HALF_OPEN

    def disk_probed(self, fault: str | None, now: float) -> bool:
        self._disk = self._disk.probed(fault, now, random.random())
        return self._disk.closed

    def hold(self, now: float) -> Hold | None:
        """The hold that people should hear of first, None when nothing holds."""
        for circuit, reason in (
            (self._disk, HoldReason.DISK),
            (self._source, HoldReason.SOURCE),
            (self._store, self._store_reason),
        ):
            if not circuit.closed:
                return _hold(reason, circuit.detail, circuit.since, circuit.until, now)
        if self._scratch_full_since is not None:
            detail = "scratch is full: conversion waits until the store has taken some of it"
            return _hold(HoldReason.STORE, detail, self._scratch_full_since, None, now)
        return self.memory

    def _describe_store(self, fault: FaultKind, failure: Failure) -> None:
        self._misconfigured = fault is FaultKind.CONFIGURATION
        full = failure.cause is Cause.DISK_FULL
        self._store_reason = HoldReason.DISK if full else HoldReason.STORE


def _said(fault: FaultKind, failure: Failure, never_answered: bool) -> str:
    """With what to do, where the trouble does not pass by itself."""
    if fault is FaultKind.CONFIGURATION or never_answered:
        return f"{failure.message.rstrip('.')}. {failure.remedy}"
    return failure.message


def _hold(reason: HoldReason, detail: str, since: float | None, until: float | None, now: float) -> Hold:
    offset = time.time() - now
    return Hold(reason, detail, (since or now) + offset, until + offset if until is not None else None)
