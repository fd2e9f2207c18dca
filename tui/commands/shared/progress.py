"""How far a command is, on stderr and on a terminal only."""

from __future__ import annotations

import sys
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import click

from engine.formatting import duration, integer

_REDRAW_S = 0.2
_SAID_EVERY_S = 15.0
"""Into a file or pipe."""


@contextmanager
def spinner(text: str) -> Iterator[Callable[[str], None]]:
    """A turning mark with a text; what it yields changes the text. Nothing without a terminal."""
    if not sys.stderr.isatty():
        yield lambda _changed: None
        return
    from rich.console import Console  # only here: a command should start quickly

    console = Console(stderr=True, highlight=False)
    with console.status(text, spinner="line" if console.options.ascii_only else "dots") as status:
        yield lambda changed: status.update(changed)


class Rate:
    """How quickly something is going, over the last while, and how long the rest takes at that."""

    def __init__(self, over_s: float = 30.0) -> None:
        self._over_s = over_s
        self._marks: deque[tuple[float, int]] = deque()

    def add(self, now: float, done: int) -> None:
        """`now` is monotonic, s."""
        self._marks.append((now, done))
        while len(self._marks) > 2 and now - self._marks[1][0] >= self._over_s:
            self._marks.popleft()

    @property
    def per_s(self) -> float | None:
        """None until it can be told."""
        (first_s, first), (last_s, last) = self._marks[0], self._marks[-1]
        return (last - first) / (last_s - first_s) if last_s > first_s and last > first else None

    def left_s(self, total: int) -> float | None:
        per_s = self.per_s
        return (total - self._marks[-1][1]) / per_s if per_s else None


def headers_text(rate: Rate, done: int, total: int) -> str:
    text = f"{integer(done)} of {integer(total)} headers"
    per_s, left_s = rate.per_s, rate.left_s(total)
    if per_s is not None and left_s is not None and done < total:
        text += f", {integer(round(per_s))}/s, about {duration(left_s)} left"
    return text


@contextmanager
def headers_progress() -> Iterator[Callable[[int, int], None]]:
    """How many headers are read, how quickly, and how long the rest takes: in one place on a terminal, else a line on
    stderr now and then. What it yields takes how many, of how many."""
    rate, said_s = Rate(), time.monotonic()
    rate.add(said_s, 0)
    on_terminal = sys.stderr.isatty()
    with spinner("Trying the store") as show:

        def progress(done: int, total: int) -> None:
            nonlocal said_s
            now = time.monotonic()
            rate.add(now, done)
            if on_terminal:
                show(headers_text(rate, done, total))
            elif now - said_s >= _SAID_EVERY_S:
                said_s = now
                click.echo(headers_text(rate, done, total), err=True)

        yield progress


@contextmanager
def progress_bar(title: str) -> Iterator[Callable[[int, int], None]]:
    """A bar; what it yields takes how many are done, of how many. Nothing without a terminal."""
    if not sys.stderr.isatty():
        yield lambda _done, _total: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    console = Console(stderr=True, highlight=False)
    columns = (TextColumn(title), BarColumn(bar_width=None), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("", total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


class TransientLine:
    """A line for commands that print meanwhile: they clear it before they print."""

    def __init__(self) -> None:
        self._is_shown = False
        self._next_s = 0.0

    def show(self, text: Callable[[], str]) -> None:
        """Draws `text()`, but no more than some times a second."""
        if sys.stderr.isatty() and time.monotonic() >= self._next_s:
            self._next_s = time.monotonic() + _REDRAW_S
            self._is_shown = True
            click.echo(f"\r\x1b[K{text()}", nl=False, err=True)

    def clear(self) -> None:
        if self._is_shown:
            self._is_shown = False
            click.echo("\r\x1b[K", nl=False, err=True)
