"""XMP, Exif and IPTC in the boxes that writers put them in."""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntEnum
from xml.parsers.expat import ExpatError, ParserCreate

from msgspec import Struct, field

from engine.jp2.boxes import photoshop
from engine.jp2.boxes.file_boxes import FileBoxes
from engine.jp2.boxes.walk import Box, BoxError, walk
from engine.jp2.file_reader import FileReader

MAX_METADATA_BYTES = 16 * 1024 * 1024
"""A larger box is left out, with a warning."""

_XMP = bytes.fromhex("be7acfcb97a942e89c71999491e3afac")
"""Extensible Metadata Platform, Part 3, 1.1.4 (JPEG 2000)."""
_EXIF = (b"JpgTiffExif->JP2", bytes.fromhex("0537cdab9d0c4431a72afa561f2a113e"))
"""The first as ExifTool, Exiv2 and Kakadu write it, the second as Photoshop does."""
_IPTC = (bytes.fromhex("33c7a4d2b81d4723a0baf1a3e097ad38"), bytes.fromhex("09a14e97c0b442e0bebf36df6f0ce36f"))
_PHOTOSHOP = bytes.fromhex("2c4c0100850440b9a03e562148d6dfeb")
"""Photoshop image resources."""

_XMP_ROOTS = frozenset(
    {
        "adobe:ns:meta/ xmpmeta",
        "adobe:ns:meta/ xapmeta",
        "http://www.w3.org/1999/02/22-rdf-syntax-ns# RDF",
    }
)
"""Namespace and name of the element that an XMP packet is (XMP Specification, Part 1, 7.3.3)."""
_ROOT_WITHIN_BYTES = 64 * 1024
_MAX_DEPTH = 8
_MAX_NESTED_BOXES = 4096


class Metadata(Struct, frozen=True):
    """What a JPEG can carry over."""

    xmp: bytes | None = None
    exif: bytes | None = None
    """A TIFF stream, from the first II or MM."""
    iptc: bytes | None = None
    """IPTC-IIM records."""
    warnings: tuple[str, ...] = ()


class _Place(IntEnum):
    """Where a packet was found. Of two packets the one of the lower place counts; of the same place, the first."""

    OWN_BOX = 0
    NESTED = 1
    XML = 2


_NAMES = {"xmp": "XMP packet", "exif": "Exif stream", "iptc": "set of IPTC records"}


class _Found(Struct):
    """What was found so far."""

    kept: dict[str, tuple[_Place, bytes]] = field(default_factory=dict)
    nested_boxes: int = 0
    """Boxes visited inside others."""
    warnings: list[str] = field(default_factory=list)

    def offer(self, name: str, data: bytes | None, place: _Place) -> None:
        """Keeps the data if they count, and warns if others of the same kind are left out."""
        place_kept, kept = self.kept.get(name, (None, None))
        if not data or data == kept:
            return
        if kept is not None:
            self.warnings.append(
                f"there is more than one {_NAMES[name]} in the file; one of them is carried over"
            )
        if place_kept is None or place < place_kept:
            self.kept[name] = (place, data)

    def get(self, name: str) -> bytes | None:
        _, data = self.kept.get(name, (None, None))
        return data


def read_metadata(reader: FileReader, boxes: FileBoxes) -> Metadata:
    """The metadata in a file's boxes; in a JP2 header only if that comes before the codestream."""
    found = _Found()
    for box in boxes.all:
        if box.is_cut:
            continue
        if box.kind in (b"uuid", b"xml "):
            _read_metadata_box(reader, box, found, _Place.OWN_BOX)
        elif box.kind == b"asoc":
            _read_nested(reader, box, walk(reader, box.content, box.end), found, depth=1)
        elif box.kind == b"jp2h" and box.start < boxes.codestream_start:
            is_read = box == boxes.jp2h.superbox
            inside = boxes.jp2h.boxes if is_read else walk(reader, box.content, box.end)
            _read_nested(reader, box, inside, found, depth=1)
    return Metadata(found.get("xmp"), found.get("exif"), found.get("iptc"), tuple(found.warnings))


def _read_metadata_box(reader: FileReader, box: Box, found: _Found, place: _Place) -> None:
    """Reads a `uuid` or `xml ` box into `found` if it holds one of the three."""
    if box.kind == b"uuid":
        identifier = reader.read(box.content, 16)
        is_known = identifier in (_XMP, _PHOTOSHOP, *_EXIF, *_IPTC)
    else:
        identifier, place = b"", _Place.XML
        is_known = _is_xmp(reader.read(box.content, min(box.content_bytes, _ROOT_WITHIN_BYTES)))
    if not is_known:
        return
    if box.content_bytes > MAX_METADATA_BYTES:
        found.warnings.append(f"a metadata box of {box.content_bytes:,} bytes is not carried over")
        return
    body = reader.read(box.content + len(identifier), box.content_bytes - len(identifier))
    if identifier in (_XMP, b""):
        found.offer("xmp", _without_padding(body), place)
    elif identifier in _EXIF:
        found.offer("exif", _tiff_stream(body, found.warnings), place)
    elif identifier in _IPTC:
        found.offer("iptc", _iptc_records(body), place)
    else:
        found.offer("iptc", _iptc_resource(body), place)


def _read_nested(reader: FileReader, superbox: Box, boxes: Iterable[Box], found: _Found, depth: int) -> None:
    """Metadata in the boxes inside an association (ISO/IEC 15444-2 M.11.11) or a JP2 header."""
    try:
        for box in boxes:
            found.nested_boxes += 1
            if box.is_cut or found.nested_boxes > _MAX_NESTED_BOXES:
                return
            if box.kind in (b"uuid", b"xml "):
                _read_metadata_box(reader, box, found, _Place.NESTED)
            elif box.kind == b"asoc" and depth < _MAX_DEPTH:
                _read_nested(reader, box, walk(reader, box.content, box.end), found, depth + 1)
    except BoxError as error:
        found.warnings.append(f"the '{superbox.name}' box breaks off: {error}")


class _RootFound(Exception):
    """Ends the parsing at the first element, with its namespace and name."""


def _is_xmp(head: bytes) -> bool:
    """Whether the root element of the XML is that of XMP.

    The parser stops at the first tag and at a document type, so that no entity is ever expanded.
    """

    def root(name: str, _: dict[str, str]) -> None:
        raise _RootFound(name)

    def document_type(*_: object) -> None:
        raise _RootFound("")

    parser = ParserCreate(namespace_separator=" ")
    parser.StartElementHandler = root
    parser.StartDoctypeDeclHandler = document_type
    try:
        parser.Parse(head, False)
    except _RootFound as found:
        return found.args[0] in _XMP_ROOTS
    except (ExpatError, ValueError, LookupError):
        return False
    return False


def _without_padding(xml: bytes) -> bytes:
    """Without the zeros that some writers put at the end; those of UTF-16 belong to the text."""
    is_wide = xml.startswith((b"\xff\xfe", b"\xfe\xff")) or b"\0" in xml[:4]
    return xml if is_wide else xml.rstrip(b"\0")


def _tiff_stream(body: bytes, warnings: list[str]) -> bytes | None:
    """From the byte-order mark on: some writers put `Exif\\0\\0` before it."""
    starts = [at for mark in (b"II*\x00", b"MM\x00*") if (at := body.find(mark, 0, 64)) >= 0]
    if not starts:
        warnings.append("an Exif box does not hold a TIFF stream; it is not carried over")
        return None
    return body[min(starts) :]


def _iptc_records(body: bytes) -> bytes | None:
    """IPTC-IIM records as they are, or taken out of the Photoshop resources that some writers wrap them in."""
    if body.startswith((b"8BIM", photoshop.SIGNATURE)):
        return _iptc_resource(body)
    return body if body.startswith(b"\x1c") else None


def _iptc_resource(body: bytes) -> bytes | None:
    resources = photoshop.image_resources(body.removeprefix(photoshop.SIGNATURE))
    wanted = (data for number, data in resources if number == photoshop.IPTC and data.startswith(b"\x1c"))
    return next(wanted, None)
