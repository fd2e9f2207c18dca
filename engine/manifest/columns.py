"""Finds which column of an export is what: by the settings, a header if there is one, and what most rows have."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from msgspec import Struct

from engine.config import ColumnKey, ManifestSettings
from engine.failures import UserError, one_line
from engine.manifest.csv_reader import Record
from engine.manifest.names import is_uuid


class Layout(Struct, frozen=True):
    """Columns are counted from 0 here."""

    columns: dict[str, int]
    width: int
    """How many columns every row has."""
    split: int | None
    header_line: int | None
    note: str
    """What was decided about the header, in words."""

    @property
    def used(self) -> list[int]:
        """All that a row is made from."""
        places = set(self.columns.values())
        return sorted(places if self.split is None else {*places, self.split})

    @property
    def uuid(self) -> int:
        return self.columns["uuid"]

    @property
    def name(self) -> int:
        return self.columns["name"]

    @property
    def source(self) -> int:
        return self.columns["source"]

    def optional(self, cells: Sequence[str], column: str) -> str:
        """The cell, verbatim; empty where the export has no such column."""
        index = self.columns.get(column)
        return "" if index is None else cells[index]


def find_columns(
    head: Sequence[Record], settings: ManifestSettings, split_by: str | None, export: str
) -> Layout:
    """Decides by the first records of `export`. Raises UserError if the file does not have the columns."""
    if not head:
        raise UserError(f"{export}: there is no row in it")
    first = head[0]
    _check_delimiter(first, export)
    wanted = dict(settings.columns)
    header, note = _header(first, settings)
    split = None if split_by is None else _split_key(split_by, wanted, header)
    finder = _Finder(header, export)
    columns = {name: finder.index(key, f"[manifest] columns: {name}") for name, key in wanted.items()}
    split_index = None if split is None else finder.index(split, "--split-by")
    needed = 1 + max([*columns.values(), -1 if split_index is None else split_index])
    if header is not None and len(header) < needed:
        raise UserError(
            f"{export}: the header has {len(header)} columns; [manifest] columns asks for column {needed}"
        )
    width = len(header) if header is not None else _usual_width(head, needed)
    return Layout(columns, width, split_index, None if header is None else first.line, note)


def _header(first: Record, settings: ManifestSettings) -> tuple[list[str] | None, str]:
    if settings.header is True or any(isinstance(key, str) for key in settings.columns.values()):
        if first.fault:
            raise UserError(f"line {first.line}, the header: {first.fault}")
        return first.cells, f"line {first.line} is the header"
    if settings.header is False:
        return None, "there is no header"
    if _looks_like_names(first, settings.columns):
        return (
            first.cells,
            f"line {first.line} is taken as the header: it has names of columns, and no UUID",
        )
    return None, "no header was found: the first row is an image's"


def _looks_like_names(first: Record, columns: dict[str, ColumnKey]) -> bool:
    """A row of column names has words in place of UUID, name and source: without dots and slashes."""
    cells = {}
    for column in ("uuid", "name", "source"):
        key = columns[column]
        if not isinstance(key, int) or key > len(first.cells):
            return False
        cells[column] = first.cells[key - 1].strip()
    if is_uuid(cells["uuid"]):
        return False
    return all(cells.values()) and not any(c in "".join(cells.values()) for c in "./\\")


def _split_key(split_by: str, columns: dict[str, ColumnKey], header: list[str] | None) -> ColumnKey:
    """A number, a name in the header, or one of the settings' columns, such as `type`."""
    if split_by.isdecimal() and int(split_by) > 0:
        return int(split_by)
    folded = [cell.strip().casefold() for cell in header or ()]
    if split_by.strip().casefold() in folded:
        return split_by
    if split_by in columns:
        return columns[split_by]
    known = ", ".join([*columns, *(header or ())])
    raise UserError(
        f"--split-by {one_line(split_by)}: no such column; there are {one_line(known)}, or a number"
    )


class _Finder:
    def __init__(self, header: list[str] | None, export: str) -> None:
        self._header = header
        self._export = export

    def index(self, key: ColumnKey, what: str) -> int:
        """From 0. Raises UserError for a name that the header does not have, or has twice."""
        if isinstance(key, int):
            return key - 1
        header = self._header or []
        exact = [i for i, cell in enumerate(header) if cell.strip() == key.strip()]
        found = exact or [
            i for i, cell in enumerate(header) if cell.strip().casefold() == key.strip().casefold()
        ]
        if len(found) == 1:
            return found[0]
        problem = "is there more than once" if found else "is not there"
        shown = one_line(", ".join(header))
        raise UserError(f"{self._export}: {what} = {key!r} {problem}; the header is: {shown[:300]}")


def _usual_width(head: Sequence[Record], needed: int) -> int:
    """How many columns most rows have, of the rows with enough of them."""
    widths = Counter(len(record.cells) for record in head if len(record.cells) >= needed)
    return widths.most_common(1)[0][0] if widths else needed


def _check_delimiter(first: Record, export: str) -> None:
    if len(first.cells) == 1:
        for delimiter, name in ((";", "semicolons"), ("\t", "tabs"), ("|", "bars")):
            if first.cells[0].count(delimiter) >= 2:
                raise UserError(
                    f"{export}: its columns are separated by {name}; export it with commas (CSV), "
                    f"or write sep={'TAB' if delimiter == chr(9) else delimiter} in a line of its own before the first"
                )
