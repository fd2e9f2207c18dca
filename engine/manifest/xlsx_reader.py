"""The rows of an Excel workbook (.xlsx) as text, numbers with the digits that the spreadsheet shows."""

from __future__ import annotations

import datetime
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from xml.etree.ElementTree import ParseError

from python_calamine import (
    CalamineError,
    CalamineSheet,
    CalamineWorkbook,
    SheetTypeEnum,
    SheetVisibleEnum,
)

from engine.failures import UserError
from engine.manifest.csv_reader import Record
from engine.manifest.xlsx_formats import NumberFormat, number_formats

_MOST_BYTES = 4 << 30
"""Unpacked; a million rows have some hundred MiB."""
_EXACT = 10**15
"""A spreadsheet keeps 15 digits of a number (ECMA-376 stores IEEE 754 doubles, Excel rounds them to 15)."""

Value = str | int | float | bool | datetime.date | datetime.time | datetime.timedelta


def read_workbook(path: Path, notes: list[str]) -> Iterator[Record]:
    """The first visible sheet that has rows; `notes` gets which one, if there are others. Raises UserError."""
    try:
        with zipfile.ZipFile(path) as archive:
            if sum(member.file_size for member in archive.infolist()) > _MOST_BYTES:
                raise UserError(f"{path}: this workbook is too large when unpacked: export it as CSV (UTF-8)")
        with CalamineWorkbook.from_path(path) as workbook:
            sheet, name, others = _first_with_rows(workbook)
            if sheet is None:
                return
            if others:
                notes.append(f"the sheet {name!r} is read; not read: {', '.join(map(repr, others))}")
            yield from _records(sheet, number_formats(path, name))
    except (CalamineError, zipfile.BadZipFile, ParseError, KeyError) as error:
        raise UserError(f"{path}: this .xlsx workbook cannot be read ({error}): save it again") from error


def _first_with_rows(workbook: CalamineWorkbook) -> tuple[CalamineSheet | None, str, list[str]]:
    """It, its name, and the names of the others."""
    sheets = [sheet for sheet in workbook.sheets_metadata if sheet.typ == SheetTypeEnum.WorkSheet]
    visible = [sheet.name for sheet in sheets if sheet.visible == SheetVisibleEnum.Visible]
    names = visible or [sheet.name for sheet in sheets]
    for name in names:
        sheet = workbook.get_sheet_by_name(name)
        if sheet.height:
            return sheet, name, [other for other in names if other != name]
    return None, "", []


def _records(sheet: CalamineSheet, formats: Mapping[tuple[int, int], NumberFormat]) -> Iterator[Record]:
    """Rows that have a cell, with their numbers in the sheet."""
    first_column = sheet.start[1] if sheet.start else 0
    for row, values in enumerate(sheet.iter_rows(), start=1):
        if any(value != "" for value in values):
            yield _record(row, [""] * first_column + list(values), formats)


def _record(row: int, values: Sequence[Value], formats: Mapping[tuple[int, int], NumberFormat]) -> Record:
    cells: list[str] = []
    unclear: dict[int, str] = {}
    for column, value in enumerate(values):
        if isinstance(value, str):
            cells.append(value)
            continue
        text, why = as_shown(value, formats.get((row, column)) if formats else None)
        cells.append(text)
        if why:
            unclear[column] = why
    return Record(row, cells, unclear=unclear)


def as_shown(value: Value, number_format: NumberFormat | None = None) -> tuple[str, str]:
    """The text of a cell that is no text, and why this may not be what the spreadsheet shows; empty if it is."""
    if isinstance(value, bool):
        return str(value).upper(), f"a truth value ({str(value).upper()})"
    if isinstance(value, datetime.date | datetime.time | datetime.timedelta):
        return str(value), f"a date or time ({value})"
    if not isinstance(value, int | float):
        return value, ""
    if abs(value) >= _EXACT:
        return (
            f"{value:.0f}",
            f"a number of more than 15 digits ({value:.0f}), of which a spreadsheet keeps only 15",
        )
    digits = str(int(value)) if value == int(value) else format(Decimal(repr(value)), "f")
    if number_format is None:
        return digits, ""
    if number_format.unclear:
        return digits, f"a number ({digits}) that the spreadsheet shows as {number_format.code!r}"
    return digits.zfill(number_format.fewest_digits), ""
