"""XMP, Exif and IPTC are found wherever writers put them."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from engine.demo.jp2_boxes import EXIF_UUID, IPTC_UUID, XMP_UUID, box
from tests.support.jp2_files import Wrapping, make_jp2
from tests.support.jp2_reads import metadata_of

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
    metadata = metadata_of(tmp_path / "a.jp2")
    assert metadata.xmp == XMP_PACKET
    assert metadata.exif == TIFF_STREAM
    assert metadata.iptc == IPTC_RECORDS


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
    assert metadata_of(tmp_path / "a.jp2").iptc == IPTC_RECORDS


def test_exif_begins_at_its_byte_order_mark(tmp_path: Path) -> None:
    make_jp2(tmp_path / "a.jp2", 40, 30, wrapping=Wrapping(uuids=((EXIF_UUID, b"Exif\0\0" + TIFF_STREAM),)))
    assert metadata_of(tmp_path / "a.jp2").exif == TIFF_STREAM


def test_xmp_is_found_in_an_xml_box(tmp_path: Path) -> None:
    boxes = (box(b"xml ", b"<gml/>"), box(b"xml ", XMP_PACKET))
    make_jp2(tmp_path / "a.jp2", 40, 30, wrapping=Wrapping(trailing_boxes=boxes))
    assert metadata_of(tmp_path / "a.jp2").xmp == XMP_PACKET


METS = b'<mets><mdWrap><x:xmpmeta xmlns:x="adobe:ns:meta/">inner</x:xmpmeta></mdWrap></mets>'
RDF = b'<r:RDF xmlns:r="http://www.w3.org/1999/02/22-rdf-syntax-ns#"/>'
LAUGHS = (
    b'<!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">]>'
    b'<x:xmpmeta xmlns:x="adobe:ns:meta/" x:about="&b;&b;&b;&b;"/>'
)


@pytest.mark.parametrize(
    "xml", [METS, b"<note>see xmpmeta elsewhere</note>", b"xmpmeta", LAUGHS, b"<a:xmpmeta/>"]
)
def test_xml_that_only_mentions_xmp_is_not_xmp(tmp_path: Path, xml: bytes) -> None:
    wrapping = Wrapping(trailing_boxes=(box(b"xml ", xml),))
    make_jp2(tmp_path / "a.jp2", 40, 30, wrapping=wrapping)
    assert metadata_of(tmp_path / "a.jp2").xmp is None


XMLS = {
    "RDF": RDF,
    "packet": XMP_PACKET,
    "marked": b"\xef\xbb\xbf" + RDF,
    "wide": RDF.decode().encode("utf-16"),
}


@pytest.mark.parametrize("xml", XMLS.values(), ids=XMLS)
def test_xml_that_is_xmp_by_its_root(tmp_path: Path, xml: bytes) -> None:
    make_jp2(tmp_path / "a.jp2", 40, 30, wrapping=Wrapping(trailing_boxes=(box(b"xml ", xml),)))
    assert metadata_of(tmp_path / "a.jp2").xmp == xml


@pytest.mark.parametrize("xml", [METS, RDF])
@pytest.mark.parametrize("first", [False, True])
def test_xmp_box_counts_before_any_xml_box(tmp_path: Path, xml: bytes, first: bool) -> None:
    boxes = (box(b"xml ", xml), box(b"uuid", XMP_UUID + XMP_PACKET))
    make_jp2(tmp_path / "a.jp2", 40, 30, wrapping=Wrapping(trailing_boxes=boxes if first else boxes[::-1]))
    metadata = metadata_of(tmp_path / "a.jp2")
    assert metadata.xmp == XMP_PACKET
    assert len(metadata.warnings) == (xml == RDF)


def associated(content: bytes) -> bytes:
    return box(b"asoc", box(b"nlst", bytes(4)) + content)


@pytest.mark.parametrize("depth", [1, 3])
def test_metadata_inside_an_association(tmp_path: Path, depth: int) -> None:
    inside = box(b"uuid", XMP_UUID + XMP_PACKET) + box(b"uuid", EXIF_UUID + TIFF_STREAM)
    for _ in range(depth):
        inside = associated(inside)
    make_jp2(tmp_path / "a.jp2", 40, 30, wrapping=Wrapping(trailing_boxes=(inside,)))
    metadata = metadata_of(tmp_path / "a.jp2")
    assert (metadata.xmp, metadata.exif) == (XMP_PACKET, TIFF_STREAM)


def test_metadata_inside_the_jp2_header(tmp_path: Path) -> None:
    inside = box(b"uuid", XMP_UUID + XMP_PACKET)
    make_jp2(tmp_path / "a.jp2", 40, 30, wrapping=Wrapping(extra_header_boxes=(inside,)))
    assert metadata_of(tmp_path / "a.jp2").xmp == XMP_PACKET


def test_metadata_of_the_file_count_before_those_of_an_association_with_a_warning(tmp_path: Path) -> None:
    boxes = (associated(box(b"uuid", XMP_UUID + RDF)), box(b"uuid", XMP_UUID + XMP_PACKET))
    make_jp2(tmp_path / "a.jp2", 40, 30, wrapping=Wrapping(trailing_boxes=boxes))
    metadata = metadata_of(tmp_path / "a.jp2")
    assert metadata.xmp == XMP_PACKET
    assert "more than one XMP packet" in metadata.warnings[0]


def test_associations_without_end_are_left(tmp_path: Path) -> None:
    inside = box(b"uuid", XMP_UUID + XMP_PACKET)
    for _ in range(3000):
        inside = box(b"asoc", inside)
    make_jp2(tmp_path / "a.jp2", 40, 30, wrapping=Wrapping(trailing_boxes=(inside,)))
    assert metadata_of(tmp_path / "a.jp2").xmp is None
