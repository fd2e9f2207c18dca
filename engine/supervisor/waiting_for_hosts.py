"""The engine's own machine converts nothing, and no other one is there: the engine waits until one joins."""

from __future__ import annotations

import time
from collections.abc import Iterable

from engine.control.snapshot import Hold, HoldReason
from engine.ledger.states import EventKind
from engine.supervisor.event_log import EventLog

_NOBODY = "waiting for hosts: this machine converts nothing ([cluster] here = false), and no other machine has joined"


def waiting_words(over_ssh: Iterable[str]) -> str:
    """For people; `over_ssh` are the hosts that the engine starts itself."""
    if names := ", ".join(over_ssh):
        return f"{_NOBODY}; the engine starts {names} over ssh, and `photostat events` says why one does not start"
    return f"{_NOBODY}; `photostat host invite NAME` invites one"


class WaitingForHosts:
    def __init__(self, events: EventLog, over_ssh: Iterable[str]) -> None:
        self._events = events
        self._waits = waiting_words(over_ssh)
        self.hold: Hold | None = None

    def look(self, *, is_somebody_there: bool) -> None:
        """At every turn of the loop."""
        if is_somebody_there and self.hold is not None:
            self.hold = None
            self._events.info(EventKind.END_OF_HOLD, "a host is there that converts")
        elif not is_somebody_there and self.hold is None:
            self.hold = Hold(HoldReason.HOSTS, self._waits, time.time(), None)
            self._events.info(EventKind.HOLD, self._waits)
