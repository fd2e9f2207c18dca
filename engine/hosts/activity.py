"""Whether a process does anything: it uses the processor, reads or writes; one that waits in the kernel does not."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from engine.hosts.base import ActivitySample

_LOOK_EVERY_S = 1.0


class Activity:
    """Of one process. Times are monotonic, s."""

    def __init__(self, sample: Callable[[], ActivitySample | None], now: float) -> None:
        self._sample = sample
        self._looked_at = now
        self._last: ActivitySample | None = None
        self._quiet_since = now

    def look(self, now: float) -> None:
        """Called often; looks once a second."""
        if now - self._looked_at < _LOOK_EVERY_S and self._last is not None:
            return
        self._looked_at = now
        sample = self._sample()
        if sample != self._last or sample is None or sample.is_suspended:
            self._quiet_since = now
        self._last = sample

    def begins(self, now: float) -> None:
        """It has just been given work."""
        self._quiet_since = now

    def quiet_s(self, now: float) -> float:
        """For so long it has done nothing."""
        return max(0.0, now - self._quiet_since)


def sample_process(pid: int) -> ActivitySample | None:
    """From proc_pid_stat(5), fields 3, 14 and 15, and proc_pid_io(5); None where the system has none of it."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
        moved = Path(f"/proc/{pid}/io").read_bytes().split()
    except OSError:
        return None
    return ActivitySample(
        int(fields[11]) + int(fields[12]), int(moved[1]) + int(moved[3]), fields[0] in (b"T", b"t")
    )
