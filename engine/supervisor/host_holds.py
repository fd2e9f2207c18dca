"""What keeps one host from working: store, sources, disk, scratch or memory. Every hold ends by itself.

A circuit breaker stands for each of store, sources and disk. While one is open, the stages that need it wait; when its
wait is over, the stage sends a probe, whose success ends the hold.
"""

from __future__ import annotations

import random
import time
from collections.abc import Sequence
from pathlib import PurePath

from engine.control.snapshot import Hold, HoldReason
from engine.failures import Cause, Failure
from engine.messages import FaultKind, MissingSource, ShareAway
from engine.supervisor.circuit_breaker import BreakerRules, CircuitBreaker, CircuitState
from engine.supervisor.holds import Holds, UnexpectedHold, hold_of
from engine.supervisor.likeness import Likeness

_SOURCE_RULES = BreakerRules(first_wait_s=2.0, longest_wait_s=60.0)
_STORE_RULES = BreakerRules(first_wait_s=2.0, longest_wait_s=120.0)
_DISK_RULES = BreakerRules(first_wait_s=5.0, longest_wait_s=60.0)
_MOST_SUSPECTS = 8
_SCRATCH_RESUMES_BELOW = 0.9
"""Of its limit."""


class HostHolds(UnexpectedHold):
    """All times are monotonic, s; `hold` converts them to Unix time for people."""

    def __init__(
        self,
        scratch_limit_bytes: int,
        bandwidth_limit: int | None = None,
        likeness: Likeness | None = None,
    ) -> None:
        """`bandwidth_limit` is what the settings let go to the store, bytes a second. With one, a full scratch is no
        hold: conversion goes at the store's pace, as somebody wanted it. `likeness` is what another machine has to
        show first."""
        super().__init__()
        self._scratch_limit = scratch_limit_bytes
        self._is_limited = bandwidth_limit is not None
        self.likeness = likeness
        self._store = CircuitBreaker(_STORE_RULES)
        self._store_reason = HoldReason.STORE
        self._overrules_store = False
        """A person has resumed in this hold for the store; the next probe is told."""
        self._store_has_answered = False
        """Since this engine started."""
        self._store_is_misconfigured = False
        """The store refuses for a reason that only a person can remove: nothing more is converted until then."""
        self._source = CircuitBreaker(_SOURCE_RULES)
        self._disk = CircuitBreaker(_DISK_RULES)
        self.disk_needs_bytes = 0
        """About as much as the last image for which there was no space."""
        self._gone: dict[str, float] = {}
        """Directories of which a person has said that their sources really are gone, and when; until one is read."""
        self._away: set[str] = set()
        """Directories for which the engine holds."""
        self._resumed_at: float | None = None
        """When a person resumed in this hold for the sources; the next probe shows what that means."""
        self._scratch_full_since: float | None = None
        self._no_worker: tuple[str, float] | None = None
        """Why none starts, and since when."""
        self.source_suspects: tuple[MissingSource, ...] = ()
        """Sources that showed that the share is away; a probe checks these."""
        self.source_must_be_read = False
        """The engine holds because sources do not answer; that they are there shows nothing then."""
        self.memory: Hold | None = None
        """Set by `dispatch`; its times are Unix time."""

    def tick(self, now: float) -> None:
        """Holds whose wait is over now want a probe."""
        super().tick(now)
        self._store = self._store.tick(now, random.random())
        if self.likeness is not None:
            self.likeness.tick(now)
        self._source = self._source.tick(now, random.random())
        self._disk = self._disk.tick(now, random.random())

    @property
    def may_survey(self) -> bool:
        return self._source.is_closed

    @property
    def may_start(self) -> bool:
        """As far as store, sources and disk allow; memory is considered for each image."""
        is_blocked = self._scratch_full_since is not None or self._store_is_misconfigured
        if self.likeness is not None and not self.likeness.is_shown:
            return False
        return self.may_try and self._source.is_closed and self._disk.is_closed and not is_blocked

    @property
    def may_try_store(self) -> bool:
        """Another machine's only if it is the engine's: else it could make a directory of the same name."""
        return self.likeness is None or self.likeness.store_is_right

    @property
    def may_store(self) -> bool:
        return self._store.is_closed

    def probe_now(self, now: float, *, after_pause: bool = False) -> None:
        """A person says that everything works again: probe at once, and if sources are still missing, they are gone.

        What the store does not show is gone too; but who ends a pause has said neither."""
        self._overrules_store = not after_pause and not self._store.is_closed
        self._store = self._store.probe_now(now)
        self._disk = self._disk.probe_now(now)
        self._unexpected = self._unexpected.closed()
        if self.likeness is not None:
            self.likeness.probe_now(now)
        if not self._source.is_closed:
            self._resumed_at = None if after_pause else now
            self._source = self._source.probe_now(now)

    def scratch_used(self, used_bytes: int, now: float) -> None:
        """How much waits on scratch; at the limit nothing is started until a tenth of it is free again."""
        if used_bytes >= self._scratch_limit:
            self._scratch_full_since = self._scratch_full_since or now
        elif used_bytes < self._scratch_limit * _SCRATCH_RESUMES_BELOW:
            self._scratch_full_since = None

    # -- store ----

    @property
    def store_detail(self) -> str:
        """Why the engine holds for the store, and what to do unless it passes by itself."""
        return self._store.detail

    def store_worked(self) -> None:
        self._has_answered()
        self._store = self._store.succeeded()

    def store_failed(
        self, fault: FaultKind, failure: Failure, now: float, *, never_answered: bool = False
    ) -> bool:
        """A transfer failed, and not by the image's fault. True if that begins a hold.

        `never_answered`: nothing has answered at that address, so it may be wrong; that is reason enough to hold."""
        was_closed = self._store.is_closed
        never_answered = never_answered and not self._store_has_answered
        detail = _detail(fault, failure, never_answered)
        is_untried = self.likeness is not None and not self.likeness.store_works
        if failure.cause is Cause.DISK_FULL or never_answered or is_untried:
            self._store = self._store.opened(detail, now, random.random()) if was_closed else self._store
        else:
            self._store = self._store.failed(fault, detail, now, random.random())
        self._note_store_fault(fault, failure)
        return was_closed and not self._store.is_closed

    def take_overrule(self) -> bool:
        """Whether a person has resumed in this hold for the store, since this was last asked."""
        overrules, self._overrules_store = self._overrules_store, False
        return overrules

    def store_hangs(self, failure: Failure, now: float) -> bool:
        """A write does not return. True if that begins a hold."""
        was_closed = self._store.is_closed
        if was_closed:
            self._store = self._store.opened(failure.message, now, random.random())
        self._note_store_fault(FaultKind.TRANSIENT, failure)
        return was_closed

    def store_wants_probe(self) -> bool:
        return self._store.state is CircuitState.HALF_OPEN

    def store_probed(
        self, fault: FaultKind | None, failure: Failure | None, now: float, *, never_answered: bool = False
    ) -> bool:
        """The probe's result; True if the store works again."""
        if fault is not None and failure is not None:
            detail = _detail(fault, failure, never_answered and not self._store_has_answered)
            self._store = self._store.probed(detail, now, random.random())
            self._note_store_fault(fault, failure)
        else:
            self._store = self._store.probed(None, now, random.random())
            self._has_answered()
            self._store_is_misconfigured = False
        return self._store.is_closed

    def _has_answered(self) -> None:
        self._store_has_answered = True
        if self.likeness is not None:
            self.likeness.store_works = True

    def _note_store_fault(self, fault: FaultKind, failure: Failure) -> None:
        self._store_is_misconfigured = fault is FaultKind.CONFIGURATION
        is_full = failure.cause is Cause.DISK_FULL
        self._store_reason = HoldReason.DISK if is_full else HoldReason.STORE

    # -- sources ----

    @property
    def source_detail(self) -> str:
        """Why the engine holds for the sources."""
        return self._source.detail

    def source_away(self, away: ShareAway, missing: MissingSource, now: float) -> bool:
        """The share seems to be away; False if a person has said that these sources are gone."""
        if any(PurePath(away.directory).is_relative_to(directory) for directory in self._gone):
            return False
        self._away.add(away.directory)
        if self._source.is_closed:
            self._source = self._source.opened(away.detail, now, random.random())
        self.source_suspects = (*self.source_suspects, missing)[-_MOST_SUSPECTS:]
        return True

    def source_hangs(self, away: ShareAway, missing: MissingSource, now: float) -> None:
        """Sources do not answer: a probe has to read one."""
        if self.source_away(away, missing, now):
            self.source_must_be_read = True

    def something_answers(self, now: float) -> None:
        """There is reason to believe that a share or the store answers again."""
        self._source = self._source.probe_now(now)
        self._store = self._store.probe_now(now)

    def source_worked(self) -> None:
        self._source = self._source.succeeded()

    @property
    def suspected(self) -> list[str]:
        """The paths of sources that showed that the share is away."""
        return [missing.request.source_path for missing in self.source_suspects]

    def source_read(self, path: str, begun: float) -> None:
        """A source was read, from `begun` on: its directory is not gone, and may go away again."""
        self._gone = {
            directory: since
            for directory, since in self._gone.items()
            if begun < since or not PurePath(path).is_relative_to(directory)
        }

    def source_wants_probe(self) -> bool:
        return self._source.state is CircuitState.HALF_OPEN

    def source_probed(self, problem: str | None, now: float) -> bool:
        """The surveyor's result; True if the share is there again, or a person has said that it is gone."""
        if self._source.is_closed:
            return False
        if problem is not None and self._resumed_at is not None:
            if not self.source_must_be_read:
                self._gone |= dict.fromkeys(self._away, self._resumed_at)
            self._source = self._source.closed()
        else:
            self._source = self._source.probed(problem, now, random.random())
        if self._source.is_closed:
            self.source_suspects, self._away, self._resumed_at = (), set(), None
            self.source_must_be_read = False
        return self._source.is_closed

    # -- disk ----

    def disk_full(self, why: str, needs_bytes: int, now: float) -> bool:
        """Scratch has no space for an image of about this size. True if that begins a hold."""
        self.disk_needs_bytes = needs_bytes
        was_closed = self._disk.is_closed
        if was_closed:
            self._disk = self._disk.opened(why, now, random.random())
        return was_closed

    def disk_wants_probe(self) -> bool:
        return self._disk.state is CircuitState.HALF_OPEN

    def disk_probed(self, problem: str | None, now: float) -> bool:
        """True if there is space again."""
        self._disk = self._disk.probed(problem, now, random.random())
        return self._disk.is_closed

    # -- workers ----

    def no_worker_starts(self, why: str, now: float) -> bool:
        """True if that begins a hold."""
        begins = self._no_worker is None
        self._no_worker = (why, now if self._no_worker is None else self._no_worker[1])
        return begins

    def workers_start(self) -> None:
        self._no_worker = None

    # -- for people ----

    def disk_hold(self, now: float) -> Hold | None:
        """Scratch cannot be written."""
        return None if self._disk.is_closed else hold_of(self._disk, HoldReason.DISK, now)

    def hold(self, now: float) -> Hold | None:
        """The most important hold; None if there is none."""
        if self.likeness is not None and (unlike := self.likeness.hold(now)):
            return unlike
        if disk := self.disk_hold(now):
            return disk
        for breaker, reason in ((self._source, HoldReason.SOURCE), (self._store, self._store_reason)):
            if not breaker.is_closed:
                return hold_of(breaker, reason, now)
        if unexpected := self.unexpected_hold(now):
            return unexpected
        if self._scratch_full_since is not None and not self._is_limited:
            detail = "scratch is full: conversion waits until the store has taken some of it"
            return Hold(HoldReason.STORE, detail, self._scratch_full_since + time.time() - now, None)
        if self._no_worker is not None:
            why, since = self._no_worker
            return Hold(HoldReason.UNEXPECTED, why, since + time.time() - now, None)
        return self.memory


def hold_of_all(run: Holds, hosts: Sequence[HostHolds], now: float) -> Hold | None:
    """The most important hold of the engine; None if there is none. One host's is the engine's if every host holds."""
    if cannot_write := run.ledger.hold(now) or run.log.hold(now):
        return cannot_write
    is_working = any(host.hold(now) is None for host in hosts)
    host_hold = hosts[0].hold(now) if hosts and not is_working else None
    if host_hold and hosts[0].disk_hold(now):
        return host_hold
    if run.hours and (host_hold is None or host_hold.reason is HoldReason.MEMORY):
        host_hold = run.hours  # nothing would start, had it all the memory
    return run.unexpected_hold(now) or host_hold or run.waiting


def _detail(fault: FaultKind, failure: Failure, never_answered: bool) -> str:
    """With what to do, unless it may pass by itself."""
    if fault is FaultKind.CONFIGURATION or never_answered:
        return failure.with_remedy
    return failure.message
