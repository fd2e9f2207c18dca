"""A JPEG's own markers, and the quality its tables tell of."""

from __future__ import annotations

import contextlib
import io
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from engine.jpeg.inspect import (
    BASELINE,
    EXTENDED,
    Density,
    JpegError,
    describe,
    estimate_quality,
    read_jpeg,
    standard_tables,
)
from tests.support.icc_profiles import built_in
from tests.support.jp2_files import picture


def saved(path: Path, channels: int = 3, **options: object) -> Path:
    """A JPEG as Pillow writes it: its libjpeg is not libvips'."""
    pixels = picture(64, 48, channels)
    Image.fromarray(pixels).save(path, "JPEG", **options)
    return path


@pytest.mark.parametrize("quality", [1, 10, 25, 49, 50, 51, 75, 85, 90, 92, 95, 99, 100])
@pytest.mark.parametrize("channels", [1, 3])
def test_quality_of_standard_tables_is_told_exactly(quality: int, channels: int, tmp_path: Path) -> None:
    told = describe(saved(tmp_path / "a.jpg", channels, quality=quality)).quality
    assert told.standard
    assert told.rms_difference == 0
    assert standard_tables(told.quality) == standard_tables(quality)


@pytest.mark.parametrize("quality", [30, 85, 95])
def test_quality_of_rgb_and_cmyk_where_every_component_has_the_luma_table(
    quality: int, tmp_path: Path
) -> None:
    rgb = saved(tmp_path / "a.jpg", quality=quality, keep_rgb=True)
    Image.fromarray(picture(64, 48, 4), "CMYK").save(tmp_path / "b.jpg", quality=quality)
    for path in (rgb, tmp_path / "b.jpg"):
        told = describe(path)
        assert len(set(told.facts.tables)) == 1
        assert (told.quality.quality, told.quality.standard) == (quality, True)


@pytest.mark.parametrize("quality", [1, 5, 10, 20])
@pytest.mark.parametrize("largest", [BASELINE, EXTENDED])
def test_quality_of_tables_with_divisors_of_sixteen_bits(quality: int, largest: int) -> None:
    luma, chroma = standard_tables(quality, largest)
    assert (max(luma) > 255) == (largest == EXTENDED)
    told = estimate_quality((luma, chroma, chroma))
    assert (told.quality, told.standard) == (quality, True)


def test_tables_of_somebodys_own_are_told_as_such_with_the_nearest_quality(tmp_path: Path) -> None:
    luma, chroma = standard_tables(80)
    own = [[max(1, v + i % 3 - 1) for i, v in enumerate(table)] for table in (luma, chroma)]
    told = describe(saved(tmp_path / "a.jpg", qtables=own)).quality
    assert not told.standard
    assert told.quality == 80
    assert 0 < told.rms_difference < 1


@pytest.mark.parametrize(("mode", "name"), [("4:4:4", "4:4:4"), ("4:2:2", "4:2:2"), ("4:2:0", "4:2:0")])
def test_subsampling_is_named(mode: str, name: str, tmp_path: Path) -> None:
    assert read_jpeg(saved(tmp_path / "a.jpg", subsampling=mode)).subsampling == name


def test_what_the_markers_hold(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    path = saved(
        tmp_path / "a.jpg",
        dpi=(300, 600),
        icc_profile=built_in("cmyk") * 1,
        exif=exif,
        xmp=b"<x:xmpmeta/>",
        progressive=True,
    )
    facts = read_jpeg(path)
    assert (facts.width, facts.height) == (64, 48)
    assert facts.progressive
    assert facts.density == Density(1, 300, 600)
    assert facts.icc == built_in("cmyk")
    assert facts.exif is not None
    assert facts.exif[:2] in (b"II", b"MM")
    assert facts.xmp == b"<x:xmpmeta/>"
    assert facts.iptc is None


def test_large_profile_in_many_segments_is_put_together(tmp_path: Path) -> None:
    profile = bytes(range(256)) * 800
    assert read_jpeg(saved(tmp_path / "a.jpg", icc_profile=profile)).icc == profile


@pytest.mark.parametrize(
    "content", [b"", b"\xff", b"\xff\xd8", b"\xff\xd8\xff", b"\xff\xd8\xff\xd9", b"II*\0", b"\0" * 99]
)
def test_what_is_not_a_jpeg_is_said(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(content)
    with pytest.raises(JpegError):
        read_jpeg(tmp_path / "a.jpg")


def test_header_cut_anywhere_is_said(tmp_path: Path) -> None:
    content = saved(tmp_path / "a.jpg", dpi=(300, 300)).read_bytes()
    scan = content.index(b"\xff\xda")
    for length in range(scan):
        (tmp_path / "a.jpg").write_bytes(content[:length])
        with pytest.raises(JpegError):
            read_jpeg(tmp_path / "a.jpg")


def _valid() -> bytes:
    out = io.BytesIO()
    Image.fromarray(picture(16, 16)).save(out, "JPEG", quality=90)
    return out.getvalue()


VALID = _valid()


@given(st.integers(0, 700), st.binary(min_size=1, max_size=8))
def test_damaged_header_is_read_or_refused_never_worse(
    tmp_path_factory: pytest.TempPathFactory, at: int, patch: bytes
) -> None:
    path = tmp_path_factory.getbasetemp() / "damaged.jpg"
    path.write_bytes(VALID[:at] + patch + VALID[at + len(patch) :])
    with contextlib.suppress(JpegError):
        estimate_quality(read_jpeg(path).tables)


@pytest.mark.parametrize("quality", [0, 101, -5])
def test_there_is_no_such_quality(quality: int) -> None:
    with pytest.raises(ValueError, match="from 1 to 100"):
        standard_tables(quality)
