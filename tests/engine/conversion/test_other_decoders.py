"""What photostat makes of each kind of file is what a decoder makes of it that is not OpenJPEG.

FFmpeg's JPEG 2000 decoder was written from the standard; Grok, for what that FFmpeg does not read, began as OpenJPEG
and has other code for packets, tile-parts and high-throughput blocks. Both get the codestream as it is in the file.
"""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from engine.deep_check.other_decoders import Decoder, Ffmpeg, Grok, Task
from engine.demo.jp2_boxes import PaletteTable, box
from engine.jp2.jp2_file import read_header
from engine.messages import DecodeMode, Plan
from tests.engine.jp2.decoding.test_colour import lab_box, srgb_of_lab
from tests.engine.jp2.decoding.test_mode_rules import ADOBE, FEATURES, by_part_first
from tests.engine.jp2.validation.test_high_throughput import HIGH_THROUGHPUT
from tests.support.conversions import convert
from tests.support.decodes import EVERY_PLAN, pixels_of
from tests.support.jp2_files import Encoding, Plane, Wrapping, picture, write_jp2
from tests.support.odd_codestreams import (
    Codestream,
    encoded,
    true_entries,
    with_packed_headers,
    with_tlm,
)
from tests.support.system_tools import system_tool
from tests.support.waiting import LONGEST_WAIT_S

Pixels = NDArray[Any]
SIZE = (200, 150)
PLANS = (Plan(DecodeMode.WHOLE), Plan(DecodeMode.TILES), Plan(DecodeMode.STRIPS, strip_rows=37))
LEAST_PSNR_DB = 42.0
"""Of a JPEG of quality 100 with the grain that these pictures have; another picture has 10."""


@dataclass(frozen=True)
class Kind:
    write: Callable[[Path], object]
    """Writes the file at that path."""
    colours: Callable[[list[Pixels]], Pixels] = lambda planes: np.stack(planes, axis=-1)
    """What the samples of the other decoder come to."""
    decoder: Decoder = Ffmpeg()  # noqa: RUF009 - it has no state
    most: int = 0
    """That 8-bit pixels may differ by."""
    in_strips: bool = True


def codestream(change: Callable[[Codestream], Codestream], encoding: Encoding) -> Callable[[Path], object]:
    def write(path: Path) -> object:
        return path.write_bytes(change(encoded(path.parent, encoding, *SIZE)[0]).to_bytes())

    return write


def one_too_few(good: Codestream) -> Codestream:
    return good.with_parts(lambda part: replace(part, count=part.count - 1))


def in_a_jp2(path: Path) -> None:
    """Adobe's tile-parts in the boxes of a JP2."""
    write_jp2(path, picture(*SIZE), ADOBE)
    content = path.read_bytes()
    start = content.index(b"\xff\x4f\xff\x51")
    odd = one_too_few(encoded(path.parent, ADOBE, *SIZE)[0]).to_bytes()
    path.write_bytes(content[: start - 8] + box(b"jp2c", odd))


def packed(*, in_main_header: bool) -> Callable[[Codestream], Codestream]:
    return lambda good: with_packed_headers(good, in_main_header=in_main_header)


def with_progression_change(good: Codestream) -> Codestream:
    """COD says RLCP; POC says the LRCP that it really is, for everything (A.6.6)."""
    at = good.main.index(b"\xff\x52")
    change = b"\xff\x5f\x00\x09" + bytes([0, 0, 0, 3, 33, 255, 0])
    return replace(good, main=good.main[: at + 5] + b"\x01" + good.main[at + 6 :] + change)


def without_counts(good: Codestream) -> Codestream:
    """TNsot 0 everywhere, and the last Psot 0."""
    parts = good.with_parts(lambda part: replace(part, count=0)).parts
    return replace(good, parts=(*parts[:-1], replace(parts[-1], length=0)))


def by_encoder(program: str, *options: str) -> Callable[[Path], object]:
    def write(path: Path) -> object:
        source, target = path.with_name("in.ppm"), path.with_name("out.j2k")
        source.write_bytes(b"P6\n%d %d\n255\n" % SIZE + picture(*SIZE).tobytes())
        arguments = [system_tool(program), "-i", str(source), "-o", str(target), *options]
        subprocess.run(arguments, capture_output=True, timeout=LONGEST_WAIT_S, check=True)
        return target.replace(path)

    return write


def boxed(pixels: Pixels | list[Plane], wrapping: Wrapping) -> Callable[[Path], object]:
    return lambda path: write_jp2(path, pixels, Encoding(levels=3), wrapping)


TABLE = tuple((i, 255 - i, i * 7 % 256) for i in range(256))
SHADES = picture(*SIZE, channels=1)


def shallow_palette(path: Path) -> None:
    """It declares 1 bit where its values have 8."""
    boxed([Plane(SHADES)], Wrapping(palette=PaletteTable(TABLE)))(path)
    path.write_bytes(path.read_bytes().replace(b"\x01\x00\x03\7\7\7", b"\x01\x00\x03\0\0\0"))


def replacing_colour(path: Path, *colours: bytes, pixels: Pixels) -> None:
    """A JPX with these colr boxes in place of its own."""
    boxed(pixels, Wrapping(brand=b"jpx "))(path)
    content = path.read_bytes()
    header, colr, end = content.index(b"jp2h") - 4, content.index(b"colr") - 4, content.index(b"jp2c") - 4
    kept = content[header + 8 : colr] + b"".join(colours)
    path.write_bytes(content[:header] + box(b"jp2h", kept) + content[end:])


def smooth() -> Pixels:
    y, x = np.mgrid[0:150, 0:200]
    return np.stack([120 + y * 0.8, 110 + x * 0.17, 110 + y * 0.2], axis=-1).astype(np.uint8)


def lab_to_srgb(planes: list[Pixels]) -> Pixels:
    codes = np.stack(planes, axis=-1).astype(float)
    lab = codes * np.array([100, 254, 254]) / 255 - np.array([0, 254 * 127 / 255, 254 * 127 / 255])
    pixels: Pixels = np.rint(srgb_of_lab(lab, (95.047, 100, 108.883))).astype(int)
    return pixels


def on_white(planes: list[Pixels]) -> Pixels:
    grey, alpha = (plane.astype(float) for plane in planes)
    pixels: Pixels = np.rint(grey * alpha / 255 + 255 - alpha).astype(int)
    return pixels[:, :, np.newaxis]


VENDOR = box(b"colr", b"\4\0\0" + bytes(20))
LOSSY = Encoding(reversible=False, ratios=(8.0,))
PACKED = Encoding(progression="RLCP", levels=3, sop=True, eph=True)
TILED = Encoding(tile=(64, 64), levels=3)

KINDS: dict[str, Kind] = {
    "01 a tile-part more than stated": Kind(codestream(one_too_few, ADOBE)),
    "01 in turns": Kind(codestream(lambda good: by_part_first(one_too_few(good)), ADOBE)),
    "01 untiled": Kind(codestream(one_too_few, replace(ADOBE, tile=None))),
    "01 in a JP2": Kind(in_a_jp2),
    "02 high throughput": Kind(lambda path: path.write_bytes(HIGH_THROUGHPUT), decoder=Grok(), in_strips=False),
    "02 high throughput, larger": Kind(by_encoder("grk_compress", "-M", "64"), decoder=Grok(), in_strips=False),
    "03 PPT untiled": Kind(codestream(packed(in_main_header=False), PACKED)),
    "03 PPT tiled": Kind(codestream(packed(in_main_header=False), replace(PACKED, tile=(64, 64)))),
    "03 PPM untiled": Kind(codestream(packed(in_main_header=True), PACKED)),
    "03 PPM tiled": Kind(codestream(packed(in_main_header=True), replace(PACKED, tile=(64, 64)))),
    "05 TLM with wrong lengths": Kind(
        codestream(lambda good: with_tlm(good, [(t, n - 3) for t, n in true_entries(good)]), TILED)
    ),
    "a POC for everything": Kind(codestream(with_progression_change, Encoding(ratios=(9, 3, 1)))),
    "POCs of an encoder": Kind(by_encoder("opj_compress", "-POC", "T0=0,0,1,3,3,RLCP/T0=3,0,1,6,3,CPRL")),
    "a region of interest": Kind(by_encoder("opj_compress", "-ROI", "c=0,U=5", "-t", "90,70")),
    "no end marker": Kind(codestream(lambda good: replace(good, end=b""), TILED), decoder=Grok()),
    "the last Psot 0": Kind(
        codestream(lambda g: replace(g, parts=(*g.parts[:-1], replace(g.parts[-1], length=0))), TILED)
    ),
    "TNsot 0 and the last Psot 0": Kind(codestream(without_counts, replace(ADOBE, tile=(64, 64)))),
    "lossy": Kind(codestream(lambda good: good, LOSSY), most=2),
    "lossy in tiles": Kind(codestream(lambda good: good, replace(LOSSY, tile=(64, 64))), most=2),
    **{feature: Kind(codestream(lambda good: good, encoding)) for feature, encoding in FEATURES.items()},
    "grey of association 0 beside alpha": Kind(
        boxed(
            [Plane(SHADES), Plane(picture(*SIZE, channels=1, seed=4))],
            Wrapping(channels=((0, 0, 0), (1, 1, 0))),
        ),
        on_white,
        Grok(),
        most=1,
    ),
    "a palette": Kind(
        boxed([Plane(SHADES)], Wrapping(palette=PaletteTable(TABLE))), lambda planes: np.array(TABLE)[planes[0]]
    ),
    "a palette deeper than it says": Kind(shallow_palette, lambda planes: np.array(TABLE)[planes[0]]),
    "a vendor's colour beside another": Kind(
        lambda path: replacing_colour(
            path, VENDOR, box(b"colr", b"\1\0\0\0\0\0\x10"), pixels=picture(*SIZE)
        )
    ),
}  # fmt: skip


def expected_pixels(kind: Kind, path: Path) -> Pixels:
    header = read_header(path)
    source = path.with_name("other.j2k")
    source.write_bytes(path.read_bytes()[header.codestream_offset : header.codestream_end])
    task = Task(source, header.components, path.parent, 8 << 30, LONGEST_WAIT_S)
    return kind.colours(kind.decoder.planes(task))


def check_jpegs(path: Path, expected: Pixels, plans: tuple[Plan, ...]) -> None:
    """Converted in every mode, the JPEG is the other decoder's picture."""
    for plan in plans:
        _, jpeg = convert(path, plan=plan, quality=100)
        with Image.open(jpeg) as image:
            found = np.atleast_3d(np.asarray(image)).astype(float)
        assert found.shape == expected.shape
        psnr = 10 * np.log10(255**2 / np.mean((found - expected) ** 2))
        assert psnr >= LEAST_PSNR_DB, plan


@pytest.mark.needs_tool("ffmpeg", "grk_compress", "grk_decompress", "opj_compress")
@pytest.mark.parametrize("name", KINDS)
def test_every_kind_is_what_another_decoder_makes_of_it(name: str, tmp_path: Path) -> None:
    kind, path = KINDS[name], tmp_path / "image"
    kind.write(path)
    expected = expected_pixels(kind, path)
    assert expected.std() > 10  # there is something to be seen
    for plan in EVERY_PLAN:
        if kind.in_strips or plan.mode is not DecodeMode.STRIPS:
            found = pixels_of(path, plan)
            assert found.shape == expected.shape
            assert np.abs(found.astype(int) - expected).max() <= kind.most, plan
    check_jpegs(path, expected, PLANS if kind.in_strips else PLANS[:2])


@pytest.mark.needs_tool("ffmpeg")
def test_cielab_under_d65_is_what_its_components_of_another_decoder_come_to(tmp_path: Path) -> None:
    path = tmp_path / "image"
    replacing_colour(path, lab_box(100, 0, 254, 127, 254, 127, 0x00443635), pixels=smooth())
    check_jpegs(path, expected_pixels(Kind(lambda path: None, lab_to_srgb), path), PLANS)
