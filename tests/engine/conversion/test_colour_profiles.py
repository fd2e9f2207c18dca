"""ICC profiles are kept byte for byte, converted by, or refused if they do not fit or cannot be used."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from engine.failures import Cause, ImageError
from engine.jpeg import render as render_module
from tests.support.decodes import pixels_of
from tests.support.icc_profiles import built_in, emptied, grey_profile, table_profile, without
from tests.support.jp2_files import Wrapping, picture, write_jp2
from tests.support.renders import colour_plan_of, little_cms, refusal, rendered_pixels


@pytest.mark.parametrize("name", ["matrix", "table", "display table"])
def test_icc_profile_is_kept_or_converted_to_srgb(name: str, tmp_path: Path) -> None:
    profile = {"matrix": built_in("p3"), "table": table_profile(), "display table": table_profile(b"mntr")}[
        name
    ]
    pixels = picture(64, 48)
    write_jp2(tmp_path / "a.jp2", pixels, None, Wrapping(icc=profile))
    kept, out = rendered_pixels(tmp_path / "a.jp2")
    assert out.icc == profile
    assert np.array_equal(kept, pixels)
    converted, out = rendered_pixels(tmp_path / "a.jp2", icc="srgb")
    assert out.icc == built_in("srgb")
    assert np.abs(converted.astype(int) - little_cms(pixels, "RGB", profile)).max() <= 1
    assert np.abs(converted.astype(int) - pixels).max() > 5


def test_sixteen_bits_under_a_profile_are_converted_before_they_are_cut_to_eight(tmp_path: Path) -> None:
    pixels = picture(64, 48, bits=16)
    write_jp2(tmp_path / "a.jp2", pixels, None, Wrapping(icc=built_in("p3")))
    assert colour_plan_of(tmp_path / "a.jp2", "srgb").wide
    assert not colour_plan_of(tmp_path / "a.jp2").wide
    converted, _ = rendered_pixels(tmp_path / "a.jp2", icc="srgb")
    expected = little_cms(np.rint(pixels / 257).astype(np.uint8), "RGB", built_in("p3"))
    difference = np.abs(converted.astype(int) - expected)
    assert difference.mean() < 0.5  # eight bits first is coarser, most of all near the edge of the gamut
    assert difference.max() <= 8


@pytest.mark.parametrize("bits", [8, 16])
def test_grey_under_a_profile_stays_grey(bits: int, tmp_path: Path) -> None:
    profile, pixels = grey_profile(1.8), picture(64, 48, 1, bits)
    write_jp2(tmp_path / "a.jp2", pixels, None, Wrapping(icc=profile))
    kept, out = rendered_pixels(tmp_path / "a.jp2")
    assert kept.shape[2] == 1
    assert out.icc == profile
    converted, out = rendered_pixels(tmp_path / "a.jp2", icc="srgb")
    assert converted.shape[2] == 1
    assert out.icc is None
    narrow = pixels if bits == 8 else np.rint(pixels / 257).astype(np.uint8)
    assert np.abs(converted[:, :, 0].astype(int) - little_cms(narrow, "L", profile)[:, :, 1]).max() <= 1


def test_grey_under_an_rgb_profile_becomes_rgb_so_that_the_profile_holds(tmp_path: Path) -> None:
    pixels = picture(32, 24, 1)
    write_jp2(tmp_path / "a.jp2", pixels, None, Wrapping(icc=built_in("p3")))
    out = pixels_of(tmp_path / "a.jp2")
    assert np.array_equal(out, np.stack([pixels] * 3, axis=2))
    assert "RGB profile" in colour_plan_of(tmp_path / "a.jp2").warnings[0]


def scrambled(profile: bytes) -> bytes:
    return profile[:128] + bytes(i * 37 & 255 for i in range(len(profile) - 128))


UNUSABLE = {
    "matrix without a curve": (3, without(built_in("p3"), b"rTRC")),
    "matrix without a colour": (3, without(built_in("p3"), b"gXYZ")),
    "matrix, header only": (3, emptied(built_in("p3"))),
    "matrix, scrambled": (3, scrambled(built_in("p3"))),
    "table without it": (3, without(table_profile(), b"A2B0")),
    "grey without its curve": (1, without(grey_profile(), b"kTRC")),
    "ink without tables": (4, without(built_in("cmyk"), b"A2B0", b"A2B1", b"A2B2")),
    "ink, header only": (4, emptied(built_in("cmyk"))),
    "ink, scrambled": (4, scrambled(built_in("cmyk"))),
}


@pytest.mark.parametrize("name", UNUSABLE)
@pytest.mark.parametrize("bits", [8, 16])
def test_profile_that_cannot_be_used_converts_nothing(name: str, bits: int, tmp_path: Path) -> None:
    channels, profile = UNUSABLE[name]
    write_jp2(tmp_path / "a.jp2", picture(32, 24, channels, bits), None, Wrapping(icc=profile))
    with pytest.raises(ImageError, match="no colour management can use the ICC profile") as refused:
        rendered_pixels(tmp_path / "a.jp2", icc="srgb")
    assert refused.value.failure.cause is Cause.UNSUPPORTED


def test_profile_that_cannot_be_used_is_kept_with_a_warning(tmp_path: Path) -> None:
    profile = without(built_in("p3"), b"rTRC")
    write_jp2(tmp_path / "a.jp2", picture(32, 24), None, Wrapping(icc=profile))
    _, out = rendered_pixels(tmp_path / "a.jp2")
    assert out.icc == profile
    assert "it is kept as it was" in out.warnings[0]


def test_a_profile_is_tried_out_once_and_one_that_cannot_be_used_every_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: list[bytes] = []
    original = render_module._tagged

    def tagged(image: object, profile: bytes) -> object:
        tried.append(profile)
        return original(image, profile)

    monkeypatch.setattr(render_module, "_tagged", tagged)
    render_module._import_with.cache_clear()
    good, bad = built_in("p3"), without(built_in("p3"), b"rTRC")
    for name, profile, bits in (("a", good, 8), ("b", bad, 8), ("c", good, 16)):
        write_jp2(tmp_path / f"{name}.jp2", picture(32, 24, 3, bits), None, Wrapping(icc=profile))
    for name, warned in (("a", False), ("b", True), ("a", False), ("b", True), ("c", False)):
        assert bool(rendered_pixels(tmp_path / f"{name}.jp2")[1].warnings) is warned, name
    assert tried == [good, bad, bad]


@pytest.mark.parametrize(
    ("channels", "profile"),
    [(3, built_in("srgb")), (3, built_in("p3")), (3, table_profile()), (1, grey_profile())],
)
@pytest.mark.parametrize("bits", [8, 16])
def test_profile_that_can_be_used_is_no_warning(
    channels: int, profile: bytes, bits: int, tmp_path: Path
) -> None:
    write_jp2(tmp_path / "a.jp2", picture(32, 24, channels, bits), None, Wrapping(icc=profile))
    for icc in ("keep", "srgb"):
        assert rendered_pixels(tmp_path / "a.jp2", icc)[1].warnings == ()


@pytest.mark.parametrize(
    ("profile", "channels", "message"),
    [
        (grey_profile(), 3, "for GRAY (1), there are 3 colour channels"),
        (built_in("p3"), 4, "for RGB (3), there are 4 colour channels"),
        (built_in("cmyk"), 3, "for CMYK (4), there are 3 colour channels"),
        (table_profile(b"link"), 3, "'link'"),
        (table_profile(b"scnr", b"Lab "), 3, "'Lab'"),
        (table_profile(b"scnr", b"6CLR"), 3, "'6CLR'"),
    ],
)
def test_profile_that_does_not_fit_the_picture_is_refused(
    profile: bytes, channels: int, message: str, tmp_path: Path
) -> None:
    write_jp2(tmp_path / "a.jp2", picture(32, 24, channels), None, Wrapping(icc=profile, icc_method=3))
    assert message in refusal(tmp_path / "a.jp2")
