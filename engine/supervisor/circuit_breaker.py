"""A circuit breaker: it opens when many operations fail, waits longer each time, and closes after a successful probe.

Pure: the time and the jitter are passed in."""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct, field, structs

from engine.messages import FaultKind


class CircuitState(StrEnum):
    CLOSED = "closed"
    """Operations may go on."""
    OPEN = "open"
    """Nothing is sent until `until`."""
    HALF_OPEN = "half-open"
    """One probe is under way; its result closes the circuit or opens it again."""


class BreakerRules(Struct, frozen=True):
    """When the circuit opens, and for how long."""

    failures: int = 4
    """If so many of the last `recent` outcomes are failures, and at least half of them, the circuit opens."""
    recent: int = 10
    first_wait_s: float = 5.0
    longest_wait_s: float = 300.0
    probe_timeout_s: float = 120.0
    """A probe without a result by then has failed."""


class CircuitBreaker(Struct, frozen=True):
    """The state of one resource. Every method returns the state after it. `now` is monotonic, s; `jitter` 0 to 1.

    The caller reports every outcome, calls `tick` often, and sends a probe whenever the state becomes HALF_OPEN. The
    waits grow until an operation succeeds; a successful probe alone does not make them shorter."""

    rules: BreakerRules = field(default_factory=BreakerRules)
    state: CircuitState = CircuitState.CLOSED
    outcomes: tuple[bool, ...] = ()
    """The most recent last; True for success."""
    waits: int = 0
    """Since the last success."""
    since: float | None = None
    """When it opened; failed probes do not change it."""
    until: float | None = None
    """When the next probe is due, or, while HALF_OPEN, when the probe has failed."""
    detail: str = ""
    """What failed last, one line."""

    @property
    def is_closed(self) -> bool:
        return self.state is CircuitState.CLOSED

    def succeeded(self) -> CircuitBreaker:
        """An operation has succeeded. If that happens while OPEN, the next tick begins a probe."""
        outcomes = (*self.outcomes, True)[-self.rules.recent :]
        if self.is_closed:
            if (outcomes, 0, "") == (self.outcomes, self.waits, self.detail):
                return self  # as nearly always, some hundred times a second
            return structs.replace(self, outcomes=outcomes, waits=0, detail="")
        if self.state is CircuitState.OPEN:
            return structs.replace(self, until=self.since)
        return self

    def failed(self, fault: FaultKind, detail: str, now: float, jitter: float) -> CircuitBreaker:
        """An operation has failed. Wrong configuration opens at once, transient faults if there are many.

        If the item itself is at fault, the resource works."""
        if fault is FaultKind.ITEM:
            return self.succeeded()
        if not self.is_closed:
            return structs.replace(self, detail=detail)
        outcomes = (*self.outcomes, False)[-self.rules.recent :]
        failures = outcomes.count(False)
        counted = structs.replace(self, outcomes=outcomes, detail=detail)
        if fault is FaultKind.CONFIGURATION or (
            failures >= self.rules.failures and 2 * failures >= len(outcomes)
        ):
            return counted.opened(detail, now, jitter)
        return counted

    def opened(self, detail: str, now: float, jitter: float) -> CircuitBreaker:
        """Open, whatever the outcomes are. If it is open already, it keeps `since`, and the wait is longer."""
        rules = self.rules
        wait_s = min(rules.longest_wait_s, rules.first_wait_s * 2.0**self.waits)
        return structs.replace(
            self,
            state=CircuitState.OPEN,
            outcomes=(),
            waits=min(self.waits + 1, 30),
            since=now if self.since is None else self.since,
            until=now + wait_s * (0.75 + 0.25 * jitter),
            detail=detail,
        )

    def tick(self, now: float, jitter: float) -> CircuitBreaker:
        """After its wait OPEN becomes HALF_OPEN: send a probe then. A probe without a result in time has failed."""
        if self.until is None or now < self.until:
            return self
        if self.state is CircuitState.OPEN:
            return structs.replace(self, state=CircuitState.HALF_OPEN, until=now + self.rules.probe_timeout_s)
        return self.opened(self.detail, now, jitter)

    def probe_now(self, now: float) -> CircuitBreaker:
        """End the wait: the next tick begins a probe."""
        return structs.replace(self, until=now) if self.state is CircuitState.OPEN else self

    def probed(self, problem: str | None, now: float, jitter: float) -> CircuitBreaker:
        """The probe's result: None if the resource works, otherwise what is wrong, one line."""
        if self.state is not CircuitState.HALF_OPEN:
            return self
        if problem is not None:
            return self.opened(problem, now, jitter)
        return self.closed()

    def closed(self) -> CircuitBreaker:
        """Closed without a probe, because a person has decided so, or by its success."""
        return structs.replace(
            self, state=CircuitState.CLOSED, outcomes=(), since=None, until=None, detail=""
        )
