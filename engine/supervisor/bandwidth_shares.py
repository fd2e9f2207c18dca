"""`[store] bandwidth_limit` holds for all hosts together: each uploader that has something to send gets an equal share.

Times are monotonic, s.
"""

from __future__ import annotations

from collections.abc import Collection

_RESTS_AFTER_S = 2.0
"""Who has had nothing to send for so long needs no share; between two images an uploader keeps its own."""
_SENDS_ON_FOR_S = 20.0
"""A host that is lost may not have noticed yet, and sends on."""


class BandwidthShares:
    def __init__(self, limit: int) -> None:
        """In bytes a second."""
        self._limit = limit
        self._until: dict[str, float] = {}
        """Until when these hosts have a share."""
        self._there: frozenset[str] = frozenset()

    def share(self, there: Collection[str], sending: Collection[str], now: float) -> int:
        """What each that sends may send, bytes a second. `there` are the hosts that there are, `sending` those with
        JPEGs on scratch."""
        for host in self._there - set(there):
            if self._until.get(host, now) > now:
                self._until[host] = now + _SENDS_ON_FOR_S
        self._there = frozenset(there)
        self._until |= dict.fromkeys(sending, now + _RESTS_AFTER_S)
        self._until = {host: until for host, until in self._until.items() if until > now}
        return max(1, self._limit // max(1, len(self._until)))
