"""Whether a process does anything: it uses the processor, reads or writes; one that waits in the kernel does not."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

_LOOK_EVERY_S = 1.0


@dataclass(frozen=True)
class _Sample:
    processor_ticks: int
    bytes_moved: int
    is_suspended: bool
    """By a signal (SIGSTOP) or a debugger: that is somebody's doing, and no read that hangs."""


class Activity:
    """Of one process. Times are monotonic, s."""

    def __init__(self, pid: int, now: float) -> None:
        self._pid = pid
        self._looked_at = now
        self._last: _Sample | None = None
        self._quiet_since = now

    def look(self, now: float) -> None:
        """Called often; looks once a second."""
        if now - self._looked_at < _LOOK_EVERY_S and self._last is not None:
            return
        self._looked_at = now
        sample = _sample(self._pid)
        if sample != self._last or sample is None or sample.is_suspended:
            self._quiet_since = now
        self._last = sample

    def begins(self, now: float) -> None:
        """It has just been given work."""
        self._quiet_since = now

    def quiet_s(self, now: float) -> float:
        """For so long it has done nothing."""
        return max(0.0, now - self._quiet_since)


def _sample(pid: int) -> _Sample | None:
    """From proc_pid_stat(5), fields 3, 14 and 15, and proc_pid_io(5); None where the system has none of it."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
        moved = Path(f"/proc/{pid}/io").read_bytes().split()
    except OSError:
        return None
    return _Sample(
        int(fields[11]) + int(fields[12]), int(moved[1]) + int(moved[3]), fields[0] in (b"T", b"t")
    )
