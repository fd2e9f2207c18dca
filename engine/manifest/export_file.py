"""A collection export as it was delivered: CSV in some encoding, perhaps compressed, or an Excel workbook."""

from __future__ import annotations

import codecs
import io
import zlib
from collections.abc import Iterator
from gzip import GzipFile
from pathlib import Path
from typing import BinaryIO, cast

from engine.failures import UserError
from engine.files.regular_files import open_bytes
from engine.formatting import visible
from engine.manifest import file_types
from engine.manifest.csv_reader import CsvReader, Record
from engine.manifest.encodings import (
    MARKS,
    OpenBytes,
    Unsure,
    advice,
    explain_undecodable,
    find_encoding,
    has_c1_bytes,
    is_utf_8_text,
    wide_without_mark,
)

AUTO = "auto"
_XLSX = "xlsx"
_WIDE = ("utf-16", "utf-32")
_DELIMITER_NAMES = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}


class ExportFile:
    """Opened by its content, not its name. `notes` are complete once the first record was read."""

    def __init__(self, path: Path, encoding: str) -> None:
        """`encoding` is that of the settings. Raises UserError for a file that is no export, or cannot be read."""
        self.path = path
        self.notes: list[str] = []
        self.encoding = encoding
        """As which it is read: an encoding, or `xlsx`."""
        self._open: OpenBytes = lambda: open_bytes(path)
        try:
            self._recognise()
        except (OSError, EOFError, zlib.error) as error:
            raise UserError(f"{path}: {_words(error)}") from error

    def records(self) -> Iterator[Record]:
        """Raises UserError if the file cannot be read, or has bytes that are not in its encoding: with line, byte, and
        the encoding that may be right."""
        try:
            yield from self._workbook() if self.encoding == _XLSX else self._text()
        except UnicodeDecodeError as error:
            raise UserError(explain_undecodable(self._open, str(self.path), self.encoding)) from error
        except (OSError, EOFError, zlib.error) as error:
            raise UserError(f"{self.path}: {_words(error)}") from error

    def _recognise(self) -> None:
        head = self._head()
        what = str(self.path)
        if head.startswith(file_types.GZIP_MAGIC):
            self._open = lambda: cast(BinaryIO, GzipFile(self.path, "rb"))
            head = self._head()
            what += ": after decompression it"
            if head.startswith(file_types.GZIP_MAGIC) or file_types.is_zip(head):
                raise UserError(f"{what} is an archive again: unpack it and add what is in it")
        elif file_types.is_zip(head):
            other = file_types.type_of_zip(self.path)
            if other is not None:
                raise UserError(f"{what} is {other.name}, not CSV: {other.advice}")
            self.encoding = _XLSX
            return
        other = file_types.other_type(head)
        if other is not None:
            raise UserError(f"{what} is {other.name}, not CSV: {other.advice}")
        if self.encoding == AUTO:
            self._find_encoding()
        else:
            self._check_encoding(head)

    def _head(self) -> bytes:
        with self._open() as file:
            return file.read(file_types.HEAD_BYTES)

    def _find_encoding(self) -> None:
        try:
            found = find_encoding(self._open)
        except Unsure as unsure:
            message = f'{self.path}: encoding = "auto" is not sure, nothing was added; {unsure}'
            raise UserError(message) from unsure
        self.encoding = found.encoding
        if found.example:
            self.notes.append(
                f'encoding = "auto" found {found.encoding}, in which the export has {found.example}: if that is '
                "wrong, set the right one under [manifest]"
            )

    def _check_encoding(self, head: bytes) -> None:
        """Single-byte encodings read any file, and so the wrong ones, too."""
        codec = codecs.lookup(self.encoding).name
        right = next((encoding for mark, encoding in MARKS if head.startswith(mark)), wide_without_mark(head))
        is_wide = codec.startswith(_WIDE)
        if is_wide and b"\0" not in head:  # which stands in every comma
            raise UserError(f"{self.path} is not {codec.upper()}{advice(self._open)}")
        if right and not codec.startswith(right) and not right.startswith(codec):
            without = " without a byte order mark" if right.endswith(("-le", "-be")) else ""
            raise UserError(
                f'{self.path} is {right[:6].upper()}{without}: set encoding = "{right}" under [manifest]'
            )
        if is_wide:
            self.encoding = right or self.encoding
            return
        if codec not in ("utf-8", "utf-8-sig", "ascii") and is_utf_8_text(self._open):
            raise UserError(f'{self.path} is UTF-8: set encoding = "utf-8" under [manifest]')
        if codec.startswith("iso8859") and has_c1_bytes(self._open):
            self.notes.append(
                f"{self.encoding} has no characters for some bytes in it (0x80 to 0x9f): "
                'encoding = "windows-1252" under [manifest] may be right'
            )

    def _text(self) -> Iterator[Record]:
        codec = codecs.lookup(self.encoding).name
        with (
            self._open() as file,
            io.TextIOWrapper(file, "utf-8-sig" if codec == "utf-8" else self.encoding, newline="") as text,
        ):
            reader = CsvReader(text, str(self.path))
            for number, record in enumerate(reader.records()):
                if number == 0 and reader.delimiter != ",":
                    name = _DELIMITER_NAMES.get(reader.delimiter, visible(repr(reader.delimiter)))
                    self.notes.append(f"line 1 says that columns are separated by {name}")
                yield record

    def _workbook(self) -> Iterator[Record]:
        from engine.manifest.xlsx_reader import read_workbook  # only where there is one

        yield from read_workbook(self.path, self.notes)


def _words(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return f"damaged or incomplete gzip data ({error})"
