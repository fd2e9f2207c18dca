"""Every CSV that photostat writes: nothing in its cells runs in a spreadsheet, or is obeyed by a terminal.

Spreadsheets run a cell that begins with `=`, `+`, `-` or `@`, or the full-width form of one (OWASP, CSV injection).
Such text gets an apostrophe before it; text that begins with apostrophes and then one of these gets one more, so that
a program can take away what was added. Where lists are separated by semicolons, as in much of Europe, Excel splits any
CSV at them: what follows one begins a cell too. Numbers are written as they are. JSON has every text as it was.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Sequence
from typing import Any, TextIO

from engine.formatting import visible_controls

_RUNS_IN_A_SPREADSHEET = re.compile(r"(^\s*|;)(?='*[=+\-@＝＋－＠])")


def start_table(
    stream: TextIO, columns: Sequence[str], line_end: str = "\r\n"
) -> Callable[[Sequence[object]], Any]:
    """Writes the head of a table; what it returns writes a row. None is an empty cell."""
    writer = csv.writer(stream, lineterminator=line_end)
    writer.writerow(columns)
    return lambda row: writer.writerow([cell(value) for value in row])


def cell(value: object) -> object:
    """The value as it may stand in a CSV: text that a spreadsheet would run is made text."""
    return _RUNS_IN_A_SPREADSHEET.sub(r"\1'", visible_controls(value)) if isinstance(value, str) else value
