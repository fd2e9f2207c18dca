"""Whether a child that died of SIGKILL was taken by the kernel for memory: its count of such kills has just risen."""

from __future__ import annotations

import signal
import time
from collections import deque
from collections.abc import Callable

from engine.memory.usage import oom_kill_count
from engine.processes.child import Child, describe_exit

_LATELY_S = 10.0
"""A process with much memory takes some seconds to be gone after the kernel has counted it."""


class OomKillDetector:
    """Times are monotonic, s."""

    def __init__(self, count: Callable[[], int] = oom_kill_count) -> None:
        self._count = count
        self._seen: deque[tuple[float, int]] = deque([(time.monotonic(), count())])

    def look(self, now: float) -> None:
        """Note the count; asked at every turn of the loop. What rose long ago says nothing of today's dead."""
        self._seen.append((now, self._count()))
        while len(self._seen) > 1 and self._seen[1][0] <= now - _LATELY_S:
            self._seen.popleft()

    def was_oom_killed(self, child: Child) -> bool:
        """Whether this dead child was taken for its memory; several may have been at once."""
        return child.exit_code == -signal.SIGKILL and self._count() > self._seen[0][1]

    def describe(self, child: Child) -> str:
        """How this dead child ended, after its name: `was killed by the kernel for memory`."""
        return (
            "was killed by the kernel for memory"
            if self.was_oom_killed(child)
            else describe_exit(child.exit_code)
        )
