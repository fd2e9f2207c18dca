"""The orientation in Exif and XMP is kept with a warning, or set to 1 without another byte changed."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from engine.jp2.boxes.metadata import Metadata
from engine.jpeg.inspect import read_jpeg
from engine.jpeg.orientation import orientation_warning, with_upright_orientation
from tests.support.conversions import convert
from tests.support.jp2_files import Wrapping, make_jp2

RDF = (
    '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    "%s</rdf:RDF></x:xmpmeta>"
)
TIFF = 'xmlns:tiff="http://ns.adobe.com/tiff/1.0/"'
SUBJECT = "<dc:title>tiff:Orientation 6 of the page – verso</dc:title>"


def exif(orientation: int, order: str = "<", kind: int = 3) -> bytes:
    """A TIFF stream with a thumbnail's directory, which has an orientation of its own."""
    head = {"<": b"II*\0", ">": b"MM\0*"}[order] + struct.pack(order + "I", 8)
    layout = {1: "Bxxx", 3: "Hxx", 4: "I"}[kind]

    def directory(value: int, following: int) -> bytes:
        width = struct.pack(order + "HHII", 0x0100, 4, 1, 6)
        entry = struct.pack(order + "HHI" + layout, 0x0112, kind, 1, value)
        return struct.pack(order + "H", 2) + width + entry + struct.pack(order + "I", following)

    first = directory(orientation, 8 + 30)
    return head + first + directory(8, 0) + b"\x01\x12\x00\x06 tail"


def attribute(value: int, prefix: str = "tiff", quote: str = '"') -> str:
    namespace = f"xmlns:{prefix}={quote}http://ns.adobe.com/tiff/1.0/{quote}"
    return RDF % (
        f"<rdf:Description {namespace} {prefix}:Make='6'\n {prefix}:Orientation = {quote}{value}{quote}>"
        f"{SUBJECT}</rdf:Description>"
    )


def element(value: int, prefix: str = "tiff") -> str:
    namespace = f'xmlns:{prefix}="http://ns.adobe.com/tiff/1.0/"'
    return RDF % (
        f"<rdf:Description {namespace}>{SUBJECT}<{prefix}:Orientation> {value} </{prefix}:Orientation>"
        f"<{prefix}:XResolution>6</{prefix}:XResolution></rdf:Description>"
    )


def plain_element(value: int) -> str:
    return RDF % f'<rdf:Description><Orientation xmlns="http://ns.adobe.com/tiff/1.0/">{value}</Orientation>'


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("kind", [1, 3, 4])
@pytest.mark.parametrize("value", range(2, 9))
def test_exif_orientation_becomes_1_in_both_byte_orders(value: int, kind: int, order: str) -> None:
    turned = Metadata(exif=exif(value, order, kind))
    warning = orientation_warning(turned)
    assert warning is not None
    assert f"Exif {value}" in warning
    upright = with_upright_orientation(turned)
    assert upright.exif == exif(1, order, kind)
    assert orientation_warning(upright) is None


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-be", "utf-16-le", "utf-32"])
@pytest.mark.parametrize("form", [attribute, element, plain_element])
@pytest.mark.parametrize("value", [3, 6])
def test_xmp_orientation_becomes_1_as_attribute_and_element(form: object, value: int, encoding: str) -> None:
    assert callable(form)
    turned = Metadata(xmp=form(value).encode(encoding))
    warning = orientation_warning(turned)
    assert warning is not None
    assert f"XMP {value}" in warning
    upright = with_upright_orientation(turned)
    assert upright.xmp == form(1).encode(encoding)
    assert orientation_warning(upright) is None


@pytest.mark.parametrize("text", [attribute(8, "t"), attribute(8, quote="'"), element(8, "image-file")])
def test_xmp_orientation_is_found_under_any_prefix_and_quote(text: str) -> None:
    warning = orientation_warning(Metadata(xmp=text.encode()))
    assert warning is not None
    assert "XMP 8" in warning


@pytest.mark.parametrize(
    "metadata",
    [
        Metadata(),
        Metadata(exif=exif(1), xmp=attribute(1).encode()),
        Metadata(exif=exif(0), xmp=element(9).encode()),
        Metadata(xmp=(RDF % f"<rdf:Description {TIFF}>{SUBJECT}</rdf:Description>").encode()),
        Metadata(xmp=(RDF % '<a:b xmlns:a="other" a:Orientation="6"/>').encode()),
        Metadata(exif=b"II*\0" + b"\xff" * 4),
        Metadata(exif=exif(6)[:20], xmp=b"\xff\xfe<\0\xd8\0"),
    ],
)
def test_what_turns_no_viewer_is_no_warning(metadata: Metadata) -> None:
    assert orientation_warning(metadata) is None


@pytest.mark.parametrize(
    "odd", [b"II*\0\x08\0\0\0\xff\xff\x12\x01", b"\0<\xd8\0\xff", b"\xff\xfe<\0\xd8\0", bytes(range(256)) * 3]
)
def test_odd_bytes_stay_as_they_are(odd: bytes) -> None:
    assert with_upright_orientation(Metadata(exif=odd, xmp=odd)) == Metadata(exif=odd, xmp=odd)


def test_jpeg_keeps_the_orientation_with_a_warning_or_has_1(tmp_path: Path) -> None:
    path = tmp_path / "a.jp2"
    make_jp2(path, 64, 48, wrapping=Wrapping(exif=exif(6, ">"), xmp=attribute(6).encode()))
    made, jpeg = convert(path)
    (warning,) = made.warnings
    assert "Exif 6 (by 90°) and XMP 6 (by 90°): viewers will turn the JPEG" in warning
    assert (read_jpeg(jpeg).exif, read_jpeg(jpeg).xmp) == (exif(6, ">"), attribute(6).encode())
    made, jpeg = convert(path, orientation="reset")
    assert made.warnings == ()
    assert (read_jpeg(jpeg).exif, read_jpeg(jpeg).xmp) == (exif(1, ">"), attribute(1).encode())
    made, jpeg = convert(path, metadata="none")
    assert made.warnings == ()
