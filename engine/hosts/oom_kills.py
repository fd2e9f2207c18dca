"""Whether the kernel killed a child for memory: it ended by SIGKILL just when the count of such kills had risen."""

from __future__ import annotations

import signal
import time
from collections import deque
from collections.abc import Callable

from engine.hosts.base import ChildProcess
from engine.memory.usage import oom_kill_count

_RECENT_S = 10.0
"""A process with much memory takes some seconds to end after the kernel has counted it."""


class OomKillDetector:
    """Times are monotonic, s."""

    def __init__(self, count: Callable[[], int] = oom_kill_count) -> None:
        self._count = count
        self._samples: deque[tuple[float, int]] = deque([(time.monotonic(), count())])

    def sample(self, now: float) -> None:
        """Note the count; called at every turn of the loop, so that an earlier rise explains no later end."""
        self._samples.append((now, self._count()))
        while len(self._samples) > 1 and self._samples[1][0] <= now - _RECENT_S:
            self._samples.popleft()

    def was_oom_killed(self, child: ChildProcess) -> bool:
        """Whether this child, which has ended, was killed for memory; also true for several at once."""
        return child.exit_code == -signal.SIGKILL and self._count() > self._samples[0][1]
