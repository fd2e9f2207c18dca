"""The files that tests and demo are made of are right: independent decoders read them back."""

from __future__ import annotations

from pathlib import Path

import glymur
import numpy as np
import pytest
from jpylyzer import jpylyzer
from PIL import Image

from engine.demo.jp2_boxes import PaletteTable, Wrapping
from engine.demo.jp2_encoder import EncodeError, Encoding, Plane, write_jp2
from tests.conftest import MakeJp2
from tests.support.jp2_files import cut, make_codestream, make_jp2, picture, wide_gamut_profile

TIFF = b"II*\0\x08\0\0\0\0\0\0\0\0\0"
"""A TIFF stream with an empty directory."""

WAYS = {
    "plain": Encoding(),
    "tiled": Encoding(tile=(100, 64), tile_parts="R", plt=True, tlm=True),
    "offset grid": Encoding(tile=(96, 96), origin=(13, 7), tile_origin=(5, 3)),
    "precincts": Encoding(precinct=128, progression="RPCL", sop=True, eph=True),
    "layers": Encoding(ratios=(40, 10, 1), progression="RLCP"),
    "by position": Encoding(progression="PCRL", levels=2, code_block=32),
    "by component": Encoding(progression="CPRL", tile_parts="C"),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("channels", [1, 3])
def test_lossless_files_give_their_pixels_back(tmp_path: Path, way: str, channels: int) -> None:
    pixels = make_jp2(tmp_path / "a.jp2", 211, 173, channels=channels, encoding=WAYS[way])
    assert np.array_equal(np.asarray(Image.open(tmp_path / "a.jp2")), pixels)
    assert is_valid(tmp_path / "a.jp2")


def test_sixteen_bits_and_lossy(tmp_path: Path) -> None:
    pixels = make_jp2(tmp_path / "deep.jp2", channels=1, bits=16)
    assert np.array_equal(np.asarray(Image.open(tmp_path / "deep.jp2")), pixels)
    pixels = make_jp2(tmp_path / "lossy.jp2", encoding=Encoding(reversible=False, ratios=(12,)))
    seen = np.asarray(Image.open(tmp_path / "lossy.jp2")).astype(int)
    assert 0 < np.abs(seen - pixels).mean() < 10


def test_boxes(tmp_path: Path) -> None:
    profile = wide_gamut_profile()
    wrapping = Wrapping(icc=profile, capture_dpi=(300, 400), xmp=b"<x/>", exif=TIFF, iptc=b"\x1c\x02")
    make_jp2(tmp_path / "a.jp2", wrapping=wrapping)
    seen = {child.box_id: child for child in glymur.Jp2kr(tmp_path / "a.jp2").box[2].box}
    assert bytes(seen["colr"].icc_profile) == profile
    capture = seen["res "].box[0]
    assert capture.horizontal_resolution * 0.0254 == pytest.approx(300)
    assert capture.vertical_resolution * 0.0254 == pytest.approx(400)
    assert is_valid(tmp_path / "a.jp2")


@pytest.mark.parametrize("length", ["normal", "extended", "zero"])
def test_codestream_lengths(tmp_path: Path, length: str) -> None:
    pixels = make_jp2(tmp_path / "a.jp2", wrapping=Wrapping(codestream_length=length))
    assert np.array_equal(np.asarray(Image.open(tmp_path / "a.jp2")), pixels)


def test_components_that_differ(tmp_path: Path) -> None:
    full = Plane(picture(77, 101, channels=1))
    half = Plane(picture(39, 51, channels=1), dx=2, dy=2)
    write_jp2(tmp_path / "420.jp2", [full, half, half], wrapping=Wrapping(colour="sycc"))
    assert is_valid(tmp_path / "420.jp2")
    signed = Plane(picture(64, 64, channels=1).astype(int) - 128, bits=8, signed=True)
    write_jp2(tmp_path / "mixed.jp2", [signed, Plane(picture(64, 64, 1, bits=12), 12)])
    assert is_valid(tmp_path / "mixed.jp2")


def test_palette(tmp_path: Path) -> None:
    indices = np.arange(64, dtype=np.uint8).reshape(8, 8) % 4
    table = ((0, 0, 0), (255, 0, 0), (0, 255, 0), (1, 2, 3))
    write_jp2(tmp_path / "p.jp2", [Plane(indices)], wrapping=Wrapping(palette=PaletteTable(table)))
    seen = np.asarray(Image.open(tmp_path / "p.jp2").convert("RGB"))
    assert np.array_equal(seen, np.array(table, np.uint8)[indices])


def test_raw_codestream_starts_at_once(tmp_path: Path) -> None:
    make_codestream(tmp_path / "a.j2c", channels=1)
    assert (tmp_path / "a.j2c").read_bytes()[:4] == b"\xff\x4f\xff\x51"


def test_what_openjpeg_refuses_is_reported_in_its_words(tmp_path: Path) -> None:
    with pytest.raises(EncodeError, match="resolutions is too high"):
        make_jp2(tmp_path / "a.jp2", 16, 16, encoding=Encoding(levels=20))
    assert not list(tmp_path.glob("*.codestream"))


def test_same_seed_same_bytes(jp2: MakeJp2) -> None:
    assert jp2("a.jp2", seed=7).read_bytes() == jp2("b.jp2", seed=7).read_bytes()
    assert jp2("c.jp2", seed=8).read_bytes() != jp2("a.jp2", seed=7).read_bytes()


def test_cut_files_are_cut(jp2: MakeJp2) -> None:
    whole = jp2("a.jp2").stat().st_size
    assert cut(jp2("b.jp2"), 0.5).stat().st_size == whole // 2
    assert cut(jp2("c.jp2"), 100, end_marker=True).read_bytes()[100:] == b"\xff\xd9"


def is_valid(path: Path) -> bool:
    """Whether jpylyzer, which shares no code with OpenJPEG, holds the file to be valid."""
    return bool(jpylyzer.checkOneFile(str(path)).findtext("isValid") == "True")
