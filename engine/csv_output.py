"""Every CSV that photostat writes: nothing in its cells runs in a spreadsheet, or is obeyed by a terminal.

Spreadsheets run a cell that begins with `=`, `+`, `-` or `@`, or the full-width form of one (OWASP, CSV injection).
Such text gets an apostrophe before it; text that begins with apostrophes and then one of these gets one more, so that
a program can take away what was added. Where lists are separated by semicolons, as in much of Europe, Excel splits any
CSV at them: what follows one begins a cell too. Numbers are written as they are. JSON has every text as it was.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TextIO

from engine.formatting import visible_controls

_RUNS_IN_A_SPREADSHEET = re.compile(r"(^\s*|;)(?='*[=+\-@＝＋－＠])")
_MAY_RUN = re.compile(r";[\s']*[=+\-@＝＋－＠]")
"""The same and a little more, where texts are separated by semicolons: that beginning makes the search quick."""


def start_table(
    stream: TextIO, columns: Sequence[str], line_end: str = "\r\n"
) -> Callable[[Sequence[object]], Any]:
    """Writes the head of a table; what it returns writes a row. None is an empty cell."""
    writer = csv.writer(stream, lineterminator=line_end)
    writer.writerow(columns)
    return lambda row: writer.writerow([cell(value) for value in row])


def start_large_table(
    stream: TextIO, columns: Sequence[str], line_end: str = "\r\n"
) -> Callable[[Sequence[object], bool], Any]:
    """As `start_table`, but the caller says of each row whether `is_plain` has shown that it needs no change."""
    writer = csv.writer(stream, lineterminator=line_end)
    writer.writerow(columns)
    return lambda row, plain: writer.writerow(row if plain else [cell(value) for value in row])


def is_plain(texts: Iterable[str]) -> bool:
    """Whether none of these texts needs a change; quicker than to look at each of them."""
    joined = ";" + ";".join(texts)
    return joined.isprintable() and _MAY_RUN.search(joined) is None


def cell(value: object) -> object:
    """The value as it may stand in a CSV: text that a spreadsheet would run is made text."""
    return _RUNS_IN_A_SPREADSHEET.sub(r"\1'", visible_controls(value)) if isinstance(value, str) else value
