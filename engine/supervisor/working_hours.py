"""The hours of the settings in a run: the hold outside them, and a person's word to work all the same."""

from __future__ import annotations

import time

from engine.config.run_hours import RunHours
from engine.control.snapshot import Hold, HoldReason
from engine.formatting import clock
from engine.ledger.states import EventKind
from engine.supervisor.context import RunContext


class WorkingHours:
    """All times are Unix time, s."""

    def __init__(self, run: RunContext, overruled_until: float | None = None) -> None:
        """`overruled_until`: a person's word to an engine that died on the way, which this one keeps."""
        self._run = run
        self._hours: RunHours = run.config.engine.hours
        self._started = time.time()
        self.overruled_until: float | None = None
        """A person wants the run to work until then, outside its hours too; the end of its next ones."""
        self._is_holding = False
        if overruled_until and self._started < overruled_until and not self._hours.is_open(self._started):
            self._overrule_until(overruled_until)

    def update(self, now: float) -> None:
        """Begin or end the hold. At every turn, because clocks are set."""
        if self.overruled_until is not None and now >= self.overruled_until:
            self.overruled_until = None
        hold = None if self.overruled_until is not None else self._hold(now)
        self._run.holds.hours = hold
        if hold is not None and not self._is_holding:
            self._run.events.info(EventKind.HOLD, hold.detail)
        elif hold is None and self._is_holding:
            why = "its hours have begun" if self.overruled_until is None else "a person has resumed it"
            self._run.events.info(EventKind.END_OF_HOLD, why)
        self._is_holding = hold is not None

    def overrule(self, now: float) -> float | None:
        """Work until the end of the next hours. Returns when that is; None if these are its hours."""
        if self._run.holds.hours is None or self._hours.is_open(now):
            return None
        self._overrule_until(self._hours.next_span(now).closes)
        self.update(now)
        return self.overruled_until

    def _overrule_until(self, until: float) -> None:
        self.overruled_until = until
        self._run.ledger.publish_outside_hours(until)

    def seconds_for(self, work_s: float, now: float) -> float:
        """How long so much work takes from now, with the times outside the hours."""
        return self._hours.end_of_work(now, work_s, self.overruled_until) - now

    def _hold(self, now: float) -> Hold | None:
        if self._hours.is_open(now):
            return None
        until = self._hours.next_span(now).opens
        since = max(self._started, self._hours.closed_since(now) or 0.0)
        return Hold(HoldReason.HOURS, _detail(self._hours, until, now), min(since, now), until)


def _detail(hours: RunHours, until: float, now: float) -> str:
    return (
        f"outside its hours ({hours.text}), continues at {clock(until, now)} by itself; "
        "nothing new starts, what is in flight is finished and stored"
    )
