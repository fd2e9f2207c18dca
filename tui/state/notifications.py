"""When to notify the person: once at the end of the run, and once for each hold."""

from __future__ import annotations

from engine.control.snapshot import Snapshot, State
from tui.state.status import is_outside_hours

OVER_S = 10.0
"""A hold is over when the engine has run for so long without it; one that returns sooner is the same hold."""


class Notifier:
    """Fed with every snapshot. The first one gives no notice, because the person is looking at it."""

    def __init__(self) -> None:
        self._before: State | None = None
        self._hold: str | None = None
        """The reason that the last notice was about."""
        self._free_since: float | None = None

    def notice(self, snapshot: Snapshot) -> str | None:
        """The text to show now; None for nothing."""
        first, before = self._before is None, self._before
        self._before = snapshot.state
        is_new = self._is_new_hold(snapshot)
        if first:
            return None
        if snapshot.state is State.FINISHED and before is not State.FINISHED:
            return "the run has finished"
        return "the engine is holding" if is_new else None

    def _is_new_hold(self, snapshot: Snapshot) -> bool:
        """A pause does not end a hold: while nothing starts, nobody can know whether it is over."""
        if snapshot.state is State.HOLDING and not is_outside_hours(snapshot):
            reason = snapshot.hold.reason if snapshot.hold else ""
            is_new, self._hold, self._free_since = reason != self._hold, reason, None
            return is_new
        if snapshot.state is not State.PAUSED and snapshot.hold is None:
            if self._free_since is None:
                self._free_since = snapshot.time
            if snapshot.time - self._free_since >= OVER_S:
                self._hold = None
        return False
