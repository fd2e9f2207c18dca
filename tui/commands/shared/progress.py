"""How far a command is, on stderr and on a terminal only."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn


@contextmanager
def spinner(text: str) -> Iterator[Callable[[str], None]]:
    """A turning mark with a text; what it yields changes the text."""
    with Console(stderr=True, highlight=False).status(text) as status:
        yield lambda changed: status.update(changed)


@contextmanager
def progress_bar(title: str) -> Iterator[Callable[[int, int], None]]:
    """A bar; what it yields takes how many are done, of how many."""
    console = Console(stderr=True, highlight=False)
    columns = (TextColumn(title), BarColumn(bar_width=None), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal, transient=True) as bar:
        task = bar.add_task("", total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)
