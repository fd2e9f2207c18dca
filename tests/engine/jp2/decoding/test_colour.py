"""What samples mean: each colour space becomes the right pixels, or is refused by name."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from engine.demo.jp2_boxes import PaletteTable, box
from engine.jp2.decoding.colour import ColourConversion, ColourModel
from tests.support.conversions import convert
from tests.support.decodes import pixels_of
from tests.support.icc_profiles import built_in
from tests.support.jp2_files import Plane, Wrapping, picture, write_codestream, write_jp2
from tests.support.reference_decoder import opj_decompress, read_ppm
from tests.support.renders import colour_plan_of, little_cms, refusal, rendered_pixels


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
    made, _ = convert(tmp_path / "a.jp2")
    assert any("64 pixels name a palette entry that does not exist" in warning for warning in made.warnings)


def test_palette_with_all_its_indices_in_range_has_no_warning(tmp_path: Path) -> None:
    indices = np.arange(64).reshape(8, 8) % 2
    write_jp2(tmp_path / "a.jp2", [Plane(indices)], wrapping=Wrapping(palette=PaletteTable(((1,), (2,)))))
    made, _ = convert(tmp_path / "a.jp2")
    assert not any("palette" in warning for warning in made.warnings)


def test_page_with_a_palette_deeper_than_declared_is_its_colours_and_not_white(tmp_path: Path) -> None:
    table = tuple((i, 255 - i, i * 7 % 256) for i in range(256))
    indices = np.random.default_rng(1).integers(0, 256, (40, 50))
    write_jp2(tmp_path / "a.jp2", [Plane(indices)], wrapping=Wrapping(palette=PaletteTable(table)))
    content = (tmp_path / "a.jp2").read_bytes()
    (tmp_path / "a.jp2").write_bytes(content.replace(b"\x01\x00\x03\7\7\7", b"\x01\x00\x03\0\0\0"))
    made, _ = convert(tmp_path / "a.jp2")
    assert np.array_equal(pixels_of(tmp_path / "a.jp2"), np.array(table)[indices])
    assert any("read as values of 8 bits" in warning for warning in made.warnings)


@pytest.mark.parametrize("bits", [8, 12, 16])
@pytest.mark.needs_tool("opj_decompress")
def test_cielab_equals_the_reference_decoders(bits: int, tmp_path: Path) -> None:
    y, x = np.mgrid[0:64, 0:64]
    lab = np.stack([x * 4 + 3, 128 + (y - 32), 96 + (x - 32)], axis=2)
    codes = np.rint(lab * ((1 << bits) - 1) / 255).astype(np.uint16)
    write_jp2(tmp_path / "a.jp2", codes, None, Wrapping(colour="cielab"), bits=bits)
    pixels, out = rendered_pixels(tmp_path / "a.jp2")
    assert out.icc == built_in("srgb")
    assert "CIELab converted to sRGB" in colour_plan_of(tmp_path / "a.jp2").warnings[0]
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
    ranges = colour_plan_of(path).lab
    assert [round(r.offset + r.scale * 127 / 255, 6) for r in ranges] == [round(12700 / 255, 6), 0, 0]
    assert [r.scale for r in ranges] == [100, 254, 254]


def test_cielab_under_another_illuminant_is_refused_by_its_name(tmp_path: Path) -> None:
    path = with_colour_box(tmp_path / "a.jp2", lab_box(100, 0, 170, 128, 200, 96, 0x43541A2C))
    assert "6,700 K" in refusal(path)
    path = with_colour_box(tmp_path / "a.jp2", lab_box(100, 0, 170, 128, 200, 96, 0x00463131))
    assert "F11" in refusal(path)


def srgb_of_lab(lab: NDArray[np.float64], white: Sequence[float]) -> NDArray[np.float64]:
    """CIELab under D65 to sRGB codes by the formulas of CIE 15 and IEC 61966-2-1; no adaptation is needed."""
    y = (lab[..., 0] + 16) / 116
    f = np.stack([y + lab[..., 1] / 500, y, y - lab[..., 2] / 200], axis=-1)
    xyz = np.where(f > 6 / 29, f**3, (f - 4 / 29) * 3 * (6 / 29) ** 2) * np.array(white) / 100
    to_rgb = [[3.2404542, -1.5371385, -0.4985314], [-0.9692660, 1.8760108, 0.0415560]]
    to_rgb.append([0.0556434, -0.2040259, 1.0572252])
    linear = np.clip(xyz @ np.array(to_rgb).T, 0, 1)
    codes: NDArray[np.float64] = 255 * np.where(
        linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055
    )
    return codes


def test_cielab_under_d65_is_adapted_to_the_white_of_the_profile(tmp_path: Path) -> None:
    path = with_colour_box(tmp_path / "a.jp2", lab_box(100, 0, 254, 127, 254, 127, 0x00443635))
    y, x = np.mgrid[0:24, 0:32]
    codes = np.stack([120 + y * 4, 110 + x, 110 + y], axis=-1).astype(np.uint8)
    own = path.read_bytes()
    write_codestream(tmp_path / "b.j2k", [Plane(codes[:, :, c]) for c in range(3)])
    start = own.index(b"jp2c") - 4
    path.write_bytes(own[:start] + box(b"jp2c", (tmp_path / "b.j2k").read_bytes()))
    lab = codes * np.array([100, 254, 254]) / 255 - np.array([0, 254 * 127 / 255, 254 * 127 / 255])
    pixels, out = rendered_pixels(path)
    assert np.abs(pixels - srgb_of_lab(lab, (95.047, 100, 108.883))).max() <= 1.6
    assert out.icc == built_in("srgb")
    assert "adapted" in colour_plan_of(path).warnings[0]


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
def test_cmyk_becomes_rgb_as_with_little_cms_with_a_warning(embedded: bool, tmp_path: Path) -> None:
    wrapping = Wrapping(icc=built_in("cmyk"), icc_method=3) if embedded else Wrapping(colour="cmyk")
    write_jp2(tmp_path / "a.jp2", cmyk_picture(), None, wrapping)
    pixels, out = rendered_pixels(tmp_path / "a.jp2")
    assert out.icc == built_in("srgb")
    expected = little_cms(cmyk_picture(), "CMYK", built_in("cmyk"))
    assert np.abs(pixels.astype(int) - expected).max() <= 1
    message = colour_plan_of(tmp_path / "a.jp2").warnings[0]
    assert ("by the profile in the file" if embedded else "libvips' own CMYK profile") in message


def test_cmyk_of_sixteen_bits(tmp_path: Path) -> None:
    write_jp2(tmp_path / "a.jp2", cmyk_picture().astype(np.uint16) * 257, None, Wrapping(colour="cmyk"))
    pixels, _ = rendered_pixels(tmp_path / "a.jp2")
    expected = little_cms(cmyk_picture(), "CMYK", built_in("cmyk"))
    assert np.abs(pixels.astype(int) - expected).max() <= 1


Rows = Sequence[tuple[int, int, int]]

RGB_ALPHA: Rows = ((0, 0, 1), (1, 0, 2), (2, 0, 3), (3, 1, 0))


def test_alpha_is_flattened_on_white_with_a_warning(tmp_path: Path) -> None:
    pixels = picture(64, 48, 4)
    write_jp2(tmp_path / "a.jp2", pixels, None, Wrapping(channels=tuple(RGB_ALPHA)))
    alpha = pixels[:, :, 3:] / 255.0
    expected = pixels[:, :, :3] * alpha + 255 * (1 - alpha)
    assert np.abs(pixels_of(tmp_path / "a.jp2") - expected).max() <= 0.51
    assert colour_plan_of(tmp_path / "a.jp2").warnings == ("alpha flattened on #ffffff",)


def test_alpha_is_flattened_on_another_background(tmp_path: Path) -> None:
    pixels = picture(64, 48, 4)
    pixels[:, :, 3] = 0
    write_jp2(tmp_path / "a.jp2", pixels, None, Wrapping(channels=tuple(RGB_ALPHA)))
    out = pixels_of(tmp_path / "a.jp2", colour_plan=colour_plan_of(tmp_path / "a.jp2", background="#204080"))
    assert out[5, 5].tolist() == [0x20, 0x40, 0x80]


def test_premultiplied_alpha_is_not_multiplied_again(tmp_path: Path) -> None:
    pixels = picture(64, 48, 4)
    pixels[:, :, :3] = pixels[:, :, :3] * (pixels[:, :, 3:] / 255.0)
    rows = (*RGB_ALPHA[:3], (3, 2, 0))
    write_jp2(tmp_path / "a.jp2", pixels, None, Wrapping(channels=rows))
    expected = pixels[:, :, :3] + 255.0 - pixels[:, :, 3:]
    assert np.abs(pixels_of(tmp_path / "a.jp2") - expected).max() <= 0.51
    assert "premultiplied" in colour_plan_of(tmp_path / "a.jp2").warnings[0]
    made, _ = convert(tmp_path / "a.jp2")
    assert not any("far above" in warning for warning in made.warnings)


def test_colours_above_their_premultiplied_alpha_are_a_warning(tmp_path: Path) -> None:
    pixels = picture(64, 48, 4)
    pixels[:, :, 3] = 0
    write_jp2(tmp_path / "a.jp2", pixels, None, Wrapping(channels=(*RGB_ALPHA[:3], (3, 2, 0))))
    made, _ = convert(tmp_path / "a.jp2")
    assert any("far above their premultiplied alpha" in warning for warning in made.warnings)


def test_grey_with_alpha_of_another_depth_stays_grey(tmp_path: Path) -> None:
    grey, alpha = picture(40, 30, 1), picture(40, 30, 1, bits=4, seed=9)
    planes = [Plane(grey), Plane(alpha, 4)]
    write_jp2(tmp_path / "a.jp2", planes, None, Wrapping(channels=((0, 0, 1), (1, 1, 0))))
    share = np.rint(alpha * 17.0) / 255
    out = pixels_of(tmp_path / "a.jp2")
    assert out.shape == (30, 40, 1)
    assert np.abs(out[:, :, 0] - (grey * share + 255 * (1 - share))).max() <= 0.51


def test_grey_that_is_associated_with_the_whole_image_beside_its_alpha_is_grey(tmp_path: Path) -> None:
    grey, alpha = picture(40, 30, 1), picture(40, 30, 1, seed=9)
    for kind in (1, 2):
        out = []
        for association in (0, 1):
            rows = ((0, 0, association), (1, kind, 0))
            write_jp2(tmp_path / "a.jp2", [Plane(grey), Plane(alpha)], None, Wrapping(channels=rows))
            out.append(pixels_of(tmp_path / "a.jp2"))
        assert np.array_equal(out[0], out[1])


def test_grey_with_alpha_on_a_coloured_background_names_the_grey_that_is_used(tmp_path: Path) -> None:
    grey, alpha = picture(40, 30, 1), np.zeros((30, 40), np.uint8)
    write_jp2(
        tmp_path / "a.jp2", [Plane(grey), Plane(alpha)], None, Wrapping(channels=((0, 0, 1), (1, 1, 0)))
    )
    made = colour_plan_of(tmp_path / "a.jp2", background="#ff0000")
    assert made.warnings == ("alpha flattened on #363636, the grey of #ff0000",)
    assert set(pixels_of(tmp_path / "a.jp2", colour_plan=made).flatten().tolist()) == {0x36}
    assert colour_plan_of(tmp_path / "a.jp2", background="#808080").warnings == (
        "alpha flattened on #808080",
    )


def test_a_channel_definition_that_lists_the_alpha_alone(tmp_path: Path) -> None:
    """Every other channel is a colour, in the order that they have without a definition."""
    for colours, kind in product((1, 3), (1, 2)):
        pixels = picture(40, 30, 4)[:, :, 3 - colours :]
        full = (*((n, 0, n + 1) for n in range(colours)), (colours, kind, 0))
        out = []
        for rows in (full, full[-1:]):
            write_jp2(tmp_path / "a.jp2", pixels, None, Wrapping(channels=rows))
            out.append(pixels_of(tmp_path / "a.jp2"))
        assert np.array_equal(out[0], out[1])
        first, second = colour_plan_of(tmp_path / "a.jp2").warnings[:2]
        assert "lists the alpha alone" in first
        assert "flattened" in second


def test_the_alpha_alone_beside_more_colours_than_there_are_is_refused(tmp_path: Path) -> None:
    write_jp2(tmp_path / "a.jp2", picture(32, 24, 5), None, Wrapping(channels=((4, 1, 0),)))
    assert "an extra channel beside the 3 of srgb" in refusal(tmp_path / "a.jp2")
    write_jp2(tmp_path / "a.jp2", picture(32, 24, 4), None, Wrapping(channels=((0, 1, 0), (3, 1, 0))))
    assert "2 opacity channels" in refusal(tmp_path / "a.jp2")


UNREAD_COLOURS = {
    "a vendor's": box(b"colr", b"\4\0\0" + bytes(20)),
    "by CICP code points": box(b"colr", b"\5\0\0" + bytes([0, 1, 0, 13, 0, 0, 128])),
    "by no method": box(b"colr", b"\0\0\0"),
    "a number that is unknown": box(b"colr", b"\1\0\0" + (999).to_bytes(4)),
}


@pytest.mark.parametrize("name", UNREAD_COLOURS)
@pytest.mark.parametrize("brand", [b"jp2 ", b"jph ", b"jpx "])
def test_a_colour_that_is_not_read_gives_way_to_one_beside_it(
    name: str, brand: bytes, tmp_path: Path
) -> None:
    path, unread, read = tmp_path / "a.jp2", UNREAD_COLOURS[name], box(b"colr", b"\1\0\0\0\0\0\x10")
    for colours in (unread + read, read + unread):
        with_colour_box(path, colours)
        path.write_bytes(path.read_bytes().replace(b"jp2 ", brand))
        assert np.array_equal(pixels_of(path), picture(32, 24))
    with_colour_box(path, unread)
    assert "the colour space is" in refusal(path)


@pytest.mark.parametrize(
    ("channels", "rows", "message"),
    [
        (4, (), "an extra channel beside the 3 of srgb"),
        (2, (), "an extra channel beside the 1 of grey"),
        (5, (), "2 extra channels"),
        (4, (*RGB_ALPHA[:3], (3, 65535, 65535)), "channel 4 is neither colour nor opacity"),
        (5, (*RGB_ALPHA, (4, 1, 0)), "2 opacity channels"),
        (4, (*RGB_ALPHA[:3], (3, 1, 2)), "for one colour"),
    ],
)
def test_extra_channels_are_refused_by_name(channels: int, rows: Rows, message: str, tmp_path: Path) -> None:
    write_jp2(tmp_path / "a.jp2", picture(32, 24, channels), None, Wrapping(channels=tuple(rows)))
    assert message in refusal(tmp_path / "a.jp2")


def test_alpha_over_cmyk_is_refused(tmp_path: Path) -> None:
    rows = ((0, 0, 1), (1, 0, 2), (2, 0, 3), (3, 0, 4), (4, 1, 0))
    wrapping = Wrapping(colour="cmyk", channels=rows)
    write_jp2(tmp_path / "a.jp2", picture(32, 24, 5), None, wrapping)
    assert "opacity over CMYK" in refusal(tmp_path / "a.jp2")


def test_one_channel_that_is_called_srgb_is_grey(tmp_path: Path) -> None:
    write_jp2(tmp_path / "a.jp2", picture(32, 24, 1), None, Wrapping(colour="srgb"))
    assert colour_plan_of(tmp_path / "a.jp2").model is ColourModel.GREY
    assert "taken as grey" in colour_plan_of(tmp_path / "a.jp2").warnings[0]


def test_codestream_without_boxes_is_grey_or_rgb_by_its_count(tmp_path: Path) -> None:
    for channels, model in ((1, ColourModel.GREY), (3, ColourModel.RGB)):
        stack = picture(32, 24, channels).reshape(24, 32, channels)
        write_codestream(tmp_path / "a.j2k", [Plane(stack[:, :, c]) for c in range(channels)])
        assert colour_plan_of(tmp_path / "a.j2k").model is model


def test_subsampled_rgb_is_taken_as_luma_and_chroma_as_the_reference_decoder_does(tmp_path: Path) -> None:
    full = picture(64, 48)
    planes = [Plane(full[:, :, 0]), *(Plane(full[::2, ::2, c], dx=2, dy=2) for c in (1, 2))]
    write_jp2(tmp_path / "a.jp2", planes)
    made = colour_plan_of(tmp_path / "a.jp2")
    assert made.model is ColourModel.YCC
    assert "subsampled" in made.warnings[0]
    assert made.conversion is ColourConversion.NONE
