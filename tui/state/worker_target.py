"""The number of workers that `+` and `-` count from while commands are not answered yet."""

from __future__ import annotations

from engine.control.snapshot import Snapshot
from tui.state.hosts import HERE, hosts_of


class WorkerTarget:
    """The last count that was sent; once it is answered, the count that the engine gave; then the snapshot's.

    Of one host."""

    def __init__(self, host: str = HERE) -> None:
        self._host = host
        self._count: int | None = None
        """None: the snapshot has it."""
        self._unanswered = 0
        self._answered_at = 0.0

    def count(self, snapshot: Snapshot | None) -> int:
        if self._count is not None:
            return self._count
        there = (host.workers for host in hosts_of(snapshot) if host.name == self._host)
        return next(there, snapshot.workers_wanted if snapshot else 1)

    def sent(self, count: int) -> None:
        self._count = count
        self._unanswered += 1

    def answered(self, count: int | None, now: float) -> None:
        """`count` is what the engine set, None if it set nothing; `now` is Unix time, s."""
        self._unanswered = max(0, self._unanswered - 1)
        if not self._unanswered:
            self._count, self._answered_at = count, now

    def snapshot_arrived(self, snapshot: Snapshot) -> None:
        """A snapshot that is younger than the last answer has the true count."""
        if not self._unanswered and snapshot.time >= self._answered_at:
            self._count = None
