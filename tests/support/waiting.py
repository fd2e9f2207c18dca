"""Waiting for a condition: without sleeps for luck, and without bounds that a busy machine breaks."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

import psutil

T = TypeVar("T")

LONGEST_WAIT_S = 300.0
"""A busy machine does what a test waits for long before; an idle one waits only as long as that takes."""


def wait_until(
    condition: Callable[[], T | None],
    what: str | Callable[[], str],
    longest_s: float = LONGEST_WAIT_S,
    *,
    pause: Callable[[float], object] = time.sleep,
    longest_pause_s: float = 0.2,
) -> T:
    """Asks again and again until `condition()` is true, and returns its value; fails after `longest_s`.

    `what` names what the test waits for; if it is a function, it can describe the moment at which the test fails.
    """
    deadline = time.monotonic() + longest_s
    pause_s = 0.005
    while not (value := condition()):
        _fail_after(deadline, longest_s, what)
        pause(pause_s)
        pause_s = min(pause_s * 1.5, longest_pause_s)
    return value


async def wait_until_async(
    condition: Callable[[], T | None],
    what: str | Callable[[], str],
    pause: Callable[[float], Awaitable[object]],
) -> T:
    """Like `wait_until` in a coroutine; the `pause` of a Textual pilot lets the app work."""
    deadline = time.monotonic() + LONGEST_WAIT_S
    while not (value := condition()):
        _fail_after(deadline, LONGEST_WAIT_S, what)
        await pause(0.02)
    return value


def _fail_after(deadline: float, longest_s: float, what: str | Callable[[], str]) -> None:
    if time.monotonic() > deadline:
        raise AssertionError(f"waited {longest_s:g} s for {what if isinstance(what, str) else what()}")


def has_ended(process: psutil.Process) -> bool:
    """Whether it runs no more, even if nobody has asked for its exit code yet."""
    try:
        return process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def own_seconds_until(
    condition: Callable[[], bool], pid: int, what: str, *, pause: Callable[[float], object] = time.sleep
) -> float:
    """Seconds until the condition is met, without those in which that process, or this one, queued for a processor.

    A promise that something is quick is about these: on an idle machine they are all, and on a busy one the time
    of other programs does not count.
    """
    ours, theirs = _queued_s("self"), _queued_s(pid)
    began, last = time.monotonic(), theirs

    def look() -> bool:
        nonlocal last
        last = max(last, _queued_s(pid))
        return condition()

    wait_until(look, what, pause=pause)
    return time.monotonic() - began - (last - theirs) - (_queued_s("self") - ours)


def _queued_s(pid: int | str) -> float:
    """How long the process's threads have waited for a processor; 0 if it has gone or the system does not tell.

    Linux, Documentation/scheduler/sched-stats.rst: the second field, in nanoseconds.
    """
    total_ns = 0
    for thread in Path(f"/proc/{pid}/task").glob("*"):
        try:
            total_ns += int((thread / "schedstat").read_text().split()[1])
        except OSError:
            continue
    return total_ns / 1e9
