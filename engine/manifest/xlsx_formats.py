"""Which cells of an .xlsx sheet show a number otherwise than by its digits, such as with leading zeros.

python-calamine gives values without their number formats. ECMA-376-1, 18.8.30 (numFmt) and 18.3.1.4 (c).
"""

from __future__ import annotations

import re
import zipfile
from pathlib import Path
from posixpath import join, normpath
from typing import IO
from xml.etree.ElementTree import Element, iterparse

from msgspec import Struct

_NAMESPACE = re.compile(r"\{[^}]*\}")
_PLAIN = frozenset({0, 1, 2, 3, 4, 11, 37, 38, 39, 40, 48, 49})
"""Built-in formats that show digits, with or without decimals, separators or an exponent; those of dates are left to
python-calamine, which makes dates of them."""
_DATES = frozenset({*range(14, 23), *range(27, 37), 45, 46, 47, *range(50, 59)})
_DECORATION = re.compile(r"_.|\*.|\\ |\[[^\]]*\]")
"""Padding, fill, blanks, colours and languages of a format code."""
_PLAIN_CODE = re.compile(r"General|@|#*|[#,.]*0(\.0+|\.#+)?(E[+-]0+)?", re.IGNORECASE)
_DATE_CODE = re.compile(r"[ymdhs]", re.IGNORECASE)


class NumberFormat(Struct, frozen=True):
    code: str
    fewest_digits: int
    """Numbers with fewer get leading zeros."""
    unclear: bool
    """It adds or hides characters."""


def number_formats(path: Path, sheet: str) -> dict[tuple[int, int], NumberFormat]:
    """By row, from 1, and column, from 0; only cells whose format changes the digits."""
    with zipfile.ZipFile(path) as archive:
        members = set(archive.namelist())
        styles = _styles(archive) if "xl/styles.xml" in members else {}
        if not styles:
            return {}
        part = _part_of(archive, sheet)
        if part not in members:
            return {}
        with archive.open(part) as file:
            return _cells(file, styles)


def parse_format(number: int, code: str) -> NumberFormat | None:
    """None for one that shows the digits as they are, or a date."""
    if number in _PLAIN or number in _DATES:
        return None
    first = _DECORATION.sub("", code.partition(";")[0])
    if re.fullmatch("0{2,}", first):
        return NumberFormat(code, len(first), unclear=False)
    if _PLAIN_CODE.fullmatch(first) or _DATE_CODE.search(re.sub(r'"[^"]*"', "", first)):
        return None
    return NumberFormat(code or f"format {number}", 0, unclear=True)


def _tag(element: Element) -> str:
    return _NAMESPACE.sub("", element.tag)


def _styles(archive: zipfile.ZipFile) -> dict[str, NumberFormat]:
    """By the number that cells refer to."""
    codes: dict[str, str] = {}
    styles: dict[str, NumberFormat] = {}
    with archive.open("xl/styles.xml") as file:
        for _, element in iterparse(file):
            tag = _tag(element)
            if tag == "numFmt":
                codes[element.get("numFmtId", "")] = element.get("formatCode", "")
            elif tag == "cellXfs":
                for place, style in enumerate(element):
                    number = style.get("numFmtId", "0")
                    found = parse_format(int(number), codes.get(number, ""))
                    if found is not None:
                        styles[str(place)] = found
    return styles


def _part_of(archive: zipfile.ZipFile, sheet: str) -> str:
    """The member of the archive that has the sheet."""
    relation = ""
    with archive.open("xl/workbook.xml") as file:
        for _, element in iterparse(file):
            if _tag(element) == "sheet" and element.get("name") == sheet:
                ids = {_NAMESPACE.sub("", key): value for key, value in element.attrib.items()}
                relation = ids.get("id", "")
    with archive.open("xl/_rels/workbook.xml.rels") as file:
        for _, element in iterparse(file):
            if element.get("Id") == relation:
                target = element.get("Target", "")
                return target.lstrip("/") if target.startswith("/") else normpath(join("xl", target))
    return ""


def _cells(file: IO[bytes], styles: dict[str, NumberFormat]) -> dict[tuple[int, int], NumberFormat]:
    found: dict[tuple[int, int], NumberFormat] = {}
    row = column = 0
    for event, element in iterparse(file, ("start", "end")):
        tag = _tag(element)
        if event == "start" and tag == "row":
            row, column = int(element.get("r", row + 1)), 0
        elif event == "start" and tag == "c":
            column = _column(element.get("r", "")) or column + 1
            style = styles.get(element.get("s", ""))
            if style is not None:
                found[row, column - 1] = style
        elif event == "end" and tag == "row":
            element.clear()
    return found


def _column(reference: str) -> int:
    """Of `AB12`, from 1; 0 if there is none."""
    number = 0
    for letter in reference:
        if not letter.isalpha():
            break
        number = number * 26 + ord(letter.upper()) - ord("A") + 1
    return number
