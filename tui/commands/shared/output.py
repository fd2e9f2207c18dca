"""How the commands print: lines, tables and JSON on stdout, warnings on stderr.

Control characters in names and messages are made visible, because a terminal would obey them."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TextIO

import click

from engine.formatting import json_text, visible


def print_line(text: str = "", *, bold: bool = False) -> None:
    """A line on stdout; bold on a terminal only."""
    text = visible(text)
    click.echo(click.style(text, bold=True) if bold else text)


def warn(text: str) -> None:
    """A line on stderr, so that the data on stdout stay clean."""
    click.echo(visible(text), err=True)


def print_json(document: Any) -> None:
    """One document on stdout."""
    click.echo(json_text(document, indent=2, ascii_only=not _stdout_is_utf8()))


def print_json_line(document: Any) -> None:
    """One document on one line of stdout."""
    click.echo(json_text(document, ascii_only=not _stdout_is_utf8()))


def print_json_array(
    items: Iterable[Any],
    *,
    name: str = "",
    rest: Callable[[], dict[str, Any]] = dict,
    ascii_only: bool = False,
) -> None:
    """One array on stdout, an element a line; only one element is in memory at a time.

    With `name` it is that member of an object, followed by the members of `rest()`, called after the last item."""
    ascii_only = ascii_only or not _stdout_is_utf8()
    separator = f'{{"{name}": [\n' if name else "[\n"
    write = sys.stdout.write  # because click.echo flushes each time
    for item in items:
        write(separator + json_text(item, ascii_only=ascii_only))
        separator = ",\n"
    opening = "" if separator == ",\n" else separator.rstrip()
    click.echo(f"{opening}{'' if opening else chr(10)}]", nl=False)
    click.echo(f", {json_text(rest(), ascii_only=ascii_only)[1:]}" if name else "")


def print_csv(write: Callable[[TextIO], None]) -> None:
    """A table on stdout, in UTF-8 whatever the locale, because another program reads it."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(encoding="utf-8")
    write(sys.stdout)


def print_table(
    columns: Sequence[str], rows: Iterable[Sequence[str]], *, right: Iterable[str] = (), indent: int = 0
) -> None:
    """A table on stdout: fitted to a terminal; into a file or pipe a line a row, nothing wrapped or cut."""
    numbers = set(right)
    _print_grid([list(columns)], rows, [name in numbers for name in columns], indent)


def print_facts(facts: Iterable[tuple[str, str]]) -> None:
    """A table of labels and values, without a header."""
    _print_grid([], facts, [False, False], 0)


def _print_grid(
    header: list[list[str]], rows: Iterable[Sequence[str]], to_the_right: Sequence[bool], indent: int
) -> None:
    cells = [[visible(cell) for cell in row] for row in rows]
    if sys.stdout.isatty():
        lines = _fitted_to_the_terminal(header, cells, to_the_right, indent)
    else:
        widths = [max(map(len, column)) for column in zip(*header, *cells, strict=True)]
        lines = [
            "  ".join(
                cell.rjust(width) if right else cell.ljust(width)
                for cell, width, right in zip(row, widths, to_the_right, strict=True)
            )
            for row in [*header, *cells]
        ]
    for line in lines:
        click.echo((" " * indent + line).rstrip())


def _fitted_to_the_terminal(
    header: list[list[str]], cells: list[list[str]], to_the_right: Sequence[bool], indent: int
) -> list[str]:
    """The table's lines, with cells folded where the terminal is too narrow."""
    from rich.console import Console  # only here: a command should start quickly
    from rich.table import Table
    from rich.text import Text

    table = Table(
        box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold", show_header=bool(header)
    )
    for name, right in zip(header[0] if header else [""] * len(to_the_right), to_the_right, strict=True):
        table.add_column(name, justify="right" if right else "left", overflow="fold")
    for row in cells:
        table.add_row(*(Text(cell) for cell in row))
    console = Console(highlight=False)
    with console.capture() as captured:
        console.print(table, width=max(20, console.width - indent))
    return captured.get().splitlines()


def has_terminal() -> bool:
    """Whether the app can be shown here and take keys: it reads stdin and draws on stderr."""
    return all(stream is not None and stream.isatty() for stream in (sys.stdin, sys.stderr))


def _stdout_is_utf8() -> bool:
    return (sys.stdout.encoding or "").lower().replace("-", "") == "utf8"
