"""XMP, Exif and IPTC out of the boxes that writers put them in."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum
from xml.parsers.expat import ExpatError, ParserCreate

from engine.jp2.boxes.walk import Box, BoxError, walk
from engine.jp2.file_reader import Source

MAX_METADATA_BYTES = 16 * 1024 * 1024
"""A box larger than this is left where it is, and it is said."""

_XMP = bytes.fromhex("be7acfcb97a942e89c71999491e3afac")
"""Extensible Metadata Platform, Part 3, 1.1.4 (JPEG 2000)."""
_EXIF = (b"JpgTiffExif->JP2", bytes.fromhex("0537cdab9d0c4431a72afa561f2a113e"))
"""The first as ExifTool, Exiv2 and Kakadu write it, the second as Photoshop does."""
_IPTC = (bytes.fromhex("33c7a4d2b81d4723a0baf1a3e097ad38"), bytes.fromhex("09a14e97c0b442e0bebf36df6f0ce36f"))
_PHOTOSHOP = bytes.fromhex("2c4c0100850440b9a03e562148d6dfeb")
"""Photoshop image resources, where IPTC is resource 0x0404."""


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
_MAX_NESTED = 4096


class _Place(IntEnum):
    """Where something was found; of two the lower counts, of two in the same place the first."""

    OWN_BOX = 0
    NESTED = 1
    XML = 2


@dataclass
class Metadata:
    """What was found so far."""

    xmp: bytes | None = None
    exif: bytes | None = None
    iptc: bytes | None = None
    places: dict[str, _Place] = field(default_factory=dict)
    nested: int = 0
    """Boxes looked at inside others."""

    def offer(self, name: str, data: bytes | None, place: _Place, warnings: list[str]) -> None:
        """Keeps what counts; what does not and is not the same is said."""
        kept: bytes | None = getattr(self, name)
        if not data or data == kept:
            return
        if kept is not None:
            warnings.append(f"there is more than one {_NAMES[name]} in the file; one of them is carried over")
        if kept is None or place < self.places[name]:
            setattr(self, name, data)
            self.places[name] = place


_NAMES = {"xmp": "XMP packet", "exif": "Exif stream", "iptc": "set of IPTC records"}


def take_metadata(
    source: Source, box: Box, found: Metadata, warnings: list[str], is_nested: bool = False
) -> None:
    """Reads a `uuid` or `xml ` box into `found` where it holds one of the three."""
    place = _Place.NESTED if is_nested else _Place.OWN_BOX
    if box.kind == b"uuid":
        identifier = source.read(box.content, 16)
        is_known = identifier in (_XMP, _PHOTOSHOP, *_EXIF, *_IPTC)
    else:
        identifier, place = b"", _Place.XML
        is_known = _is_xmp(source.read(box.content, min(box.content_bytes, _ROOT_WITHIN_BYTES)))
    if not is_known:
        return
    if box.content_bytes > MAX_METADATA_BYTES:
        warnings.append(f"a metadata box of {box.content_bytes:,} bytes is not carried over")
        return
    body = source.read(box.content + len(identifier), box.content_bytes - len(identifier))
    if identifier in (_XMP, b""):
        found.offer("xmp", _without_padding(body), place, warnings)
    elif identifier in _EXIF:
        found.offer("exif", _tiff_stream(body, warnings), place, warnings)
    elif identifier in _IPTC:
        found.offer("iptc", _iptc_records(body), place, warnings)
    else:
        found.offer("iptc", _iptc_resource(body), place, warnings)


def take_nested_metadata(
    source: Source, superbox: Box, found: Metadata, warnings: list[str], depth: int = 1
) -> None:
    """Looks into a box that others put theirs into: an association (ISO/IEC 15444-2 M.11.11), the JP2 header."""
    try:
        for box in walk(source, superbox.content, superbox.end):
            found.nested += 1
            if box.is_cut or found.nested > _MAX_NESTED:
                return
            if box.kind in (b"uuid", b"xml "):
                take_metadata(source, box, found, warnings, is_nested=True)
            elif box.kind == b"asoc" and depth < _MAX_DEPTH:
                take_nested_metadata(source, box, found, warnings, depth + 1)
    except BoxError as error:
        warnings.append(f"the {superbox.name!r} box breaks off: {error}")


class _RootFound(Exception):
    """Ends the parsing at the first element, with its namespace and name."""


def _is_xmp(head: bytes) -> bool:
    """Whether XML's root element is that of XMP. No further than its first tag, and no document type: no entities."""

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
    """Without the zeros that some writers end it with; those of UTF-16 belong to it."""
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
    """IPTC-IIM as it is, or taken out of the Photoshop resources that some writers wrap it in."""
    if body.startswith((b"8BIM", b"Photoshop 3.0\x00")):
        return _iptc_resource(body)
    return body if body.startswith(b"\x1c") else None


def _iptc_resource(body: bytes) -> bytes | None:
    """Resource 0x0404 of a chain of image resources (Photoshop file format, image resource blocks)."""
    position = len(b"Photoshop 3.0\x00") if body.startswith(b"Photoshop 3.0\x00") else 0
    while body[position : position + 4] == b"8BIM" and position + 8 <= len(body):
        number = int.from_bytes(body[position + 4 : position + 6])
        name_bytes = 1 + body[position + 6]
        at = position + 6 + name_bytes + name_bytes % 2
        length = int.from_bytes(body[at : at + 4])
        data = body[at + 4 : at + 4 + length]
        if number == 0x0404 and data.startswith(b"\x1c"):
            return data
        position = at + 4 + length + length % 2
    return None
