"""Whether processes take more and more memory or descriptors the longer they live."""

from __future__ import annotations

import statistics
import time
from collections import defaultdict
from contextlib import suppress
from dataclasses import dataclass

import psutil

_LEAST_LIFE_S = 120.0
_MOST_MORE_DESCRIPTORS = 8
_MOST_MORE_BYTES = 96 << 20
"""A worker that has waited in the first half keeps what its largest image has taken in the second: about 70 MiB."""


@dataclass(frozen=True)
class Sample:
    at_s: float
    rss_bytes: int
    descriptors: int


@dataclass(frozen=True)
class Grown:
    """The second half of a process's life beside the first."""

    life_s: float
    more_bytes: float
    more_descriptors: float

    @property
    def is_too_much(self) -> bool:
        return self.more_bytes > _MOST_MORE_BYTES or self.more_descriptors > _MOST_MORE_DESCRIPTORS


class Growth:
    def __init__(self) -> None:
        self._samples: dict[psutil.Process, list[Sample]] = defaultdict(list)

    @property
    def seen(self) -> list[psutil.Process]:
        """Every engine, and every child of one."""
        return list(self._samples)

    def sample(self, engine: psutil.Process) -> None:
        with suppress(psutil.NoSuchProcess, psutil.AccessDenied):
            for process in (engine, *engine.children(recursive=True)):
                found = Sample(time.monotonic(), process.memory_info().rss, process.num_fds())
                self._samples[process].append(found)

    def of_the_long_lived(self) -> list[Grown]:
        return [
            _grown(samples)
            for samples in self._samples.values()
            if len(samples) >= 8 and samples[-1].at_s - samples[0].at_s >= _LEAST_LIFE_S
        ]


def _grown(samples: list[Sample]) -> Grown:
    early, late = samples[: len(samples) // 2], samples[len(samples) // 2 :]
    return Grown(
        samples[-1].at_s - samples[0].at_s,
        max(s.rss_bytes for s in late) - max(s.rss_bytes for s in early),
        statistics.median(s.descriptors for s in late) - statistics.median(s.descriptors for s in early),
    )
