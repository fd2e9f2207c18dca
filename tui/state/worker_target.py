"""How many workers `+` and `-` count from while orders are under way: what was asked, then what was granted."""

from __future__ import annotations

from engine.control.snapshot import Snapshot


class WorkerTarget:
    def __init__(self) -> None:
        self._count: int | None = None
        """None: the snapshot knows."""
        self._under_way = 0
        self._answered_at = 0.0

    def now(self, snapshot: Snapshot | None) -> int:
        if self._count is not None:
            return self._count
        return snapshot.workers_wanted if snapshot else 1

    def asked(self, count: int) -> None:
        self._count = count
        self._under_way += 1

    def answered(self, count: int | None, now: float) -> None:
        """What the engine took, None where it took nothing; `now` is Unix time, s."""
        self._under_way = max(0, self._under_way - 1)
        if not self._under_way:
            self._count, self._answered_at = count, now

    def seen(self, snapshot: Snapshot) -> None:
        """A snapshot that is younger than the last answer knows better."""
        if not self._under_way and snapshot.time >= self._answered_at:
            self._count = None
