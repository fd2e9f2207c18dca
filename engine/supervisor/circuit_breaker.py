"""A circuit breaker: many failures open it, waits grow, a probe closes it. Pure: time and luck are given."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import StrEnum

from engine.messages import FaultKind


class CircuitState(StrEnum):
    CLOSED = "closed"
    """All is well, or not bad enough."""
    OPEN = "open"
    """Held: nothing is sent until `until`."""
    HALF_OPEN = "probing"
    """One probe is out; its answer closes or opens again."""


@dataclass(frozen=True)
class Rules:
    """When many fail, and how long to hold."""

    failures: int = 4
    """This many of the last `recent` outcomes, and at least half of them, open the circuit."""
    recent: int = 10
    first_hold_s: float = 5.0
    longest_hold_s: float = 300.0
    probe_timeout_s: float = 120.0
    """A probe that is not answered by then has failed."""


@dataclass(frozen=True)
class Circuit:
    """One resource's health. Every method returns what it is then; `now` is Unix time, s; `jitter` 0 to 1.

    The supervisor tells it of every outcome, calls `tick` now and then, and sends a probe when that says
    PROBING. The holds grow until something really succeeds: a good probe between two failures resets nothing.
    """

    rules: Rules = field(default_factory=Rules)
    stance: CircuitState = CircuitState.CLOSED
    outcomes: tuple[bool, ...] = ()
    """The most recent last; True where it succeeded."""
    rounds: int = 0
    """Holds since the last success."""
    since: float | None = None
    """When it opened; kept while probes fail."""
    until: float | None = None
    """When it looks again, or when the probe is overdue."""
    detail: str = ""
    """What failed last, one line."""

    @property
    def closed(self) -> bool:
        return self.stance is CircuitState.CLOSED

    def succeeded(self) -> Circuit:
        """Something got through. While open that is a sign of life: the next tick probes."""
        outcomes = (*self.outcomes, True)[-self.rules.recent :]
        if self.closed:
            return replace(self, outcomes=outcomes, rounds=0, detail="")
        if self.stance is CircuitState.OPEN:
            return replace(self, until=self.since)
        return self

    def failed(self, fault: FaultKind, detail: str, now: float, jitter: float) -> Circuit:
        """Something did not get through: the configuration's fault opens at once, the world's when many fail.

        The image's own fault says that the resource works."""
        if fault is FaultKind.ITEM:
            return self.succeeded()
        if not self.closed:
            return replace(self, detail=detail)
        outcomes = (*self.outcomes, False)[-self.rules.recent :]
        bad = outcomes.count(False)
        counted = replace(self, outcomes=outcomes, detail=detail)
        if fault is FaultKind.CONFIGURATION or (bad >= self.rules.failures and 2 * bad >= len(outcomes)):
            return counted.opened(detail, now, jitter)
        return counted

    def opened(self, detail: str, now: float, jitter: float) -> Circuit:
        """Held, whatever the counts say; a hold under way keeps its beginning and grows."""
        rules = self.rules
        span_s = min(rules.longest_hold_s, rules.first_hold_s * 2.0**self.rounds)
        return replace(
            self,
            stance=CircuitState.OPEN,
            outcomes=(),
            rounds=min(self.rounds + 1, 30),
            since=now if self.since is None else self.since,
            until=now + span_s * (0.75 + 0.25 * jitter),
            detail=detail,
        )

    def tick(self, now: float, jitter: float) -> Circuit:
        """OPEN whose time is up turns PROBING: send a probe then. A probe that is overdue has failed."""
        if self.until is None or now < self.until:
            return self
        if self.stance is CircuitState.OPEN:
            return replace(self, stance=CircuitState.HALF_OPEN, until=now + self.rules.probe_timeout_s)
        return self.opened(self.detail, now, jitter)

    def probe_now(self, now: float) -> Circuit:
        """Somebody says it is well again: the next tick probes."""
        return replace(self, until=now) if self.stance is CircuitState.OPEN else self

    def probed(self, fault: str | None, now: float, jitter: float) -> Circuit:
        """The probe's answer: None when the resource is well, else what is wrong, one line."""
        if self.stance is not CircuitState.HALF_OPEN:
            return self
        if fault is not None:
            return self.opened(fault, now, jitter)
        return replace(self, stance=CircuitState.CLOSED, outcomes=(), since=None, until=None, detail="")
