"""The engine's own machine converts nothing, and no other one is there: the engine waits until one joins."""

from __future__ import annotations

import time

from engine.control.snapshot import Hold, HoldReason
from engine.ledger.states import EventKind
from engine.supervisor.event_log import EventLog

WAITING = (
    "waiting for hosts: this machine converts nothing ([cluster] here = false), and no other machine has joined; "
    "`photostat host invite NAME` invites one"
)


class WaitingForHosts:
    def __init__(self, events: EventLog) -> None:
        self._events = events
        self.hold: Hold | None = None

    def look(self, *, is_somebody_there: bool) -> None:
        """At every turn of the loop."""
        if is_somebody_there and self.hold is not None:
            self.hold = None
            self._events.info(EventKind.END_OF_HOLD, "a host is there that converts")
        elif not is_somebody_there and self.hold is None:
            self.hold = Hold(HoldReason.HOSTS, WAITING, time.time(), None)
            self._events.info(EventKind.HOLD, WAITING)
