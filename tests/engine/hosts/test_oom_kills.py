"""Which processes the kernel has killed for memory."""

from __future__ import annotations

import signal
import time
from dataclasses import dataclass
from typing import cast

import pytest

from engine.hosts.oom_kills import OomKillDetector
from engine.processes.child import Child


@dataclass
class Dead:
    exit_code: int | None


@pytest.mark.parametrize(
    ("counts", "exit_code", "was_oom_killed"),
    [
        ([5, 5, 5], -signal.SIGKILL, False),
        ([5, 5, 6], -signal.SIGKILL, True),
        ([5, 5, 6], -signal.SIGSEGV, False),
        ([5, 5, 6], 1, False),
    ],
)
def test_a_kill_was_for_memory_if_the_kernels_count_rose(
    counts: list[int], exit_code: int, was_oom_killed: bool
) -> None:
    answers = iter(counts)
    kills = OomKillDetector(lambda: next(answers))
    kills.sample(time.monotonic())
    assert kills.was_oom_killed(cast(Child, Dead(exit_code))) is was_oom_killed


def test_all_that_were_killed_at_once_are_recognised() -> None:
    count = 0
    kills = OomKillDetector(lambda: count)
    count = 2
    dead = cast(Child, Dead(-signal.SIGKILL))
    assert kills.was_oom_killed(dead) and kills.was_oom_killed(dead)


def test_earlier_kills_do_not_count() -> None:
    count = 0
    kills = OomKillDetector(lambda: count)
    count, now = 7, time.monotonic()
    dead = cast(Child, Dead(-signal.SIGKILL))
    for second in range(11):
        kills.sample(now + second)
        assert kills.was_oom_killed(dead) is (second < 10)
