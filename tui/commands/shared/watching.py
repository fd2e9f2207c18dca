"""Shows something again and again: in one place on a terminal, one below the other in a file or pipe."""

from __future__ import annotations

import io
import os
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout

_ENTER, _LEAVE = "\x1b[?1049h\x1b[?25l", "\x1b[?25h\x1b[?1049l"
"""The terminal's other screen, without a cursor, and back: what was on the terminal before is there again."""
_HOME, _TO_LINE_END, _TO_END = "\x1b[H", "\x1b[K", "\x1b[J"


def watch(show: Callable[[], bool], interval_s: float, gap: str = "\n") -> None:
    """Calls `show`, which prints, until it says that this was the last time. Ctrl-C raises as ever.

    `gap` is printed in between, except on a terminal; if it is empty, documents for a program are shown."""
    on_screen = gap and sys.stdout.isatty() and os.environ.get("TERM", "dumb") != "dumb"
    if not on_screen:
        for is_first in _turns(interval_s):
            if not is_first:
                sys.stdout.write(gap)
            goes_on = show()
            sys.stdout.flush()
            if not goes_on:
                return
    frame = ""
    try:
        with _other_screen():
            before = ""
            for _ in _turns(interval_s):
                with redirect_stdout(_Frame()) as printed:
                    goes_on = show()
                frame = printed.getvalue()
                before = _repaint(frame, before)
                if not goes_on:
                    return
    finally:
        sys.stdout.write(frame)
        sys.stdout.flush()


class _Frame(io.StringIO):
    """What is printed for the terminal, before it is there."""

    def isatty(self) -> bool:
        return True


def _turns(interval_s: float) -> Iterator[bool]:
    """True, and False after each interval; one that took longer delays those that follow."""
    yield True
    due_s = time.monotonic()
    while True:
        due_s = max(due_s + interval_s, time.monotonic())
        time.sleep(max(0.0, due_s - time.monotonic()))
        yield False


@contextmanager
def _other_screen() -> Iterator[None]:
    sys.stdout.write(_ENTER)
    try:
        yield
    finally:
        sys.stdout.write(_LEAVE)
        sys.stdout.flush()


def _repaint(frame: str, before: str) -> str:
    """Writes the lines that have changed; returns what is on the screen now."""
    columns, rows = shutil.get_terminal_size()
    painted = "\n".join([f"{columns}x{rows}", *fitted(frame.splitlines(), rows)])
    old, new = before.split("\n"), painted.split("\n")
    if old[0] != new[0]:
        sys.stdout.write(_HOME + _TO_END)
        old = [new[0]]
    for row, line in enumerate(new[1:], 1):
        if row >= len(old) or old[row] != line:
            sys.stdout.write(f"\x1b[{row};1H{line}{_TO_LINE_END}")
    if len(old) > len(new):
        sys.stdout.write(f"\x1b[{len(new)};1H{_TO_END}")
    sys.stdout.flush()
    return painted


def fitted(lines: list[str], rows: int) -> list[str]:
    """No more lines than the screen has rows; the last one says how many are not there."""
    if len(lines) <= rows:
        return lines
    kept = max(0, rows - 1)
    return [*lines[:kept], f"… {len(lines) - kept} more lines"]
