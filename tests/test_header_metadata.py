"""XMP, Exif and IPTC are found wherever writers put them."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from engine.demo.boxwriter import EXIF_UUID, IPTC_UUID, XMP_UUID, box
from engine.jp2.header import read_header
from tests.jp2s import Wrapping, make_jp2

TIFF_STREAM = b"II*\x00\x08\x00\x00\x00\x00\x00\x00\x00\x00\x00"
IPTC_RECORDS = b"\x1c\x02\x78\x00\x05hello"
XMP_PACKET = b'<?xpacket begin=""?><x:xmpmeta xmlns:x="adobe:ns:meta/"/><?xpacket end="w"?>'
IPTC_UUID_TWO = bytes.fromhex("09a14e97c0b442e0bebf36df6f0ce36f")
PHOTOSHOP_UUID = bytes.fromhex("2c4c0100850440b9a03e562148d6dfeb")
RESOURCES = (
    b"8BIM\x03\xed\x00\x00\x00\x00\x00\x01x\x00"
    + b"8BIM\x04\x04\x00\x00"
    + struct.pack(">I", 10)
    + IPTC_RECORDS
)


def metadata_boxes(after: bool) -> Wrapping:
    boxes = ((XMP_UUID, XMP_PACKET), (EXIF_UUID, TIFF_STREAM), (IPTC_UUID, IPTC_RECORDS))
    if after:
        return Wrapping(trailing_boxes=tuple(box(b"uuid", uuid + content) for uuid, content in boxes))
    return Wrapping(uuids=boxes)


@pytest.mark.parametrize("after", [False, True])
def test_metadata_is_found_before_and_after_the_codestream(tmp_path: Path, after: bool) -> None:
    make_jp2(tmp_path / "a.jp2", 40, 30, wrapping=metadata_boxes(after))
    header = read_header(tmp_path / "a.jp2")
    assert header.xmp == XMP_PACKET
    assert header.exif == TIFF_STREAM
    assert header.iptc == IPTC_RECORDS


@pytest.mark.parametrize(
    ("uuid", "content"),
    [
        (IPTC_UUID_TWO, IPTC_RECORDS),
        (PHOTOSHOP_UUID, RESOURCES),
        (IPTC_UUID, b"Photoshop 3.0\x00" + RESOURCES),
    ],
)
def test_iptc_is_found_however_it_is_wrapped(tmp_path: Path, uuid: bytes, content: bytes) -> None:
    make_jp2(tmp_path / "a.jp2", 40, 30, wrapping=Wrapping(uuids=((uuid, content),)))
    assert read_header(tmp_path / "a.jp2").iptc == IPTC_RECORDS


def test_exif_begins_at_its_byte_order_mark(tmp_path: Path) -> None:
    make_jp2(tmp_path / "a.jp2", 40, 30, wrapping=Wrapping(uuids=((EXIF_UUID, b"Exif\0\0" + TIFF_STREAM),)))
    assert read_header(tmp_path / "a.jp2").exif == TIFF_STREAM


def test_xmp_is_found_in_an_xml_box(tmp_path: Path) -> None:
    boxes = (box(b"xml ", b"<gml/>"), box(b"xml ", XMP_PACKET))
    make_jp2(tmp_path / "a.jp2", 40, 30, wrapping=Wrapping(trailing_boxes=boxes))
    assert read_header(tmp_path / "a.jp2").xmp == XMP_PACKET
