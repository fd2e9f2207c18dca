"""What is no export is named as what it is; gzip is read directly."""

from __future__ import annotations

import gzip
import io
import zipfile

import pytest

from engine.failures import UserError
from tests.support.exports import HEADER, Collection, row


def archive(**members: str) -> bytes:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as file:
        for name, content in members.items():
            file.writestr(name, content)
    return data.getvalue()


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (
            archive(mimetype="application/vnd.oasis.opendocument.spreadsheet"),
            r"OpenDocument spreadsheet \(.ods\)",
        ),
        (archive(mimetype="application/vnd.oasis.opendocument.text"), "OpenDocument text"),
        (archive(**{"word/document.xml": ""}), "a Word document"),
        (archive(**{"xl/workbook.bin": ""}), r"\.xlsb"),
        (archive(**{"export.csv": HEADER}), "a ZIP archive, not CSV: unpack it"),
        (archive(**{"export.csv": HEADER})[:-8], "damaged or incomplete ZIP"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), r"old Excel workbook \(\.xls\)"),
        (b"%PDF-1.7\n", "a PDF document"),
        (b"\xef\xbb\xbf\r\n<!DOCTYPE html><table>", "an HTML page"),
        (b'<?xml version="1.0"?><a/>', "an XML document"),
        (b'[{"uuid": 1}]', "JSON"),
        (b"SQLite format 3\0" + bytes(100), "an SQLite database"),
        (b"\0\0\0\x0cjP  \r\n\x87\n", "a JPEG 2000 image"),
        (b"II*\0" + bytes(100), "a TIFF image"),
        (b"BZh91AY", "a bzip2 file"),
        (b"\x28\xb5\x2f\xfd\0", "a Zstandard file"),
        (b"abc\0\0\0\0\0\x01\x02", "binary data"),
        (gzip.compress(b"%PDF-1.7\n"), "after decompression it is a PDF document"),
        (gzip.compress(archive(**{"a.csv": ""})), "an archive again"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_file_of_another_type_is_named(collection: Collection, data: bytes, says: str) -> None:
    with pytest.raises(UserError, match=says):
        collection.add(data)
    assert collection.images() == []


def test_gzip_is_read_directly_whatever_the_file_is_called(collection: Collection) -> None:
    data = gzip.compress((HEADER + row("ä.tif") + row("b.tif", "/s/b.jp2")).encode())
    report = collection.add(data, name="Old maps.csv.gz", batch=None)
    assert (report.total.new, [b.batch for b in report.batches]) == (2, ["Old-maps"])
    assert collection.add(data, name="Old maps.csv", batch=None).total.known == 2


@pytest.mark.parametrize(
    "damage", [lambda data: data[:-20], lambda data: data[:200] + b"\xff" * 9 + data[209:]]
)
def test_a_damaged_gzip_file_adds_nothing(collection: Collection, damage: object) -> None:
    data = gzip.compress("".join(row(f"{i}.tif", f"/s/{i * 7919}.jp2") for i in range(3000)).encode())
    with pytest.raises(UserError, match="damaged or incomplete gzip"):
        collection.add(damage(data))  # type: ignore[operator]
    assert collection.images() == []


@pytest.mark.parametrize("first", ["sep=;\r\n", "SEP=;\n", '"sep=;"\n', "\ufeffsep=;\n"])
def test_a_line_with_the_separator_is_obeyed(collection: Collection, first: str) -> None:
    text = HEADER + row("a.tif", "/s/a, b.jp2", record="R") + row(uuid="bad")
    report = collection.add(first + text.replace(",", ";").replace("a; b", "a, b").replace('"', ""))
    assert (report.header_line, report.total.new, [note.line for note in report.refusals]) == (2, 1, [4])
    assert "line 1 says that columns are separated by semicolons" in report.notes
    assert collection.images()[0].source == "/s/a, b.jp2"


def test_a_separator_line_may_name_tabs_and_commas(collection: Collection) -> None:
    assert collection.add("sep=\t\n" + HEADER.replace(",", "\t") + row().replace(",", "\t")).total.new == 1
    assert collection.add("sep=,\n" + HEADER + row()).total.known == 1
