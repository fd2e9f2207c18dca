"""Machines that cannot store while others can: they start nothing more, and what waits there starts again on others.

A machine alone waits for its store, as long as that takes. Beside others, what it has converted must not keep the run
from its end: when they have nothing else to do, or after a long while, these images are pending again. No attempt
counts. Times are monotonic, s.
"""

from __future__ import annotations

from collections.abc import Collection

from msgspec import Struct

STARTS_NOTHING_AFTER_S = 60.0
HANDS_OVER_AFTER_S = 600.0


class Machine(Struct, frozen=True):
    """As it is in this turn."""

    name: str
    can_store: bool
    works: bool
    """Nothing keeps it from converting and storing."""
    is_idle: bool
    """It has no image, though it might have one."""


class ShutOut:
    def __init__(self) -> None:
        self._since: dict[str, float] = {}
        """By the names of machines that cannot store."""
        self._others_work = False

    def look(self, machines: Collection[Machine], now: float) -> list[str]:
        """The names of those whose JPEGs others are to make."""
        self._others_work = any(machine.works for machine in machines)
        self._since = {
            machine.name: self._since.get(machine.name, now) for machine in machines if not machine.can_store
        }
        are_idle = any(machine.works and machine.is_idle for machine in machines)
        waits_s = STARTS_NOTHING_AFTER_S if are_idle else HANDS_OVER_AFTER_S
        return [name for name in self._since if self._others_work and self.waited_s(name, now) >= waits_s]

    def waited_s(self, name: str, now: float) -> float:
        """How long this machine has been unable to store."""
        return now - self._since.get(name, now)

    def may_start(self, name: str, now: float) -> bool:
        """Not what others could store, too."""
        return not self._others_work or self.waited_s(name, now) < STARTS_NOTHING_AFTER_S
