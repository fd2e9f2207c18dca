"""A workspace and its faults: they are drawn, begin, stay for some seconds, and end, until the time is over."""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable, Sequence

from tests.soak.faults import Fault, Group
from tests.soak.site import Site
from tests.support.waiting import wait_until

TO_FINISH_S = 900.0
_SHORTEST_FAULT_S = 0.5
_CALM_EVERY = 5
"""After so many faults a row must have come to its end."""
_RESUMED = 0.6
"""So often a person notices the end of a fault before the engine tries again."""
_TWO_AT_ONCE = 0.3
_ENGINE_ENDS = 0.25
"""How often a fault that ends the engine is taken when it is drawn: memory and descriptors need time to grow."""


class Place:
    def __init__(
        self, site: Site, faults: Sequence[Fault], luck: random.Random, say: Callable[[str], None]
    ) -> None:
        self.site = site
        self.drawn: Counter[str] = Counter()
        self._faults = faults
        self._luck = luck
        self._say = say

    def disturb_until(self, deadline_s: float) -> None:
        """`deadline_s` is monotonic. Raises AssertionError if the site does what it must not, or nothing more."""
        site = self.site
        site.top_up()
        wait_until(site.has_done, f"the first JPEG of {site.name}")
        while time.monotonic() < deadline_s:
            self._disturb()
            site.keep_running()
            site.look()
            site.top_up()
            if self.drawn.total() % _CALM_EVERY == 0:
                self._say(f"{site.name}: calm: {site.status()['totals']}")
                wait_until(site.has_progressed(), f"a row of {site.name} to end", TO_FINISH_S)

    def _disturb(self) -> None:
        faults = self._draw()
        seconds = self._luck.uniform(_SHORTEST_FAULT_S, max(fault.longest_s for fault in faults))
        self._say(f"{self.site.name}: {' and '.join(fault.name for fault in faults)}, {seconds:.1f} s")
        for fault in faults:
            self.drawn[fault.name] += 1
            fault.begin()
        time.sleep(seconds)  # how long the fault lasts is drawn too
        for fault in self._luck.sample(faults, len(faults)):
            fault.end()
        if self._luck.random() < _RESUMED:
            self.site.command("resume")

    def _draw(self) -> list[Fault]:
        first = self._luck.choice(self._faults)
        while first.group is Group.ENGINE and _ends_the_engine(first) and self._luck.random() > _ENGINE_ENDS:
            first = self._luck.choice(self._faults)
        others = [fault for fault in self._faults if fault.group is not first.group]
        return [first, self._luck.choice(others)] if self._luck.random() < _TWO_AT_ONCE else [first]


def _ends_the_engine(fault: Fault) -> bool:
    return fault.name.endswith("new run") or fault.name in ("SIGKILL to the engine", "SIGTERM to the engine")
