"""The headers of a JPX outside its JP2 header count too, or the file is refused."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest

from engine.demo.jp2_boxes import SIGNATURE, box
from engine.failures import Cause, ImageError
from engine.jp2.decoding.colour import ColourModel, plan_colour
from engine.jp2.header import ColourSpace, Resolution
from engine.jp2.jp2_file import read_header
from tests.support.conversions import convert
from tests.support.decodes import pixels_of
from tests.support.icc_profiles import built_in
from tests.support.jp2_files import Plane, picture, write_codestream


def colr(number: int, precedence: int = 0) -> bytes:
    return box(b"colr", struct.pack(">BbBI", 1, precedence, 0, number))


def icc(profile: bytes) -> bytes:
    return box(b"colr", b"\x02\0\0" + profile)


def layer(*boxes: bytes) -> bytes:
    return box(b"jplh", b"".join(boxes))


def group(*boxes: bytes) -> bytes:
    return box(b"cgrp", b"".join(boxes))


def jpx(
    path: Path, *outside: bytes, header: tuple[bytes, ...] = (), channels: int = 3, brand: bytes = b"jpx "
) -> Path:
    """A JPX of 32 × 24 pixels with these boxes between its JP2 header and its codestream."""
    stack = picture(32, 24, channels).reshape(24, 32, channels)
    write_codestream(path, [Plane(stack[:, :, c] % 4) for c in range(channels)])
    image = box(b"ihdr", struct.pack(">IIHBBBB", 24, 32, channels, 7, 7, 0, 0))
    content = SIGNATURE + box(b"ftyp", brand + b"\0\0\0\0" + brand + b"jp2 ")
    content += box(b"jp2h", image + b"".join(header)) + b"".join(outside)
    path.write_bytes(content + box(b"jp2c", path.read_bytes()))
    return path


PALETTE = box(b"pclr", struct.pack(">HB", 4, 3) + b"\7\7\7" + bytes(range(0, 120, 10)))
MAPPING = box(b"cmap", b"".join(struct.pack(">HBB", 0, 1, column) for column in range(3)))


def refusal(path: Path) -> str:
    with pytest.raises(ImageError) as refused:
        plan_colour(read_header(path))
    assert refused.value.failure.cause is Cause.UNSUPPORTED
    return refused.value.failure.message


def test_colour_of_the_first_layer(tmp_path: Path) -> None:
    header = read_header(jpx(tmp_path / "a.jpx", layer(group(colr(18))), layer(group(colr(16)))))
    assert header.colour.space is ColourSpace.SYCC
    assert plan_colour(header).model is ColourModel.YCC
    assert header.warnings == ()


def test_profile_of_the_first_layer_overrides_the_jp2_headers_colour_with_a_warning(tmp_path: Path) -> None:
    path = jpx(tmp_path / "a.jpx", layer(group(icc(built_in("p3")))), header=(colr(16),))
    header = read_header(path)
    assert header.colour.icc == built_in("p3")
    assert header.warnings == ("the colour is that of the first layer (jplh), not the JP2 header's",)


def vendor(precedence: int = 0) -> bytes:
    """Colour by a vendor's method: its UUID and its parameters (M.11.7.3.2)."""
    return box(b"colr", struct.pack(">BbB", 4, precedence, 1) + bytes(range(24)))


@pytest.mark.parametrize("precedence", [-1, 0, 5])
@pytest.mark.parametrize("beside", [colr(16), icc(built_in("p3"))])
def test_colour_by_a_vendor_gives_way_to_one_beside_it(
    beside: bytes, precedence: int, tmp_path: Path
) -> None:
    own = vendor(precedence)
    places = (
        {"header": (own, beside)},
        {"header": (beside, own)},
        {"outside": (layer(group(own, beside)),)},
        {"outside": (layer(group(own)),), "header": (beside,)},
        {"outside": (layer(group(beside)),), "header": (own,)},
    )
    for place in places:
        path = jpx(tmp_path / "a.jpx", *place.get("outside", ()), header=place.get("header", ()))
        made, _ = convert(path)
        assert any("method 4" in warning for warning in made.warnings)
    assert "not read here" in refusal(jpx(tmp_path / "a.jpx", header=(own,)))


def test_profile_that_says_nothing_of_samples_gives_way_to_a_colour_beside_it(tmp_path: Path) -> None:
    link = bytearray(built_in("p3"))
    link[12:16] = b"abst"
    path = jpx(tmp_path / "a.jpx", header=(icc(bytes(link)), colr(16)))
    assert read_header(path).colour.space is ColourSpace.SRGB
    assert "abst" in refusal(jpx(tmp_path / "a.jpx", header=(icc(bytes(link)),)))


def test_same_colour_twice_is_no_warning(tmp_path: Path) -> None:
    header = read_header(jpx(tmp_path / "a.jpx", layer(group(colr(18))), header=(colr(18),)))
    assert (header.colour.space, header.warnings) == (ColourSpace.SYCC, ())


def test_colour_that_is_not_read_leaves_the_jp2_headers(tmp_path: Path) -> None:
    vendor = box(b"colr", b"\4\0\0" + bytes(16))
    header = read_header(jpx(tmp_path / "a.jpx", layer(group(vendor)), header=(colr(16),)))
    assert header.colour.space is ColourSpace.SRGB
    assert "method 4" in header.warnings[0]


def test_palette_of_the_codestreams_own_header(tmp_path: Path) -> None:
    own = box(b"jpch", PALETTE + MAPPING)
    path = jpx(tmp_path / "a.jpx", own, header=(colr(16),), channels=1)
    table = np.array(range(0, 120, 10)).reshape(4, 3)
    assert np.array_equal(pixels_of(path), table[picture(32, 24, 1) % 4])


def test_channels_and_resolution_of_the_first_layer(tmp_path: Path) -> None:
    rows = b"".join(struct.pack(">HHH", *row) for row in ((0, 0, 3), (1, 0, 2), (2, 0, 1)))
    resolution = box(b"res ", box(b"resc", struct.pack(">HHHHbb", 5000, 1, 6000, 1, 0, 0)))
    own = layer(box(b"cdef", b"\0\3" + rows), resolution)
    header = read_header(jpx(tmp_path / "a.jpx", own, header=(colr(16),)))
    assert [channel.component for channel in plan_colour(header).colours] == [2, 1, 0]
    assert header.capture_resolution == Resolution(6000.0, 5000.0)


@pytest.mark.parametrize(("kind", "premultiplied"), [(0, False), (1, True)])
def test_opacity_of_the_first_layer(kind: int, premultiplied: bool, tmp_path: Path) -> None:
    path = jpx(tmp_path / "a.jpx", layer(box(b"opct", bytes([kind]))), header=(colr(16),), channels=4)
    plan = plan_colour(read_header(path))
    assert plan.opacity is not None
    assert (plan.opacity.component, plan.premultiplied) == (3, premultiplied)


def test_what_is_not_read_is_refused_by_name(tmp_path: Path) -> None:
    key = layer(box(b"opct", bytes([2, 3, 0, 0, 0])))
    assert "chroma key" in refusal(jpx(tmp_path / "a.jpx", key, header=(colr(16),)))
    elsewhere = layer(group(box(b"cref", b"colr" + bytes(20))))
    assert "cross-reference" in refusal(jpx(tmp_path / "a.jpx", elsewhere))
    other = layer(box(b"creg", bytes(4) + struct.pack(">H4B", 1, 1, 1, 0, 0)))
    assert "other codestreams" in refusal(jpx(tmp_path / "a.jpx", other, header=(colr(16),)))


def test_composition_is_a_warning(tmp_path: Path) -> None:
    header = read_header(jpx(tmp_path / "a.jpx", box(b"comp", bytes(16)), header=(colr(16),)))
    assert "comp box" in header.warnings[0]


def test_a_jp2_ignores_the_boxes_of_part_2(tmp_path: Path) -> None:
    path = jpx(tmp_path / "a.jp2", layer(group(colr(18))), header=(colr(16),), brand=b"jp2 ")
    header = read_header(path)
    assert (header.colour.space, header.warnings) == (ColourSpace.SRGB, ())


def test_headers_after_the_codestream_count_as_well(tmp_path: Path) -> None:
    path = jpx(tmp_path / "a.jpx")
    path.write_bytes(path.read_bytes() + layer(group(colr(18))))
    assert read_header(path).colour.space is ColourSpace.SYCC


def test_broken_layer_header_is_corrupt(tmp_path: Path) -> None:
    path = jpx(tmp_path / "a.jpx", layer(b"\0\0\0\3cgrp"))
    with pytest.raises(ImageError, match="'jplh' box breaks off") as failed:
        read_header(path)
    assert failed.value.failure.cause is Cause.CORRUPT
