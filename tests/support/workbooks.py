"""Excel workbooks (.xlsx) as a spreadsheet program writes them, with any cell and any number format."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping, Sequence
from xml.sax.saxutils import escape

_HEAD = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>'
_MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006"


def text(value: str) -> str:
    """A cell's XML, without its reference."""
    return f'<c t="inlineStr"><is><t xml:space="preserve">{escape(value)}</t></is></c>'


def number(value: str, style: int = 0) -> str:
    """`value` as the file has it, such as 1.23456789012E+12; `style` counts the number formats from 1."""
    return f'<c s="{style}"><v>{value}</v></c>'


def truth(value: bool) -> str:
    return f'<c t="b"><v>{int(value)}</v></c>'


def workbook(
    sheets: Mapping[str, Sequence[Sequence[str]]], formats: Sequence[str] = (), hidden: Sequence[str] = ()
) -> bytes:
    """Rows of cells by the sheets' names; a row without cells is left out, as programs do."""
    parts = {
        "[Content_Types].xml": f'<Types xmlns="{_PACKAGE}/content-types">'
        '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        '<Default Extension="xml" ContentType="application/xml"/></Types>',
        "_rels/.rels": _relations({"rId1": ("officeDocument", "xl/workbook.xml")}),
        "xl/styles.xml": _styles(formats),
    }
    relations = {"rId0": ("styles", "styles.xml")}
    listed = ""
    for place, (name, rows) in enumerate(sheets.items(), start=1):
        parts[f"xl/worksheets/sheet{place}.xml"] = _sheet(rows)
        relations[f"rId{place}"] = ("worksheet", f"worksheets/sheet{place}.xml")
        state = ' state="hidden"' if name in hidden else ""
        listed += f'<sheet name="{escape(name)}" sheetId="{place}"{state} r:id="rId{place}"/>'
    parts["xl/workbook.xml"] = (
        f'<workbook xmlns="{_MAIN}" xmlns:r="{_OFFICE}"><sheets>{listed}</sheets></workbook>'
    )
    parts["xl/_rels/workbook.xml.rels"] = _relations(relations)
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as archive:
        for member, content in parts.items():
            archive.writestr(member, _HEAD + content)
    return data.getvalue()


def _relations(targets: Mapping[str, tuple[str, str]]) -> str:
    listed = "".join(
        f'<Relationship Id="{key}" Type="{_OFFICE}/{kind}" Target="{target}"/>'
        for key, (kind, target) in targets.items()
    )
    return f'<Relationships xmlns="{_PACKAGE}/relationships">{listed}</Relationships>'


def _styles(formats: Sequence[str]) -> str:
    codes = "".join(
        f'<numFmt numFmtId="{164 + place}" formatCode="{escape(code, {chr(34): "&quot;"})}"/>'
        for place, code in enumerate(formats)
    )
    styles = "".join(f'<xf numFmtId="{164 + place}"/>' for place in range(len(formats)))
    return (
        f'<styleSheet xmlns="{_MAIN}"><numFmts count="{len(formats)}">{codes}</numFmts>'
        f'<cellXfs><xf numFmtId="0"/>{styles}</cellXfs></styleSheet>'
    )


def _sheet(rows: Sequence[Sequence[str]]) -> str:
    listed = ""
    for row, cells in enumerate(rows, start=1):
        placed = "".join(
            cell.replace("<c ", f'<c r="{chr(ord("A") + column)}{row}" ', 1)
            for column, cell in enumerate(cells)
        )
        listed += f'<row r="{row}">{placed}</row>' if cells else ""
    return f'<worksheet xmlns="{_MAIN}"><sheetData>{listed}</sheetData></worksheet>'
