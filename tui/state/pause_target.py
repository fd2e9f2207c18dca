"""Whether `p` pauses or resumes while the last order is not seen in a status yet."""

from __future__ import annotations

from engine.control.snapshot import Snapshot, State


class PauseTarget:
    """What was ordered last; once a snapshot is younger than the answer, what that has."""

    def __init__(self) -> None:
        self._ordered: bool | None = None
        """None: the snapshot has it."""
        self._unanswered = 0
        self._answered_at = 0.0

    def is_paused(self, snapshot: Snapshot | None) -> bool:
        if self._ordered is not None:
            return self._ordered
        return snapshot is not None and snapshot.state is State.PAUSED

    def sent(self, *, paused: bool) -> None:
        self._ordered = paused
        self._unanswered += 1

    def answered(self, *, obeyed: bool, now: float) -> None:
        """`now` is Unix time, s."""
        self._unanswered = max(0, self._unanswered - 1)
        if not self._unanswered:
            self._answered_at = now
            if not obeyed:
                self._ordered = None

    def snapshot_arrived(self, snapshot: Snapshot) -> None:
        if not self._unanswered and snapshot.time >= self._answered_at:
            self._ordered = None
