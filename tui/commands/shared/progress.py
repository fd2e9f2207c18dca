"""How far a command is, on stderr and on a terminal only."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

_REDRAW_S = 0.2


@contextmanager
def spinner(text: str) -> Iterator[Callable[[str], None]]:
    """A turning mark with a text; what it yields changes the text."""
    console = Console(stderr=True, highlight=False)
    with console.status(text, spinner="line" if console.options.ascii_only else "dots") as status:
        yield lambda changed: status.update(changed)


@contextmanager
def progress_bar(title: str) -> Iterator[Callable[[int, int], None]]:
    """A bar; what it yields takes how many are done, of how many."""
    console = Console(stderr=True, highlight=False)
    columns = (TextColumn(title), BarColumn(bar_width=None), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal, transient=True) as bar:
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
