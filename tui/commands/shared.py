"""What the commands share: the workspace, JSON and plain text on stdout, tables that fit, remarks on stderr."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from engine.failures import UserError, one_line
from engine.formatting import integer, visible
from engine.workspace import Workspace

F = TypeVar("F", bound=Callable[..., Any])

json_option: Callable[[F], F] = click.option(
    "--json", "as_json", is_flag=True, help="One JSON document on stdout instead."
)


def workspace_of(ctx: click.Context) -> Workspace:
    """The workspace that -C, PHOTOSTAT_WORKSPACE or the current directory means; UserError where none is."""
    return Workspace.find(ctx.find_root().params.get("directory"))


def has_terminal() -> bool:
    """Whether the app could be seen and steered: it reads stdin and draws on stderr."""
    return all(stream is not None and stream.isatty() for stream in (sys.stdin, sys.stderr))


def in_flight(count: int, one: str, many: str) -> str:
    """`Nothing is in flight`, `The image in flight` and `one`, `The 3 images in flight` and `many`."""
    if count == 0:
        return "Nothing is in flight"
    return f"The image in flight {one}" if count == 1 else f"The {integer(count)} images in flight {many}"


def draining(count: int) -> str:
    """What `drain` answers; `count` images are in flight."""
    will = "will be finished"
    return f"Draining. {in_flight(count, will, will)}{', then' if count else ':'} the engine leaves."


def complete_batch(ctx: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    """The batches of the workspace, for the shell's completion; none where there is no ledger to ask."""
    from engine.ledger.reader import LedgerReader

    try:
        with LedgerReader(workspace_of(ctx)) as reader:
            return [name for name in reader.account() if name.startswith(incomplete)]
    except UserError:
        return []


def complete_cause(ctx: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    from engine.failures import Cause

    return [cause.value for cause in Cause if cause.value.startswith(incomplete)]


batch_option: Callable[[F], F] = click.option(
    "--batch", shell_complete=complete_batch, help="Only this batch."
)
cause_option: Callable[[F], F] = click.option(
    "--cause", shell_complete=complete_cause, help="Only failures of this cause."
)


def check_batch(batch: str | None, known: Iterable[str]) -> None:
    """Raises UserError for a batch that the ledger does not have."""
    names = list(known)
    if batch is not None and batch not in names:
        there = f"there is {', '.join(names)}" if names else "there is none yet"
        raise UserError(f"no batch {one_line(batch)!r} in the ledger; {there}")


def check_cause(cause: str | None) -> None:
    """Raises UserError for a cause that is none."""
    from engine.failures import Cause, nearest

    if cause is not None and cause not in {known.value for known in Cause}:
        meant = nearest(cause, [known.value for known in Cause])
        advice = f"did you mean {meant}?" if meant else "`photostat failures` shows those there are"
        raise UserError(f"no cause {one_line(cause)!r}; {advice}")


def print_json(document: Any) -> None:
    """One document on stdout."""
    click.echo(json.dumps(document, indent=2, ensure_ascii=not _speaks_utf8(), allow_nan=False))


def print_json_array(items: Iterable[Any]) -> None:
    """One array on stdout, an element a line, never more than one of them in memory."""
    ascii_only = not _speaks_utf8()
    separator = "[\n"
    for item in items:
        click.echo(separator + json.dumps(item, ensure_ascii=ascii_only, allow_nan=False), nl=False)
        separator = ",\n"
    click.echo("[]" if separator == "[\n" else "\n]")


def say(text: str) -> None:
    """A line on stdout; what could steer a terminal is made visible."""
    click.echo(visible(text))


def remark(text: str) -> None:
    """A line on stderr, beside the data."""
    click.echo(visible(text), err=True)


def print_table(
    columns: Sequence[str], rows: Iterable[Sequence[str]], *, right: Iterable[str] = (), indent: int = 0
) -> None:
    """A table on stdout: fitted to a terminal; elsewhere a line a row, nothing wrapped or cut."""
    numbers = set(right)
    cleaned = [[visible(cell) for cell in row] for row in rows]
    if sys.stdout.isatty():
        table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
        for name in columns:
            table.add_column(name, justify="right" if name in numbers else "left", overflow="fold")
        for row in cleaned:
            table.add_row(*(Text(cell) for cell in row))
        console = Console(highlight=False)
        with console.capture() as captured:
            console.print(table, width=max(20, console.width - indent))
        for line in captured.get().splitlines():
            click.echo(" " * indent + line.rstrip())
        return
    widths = [max(map(len, cells)) for cells in zip(columns, *cleaned, strict=True)]
    for row in [list(columns), *cleaned]:
        cells = [
            cell.rjust(width) if name in numbers else cell.ljust(width)
            for cell, width, name in zip(row, widths, columns, strict=True)
        ]
        click.echo((" " * indent + "  ".join(cells)).rstrip())


def existing_file(path: Path) -> Path:
    """Raises UserError where there is no such file."""
    if not path.exists():
        raise UserError(f"{path}: there is no such file")
    if path.is_dir():
        raise UserError(f"{path}: this is a directory, not a file")
    return path


def _speaks_utf8() -> bool:
    return (sys.stdout.encoding or "").lower().replace("-", "") == "utf8"
