"""Reads CSV (RFC 4180) record by record, with physical line numbers; a broken record costs no other."""

from __future__ import annotations

import csv
import re
from collections import deque
from collections.abc import Iterator, Mapping
from typing import TextIO

from msgspec import Struct, field

from engine.failures import UserError
from engine.manifest.names import is_uuid

_LONGEST_RECORD = 2**24
"""Characters. A record that does not end before has a quote that is never closed."""
_LONGEST_CELL = 2**20
"""Characters of the first cell of a record, if it is not quoted."""
_FEWEST_CELLS = 3
"""UUID, name and source: a line within a quoted cell that has fewer is text."""
_UUID = re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}", re.IGNORECASE)
_SEPARATOR_LINE = re.compile(r'"?sep=([^\w\s"]|\t)"?[,;\s]*\Z', re.IGNORECASE)
"""What Excel writes and obeys as a file's first line."""


class Record(Struct, frozen=True):
    line: int
    """In which it begins, from 1; newlines in quotes count. Of a spreadsheet: the row."""
    cells: list[str]
    fault: str = ""
    """Why there are no cells; empty if there are some."""
    unclear: Mapping[int, str] = field(default_factory=dict)
    """Cells of a spreadsheet, counted from 0, of which the text cannot be told, and why."""


class CsvReader:
    """The records of a text file, verbatim and without empty lines; LF, CRLF and CR are understood.

    If a record is broken (a quote never closed, text after a closing quote), the line in which it begins is one with
    a fault, and reading continues with the next line. A quote is never closed if the cell that it begins has a whole
    row of the export within it."""

    def __init__(self, file: TextIO, path: str) -> None:
        """`path` is for messages."""
        csv.field_size_limit(_LONGEST_RECORD + 1)
        self._lines = _Lines(file, path)
        self.delimiter = ","

    def records(self) -> Iterator[Record]:
        """Raises UserError for a file that has no lines."""
        lines = self._lines
        lines.begin_record()
        if separator := _SEPARATOR_LINE.match(next(lines, "")):
            self.delimiter = separator[1]
        else:
            lines.give_back(kept=0)
        lines.delimiter = self.delimiter
        reader = self._reader()
        while True:
            lines.begin_record()
            start = lines.number + 1
            try:
                cells = next(reader)
            except StopIteration:
                return
            except (csv.Error, _UnclosedQuote) as error:
                fault = _fault(error, lines.taken)
                lines.give_back(kept=1)
                reader = self._reader()
                yield Record(start, [], fault)
                continue
            if cells:
                lines.note_usual(cells)
                yield Record(start, cells)

    def _reader(self) -> Iterator[list[str]]:
        return csv.reader(self._lines, strict=True, delimiter=self.delimiter)


class _UnclosedQuote(Exception):
    """The record goes on where no record does."""


class _Lines:
    """The file's physical lines, numbered; those of the record being read can be given back."""

    def __init__(self, file: TextIO, path: str) -> None:
        self._file = file
        self._path = path
        self._returned: deque[str] = deque()
        self._taken: list[str] = []
        self._characters = 0
        self._usual: tuple[int, int] | None = None
        self.delimiter = ","
        self.number = 0

    def __iter__(self) -> _Lines:
        return self

    def __next__(self) -> str:
        line = self._returned.popleft() if self._returned else self._file.readline(_LONGEST_RECORD)
        if not line:
            raise StopIteration
        self.number += 1
        self._taken.append(line)
        self._characters += len(line)
        if len(line) >= _LONGEST_CELL and self._is_endless(line):
            raise UserError(
                f"{self._path}: line {self.number} has no end within a megabyte: not a CSV export"
            )
        if len(self._taken) > 1 and (self._characters > _LONGEST_RECORD or self._is_row(line)):
            raise _UnclosedQuote
        return line

    @property
    def taken(self) -> int:
        """Lines of the record being read."""
        return len(self._taken)

    def begin_record(self) -> None:
        self._taken.clear()
        self._characters = 0

    def give_back(self, kept: int) -> None:
        """All lines of this record but the first `kept` are read again."""
        again = self._taken[kept:]
        self._returned.extendleft(reversed(again))
        self.number -= len(again)
        self.begin_record()

    def note_usual(self, cells: list[str]) -> None:
        """The last well-formed record says how many columns there are and which has the UUID."""
        place = _place_of_uuid(cells)
        if place is not None:
            self._usual = (len(cells), place)

    def _is_endless(self, line: str) -> bool:
        """Whether it is too long for any record, or is one cell without quotes that is too long for text."""
        is_one_cell = len(self._taken) == 1 and not {self.delimiter, '"'} & set(line[:_LONGEST_CELL])
        return len(line) == _LONGEST_RECORD or is_one_cell

    def _is_row(self, line: str) -> bool:
        """Whether this line, in a quoted cell of the record being read, is a row of the export by itself."""
        if _UUID.search(line) is None:
            return False
        cells = self._cells(line)
        if self._usual is not None:
            width, place = self._usual
            is_wide = len(cells) == width
        else:
            found = _place_of_uuid(self._cells(self._taken[0]))
            if found is None:
                return False
            place, is_wide = found, len(cells) >= _FEWEST_CELLS
        return _place_of_uuid(cells) == place and (is_wide or self._opens_quote(line))

    def _opens_quote(self, line: str) -> bool:
        """Whether it is the first line of a row that has a newline in quotes."""
        return line.count('"') % 2 == 1 and line[: line.index('"')].endswith(self.delimiter)

    def _cells(self, line: str) -> list[str]:
        return next(csv.reader([line], delimiter=self.delimiter), [])


def _place_of_uuid(cells: list[str]) -> int | None:
    return next((place for place, cell in enumerate(cells) if is_uuid(cell.strip())), None)


def _fault(error: Exception, lines: int) -> str:
    if isinstance(error, _UnclosedQuote) or "unexpected end" in str(error):
        return "a quote that begins in this line is never closed"
    if "expected after" in str(error):
        what = "there is text after a closing quote: a quote within quotes is written twice"
        return what if lines == 1 else f"{what}; or a quote that begins in this line is never closed"
    return f"not CSV: {error}"
