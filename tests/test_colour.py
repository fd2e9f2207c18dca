"""What samples mean: each colour space becomes the right pixels, or is refused by name."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageCms

from engine.demo.boxwriter import PaletteTable, box
from engine.failures import Cause, ImageError
from engine.jp2.colour import Conversion, Model, Recipe, recipe_for
from engine.jp2.decode import decoded
from engine.jp2.header import read_header
from engine.jp2.openjpeg import Messages
from engine.jpeg.rendering import Rendered, render
from engine.messages import Lane, Plan
from tests.decoding import pixels_of
from tests.jp2s import Plane, Wrapping, picture, write_codestream, write_jp2
from tests.profiles import built_in, emptied, grey_profile, table_profile, without
from tests.reference import opj_decompress, read_ppm


def recipe(path: Path, icc: str = "keep", background: str = "#ffffff") -> Recipe:
    return recipe_for(read_header(path), icc, background)


def rendered_pixels(path: Path, icc: str = "keep") -> tuple[NDArray[Any], Rendered]:
    """What goes to the JPEG encoder, and with which profile."""
    header, made = read_header(path), recipe(path, icc)
    with decoded(
        str(path), header, Plan(Lane.WHOLE), made, Messages(), path.with_name("px")
    ) as decoded_picture:
        out = render(decoded_picture, made)
        data = np.frombuffer(out.image.write_to_memory(), np.uint8)
    return data.reshape(out.image.height, out.image.width, out.image.bands), out


def refusal(path: Path) -> str:
    with pytest.raises(ImageError) as refused:
        recipe(path)
    assert refused.value.failure.cause is Cause.UNSUPPORTED
    return refused.value.failure.message


def little_cms(pixels: NDArray[Any], mode: str, profile: bytes) -> NDArray[Any]:
    """To sRGB by Pillow's own Little CMS: relative colorimetric with black point compensation."""
    transform = ImageCms.buildTransform(
        ImageCms.ImageCmsProfile(io.BytesIO(profile)),
        ImageCms.ImageCmsProfile(io.BytesIO(built_in("srgb"))),
        mode,
        "RGB",
        renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
        flags=ImageCms.Flags.BLACKPOINTCOMPENSATION,
    )
    source = Image.frombytes(mode, (pixels.shape[1], pixels.shape[0]), pixels.tobytes())
    converted = ImageCms.applyTransform(source, transform)
    assert converted is not None
    return np.asarray(converted)


def test_every_value_of_twelve_bits_is_rounded_over_the_full_range(tmp_path: Path) -> None:
    codes = np.arange(4096, dtype=np.uint16).reshape(64, 64)
    write_jp2(tmp_path / "a.jp2", codes, bits=12)
    pixels = pixels_of(tmp_path / "a.jp2")[:, :, 0]
    assert pixels[-1, -1] == 255
    assert np.array_equal(pixels, np.floor(codes.astype(float) * 255 / 4095 + 0.5))


@pytest.mark.parametrize("bits", [17, 20, 24])
@pytest.mark.parametrize("signed", [False, True])
def test_more_than_sixteen_bits_are_rounded_once(bits: int, signed: bool, tmp_path: Path) -> None:
    top = (1 << bits) - 1
    halves = np.arange(255) * 2 + 1  # of the 8-bit codes in between, the codes nearest to either side
    codes = np.concatenate([halves * top // 510, halves * top // 510 + 1, [0, top]]).reshape(16, 32)
    shift = 1 << (bits - 1) if signed else 0
    write_codestream(tmp_path / "a.j2k", [Plane(codes - shift, bits, signed)])
    expected = (codes * 510 + top) // (2 * top)
    assert np.array_equal(pixels_of(tmp_path / "a.j2k")[:, :, 0], expected)


def test_palette_becomes_its_colours(tmp_path: Path) -> None:
    table = tuple((i, 255 - i, i * 7 % 256) for i in range(200))
    indices = np.random.default_rng(1).integers(0, 200, (40, 50))
    write_jp2(tmp_path / "a.jp2", [Plane(indices)], wrapping=Wrapping(palette=PaletteTable(table)))
    assert np.array_equal(pixels_of(tmp_path / "a.jp2"), np.array(table)[indices])


def test_palette_of_sixteen_bits_and_indices_of_four(tmp_path: Path) -> None:
    table = tuple((i * 4369,) for i in range(16))
    indices = np.arange(16 * 12).reshape(12, 16) % 16
    write_jp2(
        tmp_path / "a.jp2", [Plane(indices, 4)], wrapping=Wrapping(palette=PaletteTable(table, bits=16))
    )
    assert np.array_equal(pixels_of(tmp_path / "a.jp2")[:, :, 0], indices * 17)


def test_index_beyond_the_palette_is_its_last_colour(tmp_path: Path) -> None:
    table = ((10, 20, 30), (40, 50, 60))
    write_jp2(
        tmp_path / "a.jp2", [Plane(np.full((8, 8), 200))], wrapping=Wrapping(palette=PaletteTable(table))
    )
    assert pixels_of(tmp_path / "a.jp2")[3, 3].tolist() == [40, 50, 60]


@pytest.mark.parametrize("bits", [8, 12, 16])
def test_cielab_equals_the_reference_decoders(bits: int, tmp_path: Path) -> None:
    y, x = np.mgrid[0:64, 0:64]
    lab = np.stack([x * 4 + 3, 128 + (y - 32), 96 + (x - 32)], axis=2)
    codes = np.rint(lab * ((1 << bits) - 1) / 255).astype(np.uint16)
    write_jp2(tmp_path / "a.jp2", codes, None, Wrapping(colour="cielab"), bits=bits)
    pixels, out = rendered_pixels(tmp_path / "a.jp2")
    assert out.icc == built_in("srgb")
    assert "CIELab converted to sRGB" in recipe(tmp_path / "a.jp2").warnings[0]
    assert opj_decompress(tmp_path / "a.jp2", tmp_path / "a.ppm")
    reference = read_ppm(tmp_path / "a.ppm") / 65535 * 255
    assert np.abs(pixels - reference).max() <= 1.0


def lab_box(*parameters: int) -> bytes:
    content = bytes([1, 0, 0]) + b"".join(value.to_bytes(4) for value in (14, *parameters))
    return box(b"colr", content)


def with_colour_box(path: Path, colour: bytes, channels: int = 3) -> Path:
    """A JP2 whose colr box is replaced by the one given."""
    write_jp2(path, picture(32, 24, channels))
    content = path.read_bytes()
    start = content.index(b"colr") - 4
    old = int.from_bytes(content[start : start + 4])
    header = content.index(b"jp2h") - 4
    length = int.from_bytes(content[header : header + 4]) + len(colour) - old
    content = (
        content[:header] + length.to_bytes(4) + content[header + 4 : start] + colour + content[start + old :]
    )
    path.write_bytes(content)
    return path


def test_cielab_with_ranges_of_its_own(tmp_path: Path) -> None:
    d50 = 0x00443530
    path = with_colour_box(tmp_path / "a.jp2", lab_box(100, 0, 254, 127, 254, 127, d50))
    ranges = recipe(path).lab
    assert [round(r.offset + r.scale * 127 / 255, 6) for r in ranges] == [round(12700 / 255, 6), 0, 0]
    assert [r.scale for r in ranges] == [100, 254, 254]


def test_cielab_under_another_light_is_refused_by_its_name(tmp_path: Path) -> None:
    path = with_colour_box(tmp_path / "a.jp2", lab_box(100, 0, 170, 128, 200, 96, 0x00443635))
    assert "D65" in refusal(path)


@pytest.mark.parametrize(
    ("number", "name"), [(24, "e-sYCC"), (21, "ROMM-RGB"), (3, "YCbCr(2)"), (999, "unknown")]
)
def test_colour_space_we_do_not_convert_is_refused_by_its_name(
    number: int, name: str, tmp_path: Path
) -> None:
    colour = box(b"colr", bytes([1, 0, 0]) + number.to_bytes(4))
    message = refusal(with_colour_box(tmp_path / "a.jp2", colour))
    assert name in message
    assert str(number) in message


def cmyk_picture() -> NDArray[np.uint8]:
    y, x = np.mgrid[0:64, 0:64]
    return np.stack([x * 4, y * 4, (x + y) * 2, x * y // 32], axis=2).astype(np.uint8)


@pytest.mark.parametrize("embedded", [False, True])
def test_cmyk_becomes_rgb_as_little_cms_makes_it_and_it_is_said(embedded: bool, tmp_path: Path) -> None:
    wrapping = Wrapping(icc=built_in("cmyk"), icc_method=3) if embedded else Wrapping(colour="cmyk")
    write_jp2(tmp_path / "a.jp2", cmyk_picture(), None, wrapping)
    pixels, out = rendered_pixels(tmp_path / "a.jp2")
    assert out.icc == built_in("srgb")
    expected = little_cms(cmyk_picture(), "CMYK", built_in("cmyk"))
    assert np.abs(pixels.astype(int) - expected).max() <= 1
    said = recipe(tmp_path / "a.jp2").warnings[0]
    assert ("by the profile in the file" if embedded else "libvips' own CMYK profile") in said


def test_cmyk_of_sixteen_bits(tmp_path: Path) -> None:
    write_jp2(tmp_path / "a.jp2", cmyk_picture().astype(np.uint16) * 257, None, Wrapping(colour="cmyk"))
    pixels, _ = rendered_pixels(tmp_path / "a.jp2")
    expected = little_cms(cmyk_picture(), "CMYK", built_in("cmyk"))
    assert np.abs(pixels.astype(int) - expected).max() <= 1


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
    assert recipe(tmp_path / "a.jp2", "srgb").wide
    assert not recipe(tmp_path / "a.jp2").wide
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
    assert "RGB profile" in recipe(tmp_path / "a.jp2").warnings[0]


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


def test_profile_that_cannot_be_used_is_kept_and_it_is_said(tmp_path: Path) -> None:
    profile = without(built_in("p3"), b"rTRC")
    write_jp2(tmp_path / "a.jp2", picture(32, 24), None, Wrapping(icc=profile))
    _, out = rendered_pixels(tmp_path / "a.jp2")
    assert out.icc == profile
    assert "it is kept as it was" in out.warnings[0]


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
    ("profile", "channels", "said"),
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
    profile: bytes, channels: int, said: str, tmp_path: Path
) -> None:
    write_jp2(tmp_path / "a.jp2", picture(32, 24, channels), None, Wrapping(icc=profile, icc_method=3))
    assert said in refusal(tmp_path / "a.jp2")


Rows = Sequence[tuple[int, int, int]]

RGB_ALPHA: Rows = ((0, 0, 1), (1, 0, 2), (2, 0, 3), (3, 1, 0))


def test_alpha_is_flattened_on_white_and_it_is_said(tmp_path: Path) -> None:
    pixels = picture(64, 48, 4)
    write_jp2(tmp_path / "a.jp2", pixels, None, Wrapping(channels=tuple(RGB_ALPHA)))
    alpha = pixels[:, :, 3:] / 255.0
    expected = pixels[:, :, :3] * alpha + 255 * (1 - alpha)
    assert np.abs(pixels_of(tmp_path / "a.jp2") - expected).max() <= 0.51
    assert recipe(tmp_path / "a.jp2").warnings == ("alpha flattened on #ffffff",)


def test_alpha_is_flattened_on_another_background(tmp_path: Path) -> None:
    pixels = picture(64, 48, 4)
    pixels[:, :, 3] = 0
    write_jp2(tmp_path / "a.jp2", pixels, None, Wrapping(channels=tuple(RGB_ALPHA)))
    out = pixels_of(tmp_path / "a.jp2", recipe=recipe(tmp_path / "a.jp2", background="#204080"))
    assert out[5, 5].tolist() == [0x20, 0x40, 0x80]


def test_premultiplied_alpha_is_not_multiplied_again(tmp_path: Path) -> None:
    pixels = picture(64, 48, 4)
    pixels[:, :, :3] = pixels[:, :, :3] * (pixels[:, :, 3:] / 255.0)
    rows = (*RGB_ALPHA[:3], (3, 2, 0))
    write_jp2(tmp_path / "a.jp2", pixels, None, Wrapping(channels=rows))
    expected = pixels[:, :, :3] + 255.0 - pixels[:, :, 3:]
    assert np.abs(pixels_of(tmp_path / "a.jp2") - expected).max() <= 0.51
    assert "premultiplied" in recipe(tmp_path / "a.jp2").warnings[0]


def test_grey_with_alpha_of_another_depth_stays_grey(tmp_path: Path) -> None:
    grey, alpha = picture(40, 30, 1), picture(40, 30, 1, bits=4, seed=9)
    planes = [Plane(grey), Plane(alpha, 4)]
    write_jp2(tmp_path / "a.jp2", planes, None, Wrapping(channels=((0, 0, 1), (1, 1, 0))))
    share = np.rint(alpha * 17.0) / 255
    out = pixels_of(tmp_path / "a.jp2")
    assert out.shape == (30, 40, 1)
    assert np.abs(out[:, :, 0] - (grey * share + 255 * (1 - share))).max() <= 0.51


def test_grey_with_alpha_on_a_coloured_background_says_which_grey_is_meant(tmp_path: Path) -> None:
    grey, alpha = picture(40, 30, 1), np.zeros((30, 40), np.uint8)
    write_jp2(
        tmp_path / "a.jp2", [Plane(grey), Plane(alpha)], None, Wrapping(channels=((0, 0, 1), (1, 1, 0)))
    )
    made = recipe(tmp_path / "a.jp2", background="#ff0000")
    assert made.warnings == ("alpha flattened on #363636, the grey of #ff0000",)
    assert set(pixels_of(tmp_path / "a.jp2", recipe=made).flatten().tolist()) == {0x36}
    assert recipe(tmp_path / "a.jp2", background="#808080").warnings == ("alpha flattened on #808080",)


@pytest.mark.parametrize(
    ("channels", "rows", "said"),
    [
        (4, (), "an extra channel beside the 3 of srgb"),
        (2, (), "an extra channel beside the 1 of grey"),
        (5, (), "2 extra channels"),
        (4, (*RGB_ALPHA[:3], (3, 65535, 65535)), "channel 4 is neither colour nor opacity"),
        (5, (*RGB_ALPHA, (4, 1, 0)), "2 opacity channels"),
        (4, (*RGB_ALPHA[:3], (3, 1, 2)), "for one colour"),
    ],
)
def test_extra_channels_are_refused_by_name(channels: int, rows: Rows, said: str, tmp_path: Path) -> None:
    write_jp2(tmp_path / "a.jp2", picture(32, 24, channels), None, Wrapping(channels=tuple(rows)))
    assert said in refusal(tmp_path / "a.jp2")


def test_alpha_over_cmyk_is_refused(tmp_path: Path) -> None:
    rows = ((0, 0, 1), (1, 0, 2), (2, 0, 3), (3, 0, 4), (4, 1, 0))
    wrapping = Wrapping(colour="cmyk", channels=rows)
    write_jp2(tmp_path / "a.jp2", picture(32, 24, 5), None, wrapping)
    assert "opacity over CMYK" in refusal(tmp_path / "a.jp2")


def test_one_channel_that_is_called_srgb_is_grey(tmp_path: Path) -> None:
    write_jp2(tmp_path / "a.jp2", picture(32, 24, 1), None, Wrapping(colour="srgb"))
    assert recipe(tmp_path / "a.jp2").model is Model.GREY
    assert "taken as grey" in recipe(tmp_path / "a.jp2").warnings[0]


def test_codestream_without_boxes_is_grey_or_rgb_by_its_count(tmp_path: Path) -> None:
    for channels, model in ((1, Model.GREY), (3, Model.RGB)):
        stack = picture(32, 24, channels).reshape(24, 32, channels)
        write_codestream(tmp_path / "a.j2k", [Plane(stack[:, :, c]) for c in range(channels)])
        assert recipe(tmp_path / "a.j2k").model is model


def test_subsampled_rgb_is_taken_as_luma_and_chroma_as_the_reference_decoder_does(tmp_path: Path) -> None:
    full = picture(64, 48)
    planes = [Plane(full[:, :, 0]), *(Plane(full[::2, ::2, c], dx=2, dy=2) for c in (1, 2))]
    write_jp2(tmp_path / "a.jp2", planes)
    made = recipe(tmp_path / "a.jp2")
    assert made.model is Model.YCC
    assert "subsampled" in made.warnings[0]
    assert made.conversion is Conversion.NONE
