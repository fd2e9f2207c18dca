"""What a JPEG's marker segments hold is read whole, or the JPEG is refused."""

from __future__ import annotations

import contextlib
import io
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from engine.jpeg.inspect import Density, JpegError, read_jpeg
from engine.jpeg.quality import estimate_quality
from tests.support.icc_profiles import built_in
from tests.support.jp2_files import picture
from tests.support.jpegs import saved


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
def test_what_is_not_a_jpeg_is_refused(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(content)
    with pytest.raises(JpegError):
        read_jpeg(tmp_path / "a.jpg")


def test_header_cut_anywhere_is_refused(tmp_path: Path) -> None:
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
def test_damaged_header_is_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory, at: int, patch: bytes
) -> None:
    path = tmp_path_factory.getbasetemp() / "damaged.jpg"
    path.write_bytes(VALID[:at] + patch + VALID[at + len(patch) :])
    with contextlib.suppress(JpegError):
        estimate_quality(read_jpeg(path).tables)
