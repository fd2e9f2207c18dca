"""Density, profile, Exif, XMP and IPTC reach the JPEG as they were; read back by ourselves and by ExifTool."""

from __future__ import annotations

import json
import struct
import subprocess
from pathlib import Path
from typing import Any

import pytest

from engine.demo.jp2_boxes import box
from engine.jpeg.inspect import Density, read_jpeg
from tests.support.conversions import convert
from tests.support.icc_profiles import built_in, table_profile
from tests.support.jp2_files import Encoding, Plane, Wrapping, make_jp2, picture, write_codestream
from tests.support.system_tools import system_tool
from tests.support.waiting import LONGEST_WAIT_S

XMP = (
    b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    b'<rdf:Description xmlns:dc="http://purl.org/dc/elements/1.1/"><dc:source>shelf 7</dc:source>'
    b"</rdf:Description></rdf:RDF></x:xmpmeta>"
)
IPTC = b"\x1c\x02\x05\x00\x09A harbour" + b"\x1c\x02\x19\x00\x05ships"


def exif(orientation: int = 6, padding: int = 0) -> bytes:
    """A TIFF stream with Orientation and Artist, the latter behind `padding` bytes."""
    artist = b"A. Photographer\0"
    at = 8 + 2 + 2 * 12 + 4 + padding
    entries = struct.pack("<HHIHH", 0x0112, 3, 1, orientation, 0) + struct.pack(
        "<HHII", 0x013B, 2, len(artist), at
    )
    return b"II*\0\x08\0\0\0\x02\0" + entries + b"\0\0\0\0" + bytes(padding) + artist


def exiftool(path: Path) -> dict[str, Any]:
    """What it reads in the file; for tests that are marked `needs_tool("exiftool")`."""
    command = [system_tool("exiftool"), "-j", "-n", "-G0", str(path)]
    done = subprocess.run(command, capture_output=True, timeout=LONGEST_WAIT_S, check=True)
    found: dict[str, Any] = json.loads(done.stdout)[0]
    return found


def full(path: Path) -> None:
    make_jp2(
        path,
        96,
        64,
        wrapping=Wrapping(icc=built_in("p3"), capture_dpi=(400, 300), xmp=XMP, exif=exif(), iptc=IPTC),
    )


def test_everything_is_kept_byte_for_byte(tmp_path: Path) -> None:
    full(tmp_path / "a.jp2")
    made, path = convert(tmp_path / "a.jp2")
    facts = read_jpeg(path)
    assert facts.icc == built_in("p3")
    assert facts.density == Density(1, 400, 300)
    assert (facts.xmp, facts.exif, facts.iptc) == (XMP, exif(), IPTC)
    (warning,) = made.warnings
    assert "the orientation is kept, Exif 6" in warning


@pytest.mark.needs_tool("exiftool")
def test_exiftool_reads_it_all_back(tmp_path: Path) -> None:
    full(tmp_path / "a.jp2")
    _, path = convert(tmp_path / "a.jp2")
    tags = exiftool(path)
    assert tags["EXIF:Orientation"] == 6
    assert tags["EXIF:Artist"] == "A. Photographer"
    assert tags["XMP:Source"] == "shelf 7"
    assert tags["IPTC:ObjectName"] == "A harbour"
    assert tags["IPTC:Keywords"] == "ships"
    assert (tags["JFIF:XResolution"], tags["JFIF:YResolution"]) == (400, 300)
    assert tags["JFIF:ResolutionUnit"] == 1
    assert tags["ICC_Profile:ColorSpaceData"] == "RGB "
    assert (tags["File:ImageWidth"], tags["File:ImageHeight"]) == (96, 64)
    assert tags["File:YCbCrSubSampling"] == "1 1"
    assert tags["File:ColorComponents"] == 3


@pytest.mark.needs_tool("exiftool")
def test_exiftool_finds_the_quality_by_the_tables(tmp_path: Path) -> None:
    make_jp2(tmp_path / "a.jp2", 64, 48)
    _, path = convert(tmp_path / "a.jp2", quality=87)
    arguments = [system_tool("exiftool"), "-n", "-s3", "-JPEGQualityEstimate", str(path)]
    done = subprocess.run(arguments, capture_output=True, timeout=LONGEST_WAIT_S, check=True, text=True)
    assert done.stdout.strip() == "87"


def test_metadata_none_drops_it_and_keeps_profile_and_density(tmp_path: Path) -> None:
    full(tmp_path / "a.jp2")
    _, path = convert(tmp_path / "a.jp2", metadata="none")
    facts = read_jpeg(path)
    assert (facts.xmp, facts.exif, facts.iptc) == (None, None, None)
    assert facts.icc == built_in("p3")
    assert facts.density == Density(1, 400, 300)


def test_nothing_is_added_if_there_was_nothing(tmp_path: Path) -> None:
    make_jp2(tmp_path / "a.jp2", 96, 64)
    _, path = convert(tmp_path / "a.jp2")
    facts = read_jpeg(path)
    assert (facts.icc, facts.xmp, facts.exif, facts.iptc) == (None, None, None, None)
    assert facts.density == Density(0, 1, 1)


def test_profile_of_many_segments(tmp_path: Path) -> None:
    profile = built_in("cmyk")
    large = table_profile() + profile * (200_000 // len(profile) + 1)
    large = len(large).to_bytes(4) + large[4:]
    make_jp2(tmp_path / "a.jp2", 96, 64, wrapping=Wrapping(icc=large))
    _, path = convert(tmp_path / "a.jp2")
    assert read_jpeg(path).icc == large


def test_metadata_too_large_for_a_segment_is_left_out_with_a_warning(tmp_path: Path) -> None:
    wrapping = Wrapping(exif=exif(padding=70_000), iptc=IPTC)
    make_jp2(tmp_path / "a.jp2", 96, 64, wrapping=wrapping)
    made, path = convert(tmp_path / "a.jp2")
    assert "Exif of 70,054 bytes" in made.warnings[0]
    assert read_jpeg(path).exif is None
    assert read_jpeg(path).iptc == IPTC


@pytest.mark.needs_tool("exiftool")
def test_xmp_too_large_for_a_segment_is_extended_and_read_back_whole(tmp_path: Path) -> None:
    words = b"word " * 30_000
    large = XMP.replace(b"shelf 7", words.strip())
    make_jp2(tmp_path / "a.jp2", 96, 64, wrapping=Wrapping(xmp=large))
    made, path = convert(tmp_path / "a.jp2")
    assert made.warnings == ()
    assert exiftool(path)["XMP:Source"] == words.decode().strip()


@pytest.mark.parametrize(
    ("wrapping", "density"),
    [
        (Wrapping(capture_dpi=(300, 300), display_dpi=(72, 72)), Density(1, 300, 300)),
        (Wrapping(display_dpi=(72, 72)), Density(1, 72, 72)),
        (Wrapping(capture_dpi=(118 * 2.54, 118 * 2.54)), Density(2, 118, 118)),
        (Wrapping(capture_dpi=(299.9994, 299.9994)), Density(1, 300, 300)),
        (Wrapping(capture_dpi=(100_000, 100_000)), Density(2, 39_370, 39_370)),
        (Wrapping(capture_dpi=(0.1, 0.1)), Density(0, 1, 1)),
    ],
)
def test_resolution_becomes_the_density(wrapping: Wrapping, density: Density, tmp_path: Path) -> None:
    make_jp2(tmp_path / "a.jp2", 48, 32, wrapping=wrapping)
    _, path = convert(tmp_path / "a.jp2")
    assert read_jpeg(path).density == density


@pytest.mark.parametrize("dpi", [0.1, 2_000_000])
def test_resolution_that_no_density_can_hold_is_a_warning(dpi: float, tmp_path: Path) -> None:
    make_jp2(tmp_path / "a.jp2", 48, 32, wrapping=Wrapping(capture_dpi=(dpi, dpi)))
    made, path = convert(tmp_path / "a.jp2")
    assert read_jpeg(path).density == Density(0, 1, 1)
    (warning,) = made.warnings
    assert "pixels a metre, cannot be written as a JPEG's density" in warning


@pytest.mark.parametrize("content", [struct.pack(">HHHHbb", 300, 0, 300, 1, 0, 0), bytes(10), b"123"])
def test_resolution_that_is_no_number_is_one_warning(content: bytes, tmp_path: Path) -> None:
    broken = box(b"res ", box(b"resc", content))
    make_jp2(tmp_path / "a.jp2", 48, 32, wrapping=Wrapping(extra_header_boxes=(broken,)))
    made, path = convert(tmp_path / "a.jp2")
    assert read_jpeg(path).density == Density(0, 1, 1)
    assert made.warnings == ("the resolution in the 'resc' box is not a number of pixels per metre",)


def test_oblong_pixels_have_an_oblong_density(tmp_path: Path) -> None:
    write_codestream(tmp_path / "a.j2k", [Plane(picture(40, 60, 1), dx=2, dy=1)], Encoding(levels=2))
    made, path = convert(tmp_path / "a.j2k")
    assert (made.width, made.height) == (40, 60)
    # T.871 10.1: with unit 0 a pixel is Ydensity wide where it is Xdensity high.
    assert read_jpeg(path).density == Density(0, 1, 2)
