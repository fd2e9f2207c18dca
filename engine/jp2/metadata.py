"""XMP, Exif and IPTC out of the boxes that writers put them in."""

from __future__ import annotations

from dataclasses import dataclass

from engine.jp2.boxes import Box
from engine.jp2.source import Source

MAX_METADATA_BYTES = 16 * 1024 * 1024
"""A box larger than this is left where it is, and it is said."""

_XMP = bytes.fromhex("be7acfcb97a942e89c71999491e3afac")
"""Extensible Metadata Platform, Part 3, 1.1.4 (JPEG 2000)."""
_EXIF = (b"JpgTiffExif->JP2", bytes.fromhex("0537cdab9d0c4431a72afa561f2a113e"))
"""The first as ExifTool, Exiv2 and Kakadu write it, the second as Photoshop does."""
_IPTC = (bytes.fromhex("33c7a4d2b81d4723a0baf1a3e097ad38"), bytes.fromhex("09a14e97c0b442e0bebf36df6f0ce36f"))
_PHOTOSHOP = bytes.fromhex("2c4c0100850440b9a03e562148d6dfeb")
"""Photoshop image resources, where IPTC is resource 0x0404."""


@dataclass
class Metadata:
    """What was found so far; the first of each kind counts."""

    xmp: bytes | None = None
    exif: bytes | None = None
    iptc: bytes | None = None


def take_metadata(source: Source, box: Box, found: Metadata, warnings: list[str]) -> None:
    """Reads a `uuid` or `xml ` box into `found` where it holds one of the three and that is still missing."""
    if box.kind == b"uuid":
        identifier = source.read(box.content, 16)
        is_known = identifier in (_XMP, _PHOTOSHOP, *_EXIF, *_IPTC)
    else:
        identifier = b""
        is_known = b"xmpmeta" in source.read(box.content, min(box.content_bytes, 4096))
    if not is_known:
        return
    if box.content_bytes > MAX_METADATA_BYTES:
        warnings.append(f"a metadata box of {box.content_bytes:,} bytes is not carried over")
        return
    body = source.read(box.content + len(identifier), box.content_bytes - len(identifier))
    if identifier in (_XMP, b""):
        found.xmp = found.xmp or body.rstrip(b"\x00") or None
    elif identifier in _EXIF:
        found.exif = found.exif or _tiff_stream(body, warnings)
    elif identifier in _IPTC:
        found.iptc = found.iptc or _iptc_records(body)
    else:
        found.iptc = found.iptc or _iptc_resource(body)


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
