"""Reads CSV (RFC 4180) record by record, with physical line numbers; a broken record costs no other."""

from __future__ import annotations

import codecs
import csv
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from engine.failures import UserError

_MOST_LINES_IN_RECORD = 50
"""A longer record has a quote that is never closed."""
_LONGEST_LINE = 2**20
"""Characters."""
_UTF_8_MARK_AS_LATIN_1 = codecs.BOM_UTF8.decode("latin-1")


@dataclass(frozen=True)
class Record:
    line: int
    """In which it begins, from 1; newlines in quotes count."""
    cells: list[str]
    fault: str = ""
    """Why there are no cells; empty if there are some."""


def read_records(path: Path, encoding: str) -> Iterator[Record]:
    """Every record but empty lines, verbatim; a byte order mark, LF, CRLF and CR are understood.

    If a record is broken (a quote never closed, text after a closing quote), the line in which it begins is one
    with a fault, and reading continues with the next line. Raises UserError if the file cannot be read, or has
    bytes that are not in `encoding`: with line, byte, and the encoding that may be right."""
    codec = codecs.lookup(encoding).name
    try:
        with path.open(encoding="utf-8-sig" if codec == "utf-8" else encoding, newline="") as file:
            yield from _records(_Lines(file, path))
    except UnicodeDecodeError as error:
        raise UserError(_undecodable(path, encoding)) from error
    except OSError as error:
        raise UserError(f"{path}: {error.strerror}") from error


class _UnclosedQuote(Exception):
    """A record has more lines than any has."""


class _Lines:
    """The file's physical lines, numbered; those of the record being read can be given back."""

    def __init__(self, file: TextIO, path: Path) -> None:
        self._file = file
        self._path = path
        self._returned: deque[str] = deque()
        self._taken: list[str] = []
        self.number = 0

    def __iter__(self) -> _Lines:
        return self

    def __next__(self) -> str:
        if len(self._taken) >= _MOST_LINES_IN_RECORD:
            raise _UnclosedQuote
        line = self._returned.popleft() if self._returned else self._file.readline(_LONGEST_LINE)
        if not line:
            raise StopIteration
        self.number += 1
        if len(line) == _LONGEST_LINE:
            raise UserError(
                f"{self._path}: line {self.number} has no end within a megabyte: not a CSV export"
            )
        if self.number == 1 and line.startswith(_UTF_8_MARK_AS_LATIN_1):
            raise UserError(f'{self._path} is UTF-8: set encoding = "utf-8" under [manifest]')
        self._taken.append(line)
        return line

    def begin_record(self) -> None:
        self._taken.clear()

    def give_back(self) -> None:
        """All lines of this record but its first are read again."""
        again = self._taken[1:]
        self._returned.extendleft(reversed(again))
        self.number -= len(again)
        self._taken.clear()


def _records(lines: _Lines) -> Iterator[Record]:
    reader = csv.reader(lines, strict=True)
    while True:
        lines.begin_record()
        start = lines.number + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except (csv.Error, _UnclosedQuote) as error:
            lines.give_back()
            reader = csv.reader(lines, strict=True)
            yield Record(start, [], _fault(error))
            continue
        if cells:
            yield Record(start, cells)


def _fault(error: Exception) -> str:
    if isinstance(error, _UnclosedQuote) or "unexpected end" in str(error):
        return "a quote that begins in this line is never closed"
    if "expected after" in str(error):
        return "there is text after a closing quote: a quote within quotes is written twice"
    return f"not CSV: {error}"


def _undecodable(path: Path, encoding: str) -> str:
    """One line: where the first wrong byte is, and in which encoding the file may be."""
    decoder = codecs.getincrementaldecoder(encoding)()
    lines, offset = 1, 0
    with path.open("rb") as file:
        start = file.read(4)
        file.seek(0)
        while True:
            chunk = file.read(2**16)
            kept = len(decoder.getstate()[0])
            try:
                lines += decoder.decode(chunk, final=not chunk).count("\n")
            except UnicodeDecodeError as error:
                bad = error.object[error.start]
                lines += bytes(error.object[: error.start]).decode(encoding, errors="ignore").count("\n")
                at = offset - kept + error.start + 1
                advice = _advice(start, encoding)
                return f"{path}: line {lines}, byte {at} (0x{bad:02x}) is not {encoding}; nothing was added{advice}"
            offset += len(chunk)
            if not chunk:
                return f"{path}: not {encoding}; nothing was added"


def _advice(start: bytes, encoding: str) -> str:
    if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        right = "utf-16"
    elif codecs.lookup(encoding).name == "utf-8":
        right = "latin-1"
    else:
        right = "utf-8"
    return f'; encoding = "{right}" under [manifest] may be right'
