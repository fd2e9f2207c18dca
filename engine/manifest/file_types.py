"""What a file that was given as an export really is, by its first bytes."""

from __future__ import annotations

import zipfile
from pathlib import Path

from msgspec import Struct

HEAD_BYTES = 4096
GZIP_MAGIC = b"\x1f\x8b"
_ZIP_MAGIC = b"PK\x03\x04"
_SAVE_AS = "save it as .xlsx or as CSV (UTF-8) and add that"
_EXPORT = "export the collection as CSV (UTF-8)"
_UNPACK = "unpack it and add the CSV in it"


class OtherType(Struct, frozen=True):
    """A file that is no export, in words, and what to do."""

    name: str
    advice: str


_BY_MAGIC = (
    (
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1",
        OtherType("an old Excel workbook (.xls), or one with a password", _SAVE_AS),
    ),
    (b"BZh", OtherType("a bzip2 file", _UNPACK)),
    (b"\xfd7zXZ\0", OtherType("an xz file", _UNPACK)),
    (b"\x28\xb5\x2f\xfd", OtherType("a Zstandard file", _UNPACK)),
    (b"7z\xbc\xaf\x27\x1c", OtherType("a 7-Zip archive", _UNPACK)),
    (b"Rar!\x1a\x07", OtherType("a RAR archive", _UNPACK)),
    (b"PK\x05\x06", OtherType("an empty ZIP archive", _EXPORT)),
    (b"%PDF-", OtherType("a PDF document", _EXPORT)),
    (b"SQLite format 3\0", OtherType("an SQLite database", _EXPORT)),
    (b"{\\rtf", OtherType("an RTF document", _EXPORT)),
    (b"PAR1", OtherType("a Parquet file", _EXPORT)),
    (b"\x89PNG\r\n", OtherType("a PNG image", _EXPORT)),
    (b"\xff\xd8\xff", OtherType("a JPEG image", _EXPORT)),
    (b"\xff\x4f\xff\x51", OtherType("a JPEG 2000 image", _EXPORT)),
    (b"\0\0\0\x0cjP  ", OtherType("a JPEG 2000 image", _EXPORT)),
    (b"II*\0", OtherType("a TIFF image", _EXPORT)),
    (b"MM\0*", OtherType("a TIFF image", _EXPORT)),
)
_BY_FIRST_WORD = (
    ("<!doctype html", OtherType("an HTML page", "open it in a spreadsheet program, " + _SAVE_AS)),
    ("<html", OtherType("an HTML page", "open it in a spreadsheet program, " + _SAVE_AS)),
    ("<table", OtherType("an HTML page", "open it in a spreadsheet program, " + _SAVE_AS)),
    ("<?xml", OtherType("an XML document", _EXPORT)),
    ("{", OtherType("JSON", _EXPORT)),
    ("[{", OtherType("JSON", _EXPORT)),
)
_BY_MEMBER = (
    ("word/document.xml", OtherType("a Word document", _EXPORT)),
    ("xl/workbook.bin", OtherType("a binary Excel workbook (.xlsb)", _SAVE_AS)),
    ("Index/Document.iwa", OtherType("a Numbers, Pages or Keynote document", _SAVE_AS)),
    ("Index.zip", OtherType("a Numbers, Pages or Keynote document", _SAVE_AS)),
)
_OPEN_DOCUMENTS = "application/vnd.oasis.opendocument."


def is_zip(head: bytes) -> bool:
    return head.startswith(_ZIP_MAGIC)


def other_type(head: bytes) -> OtherType | None:
    """What is no text; None for text in any encoding, as far as the first bytes tell."""
    for magic, found in _BY_MAGIC:
        if head.startswith(magic):
            return found
    words = head.lstrip(b"\xef\xbb\xbf \t\r\n").decode("latin-1").lower().replace("\0", "")
    for word, found in _BY_FIRST_WORD:
        if words.startswith(word):
            return found
    if b"\0\0\0\0" in head and not head.startswith((b"\xff\xfe\0\0", b"\0\0\xfe\xff")):
        return OtherType("binary data", _EXPORT)
    return None


def type_of_zip(path: Path) -> OtherType | None:
    """What a ZIP file is; None for an .xlsx workbook."""
    try:
        with zipfile.ZipFile(path) as archive:
            members = set(archive.namelist())
            if "xl/workbook.xml" in members:
                return None
            if "mimetype" in members and archive.getinfo("mimetype").file_size < HEAD_BYTES:
                kind = archive.read("mimetype").decode("latin-1").strip()
                if kind.startswith(_OPEN_DOCUMENTS):
                    what = kind.removeprefix(_OPEN_DOCUMENTS)
                    suffix = " (.ods)" if what == "spreadsheet" else ""
                    advice = _SAVE_AS if what == "spreadsheet" else _EXPORT
                    return OtherType(f"an OpenDocument {what}{suffix}", advice)
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError) as error:
        return OtherType(f"a damaged or incomplete ZIP file or .xlsx workbook ({error})", "save it again")
    for member, found in _BY_MEMBER:
        if member in members:
            return found
    return OtherType("a ZIP archive", _UNPACK)
