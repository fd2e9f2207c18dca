"""The pictures equal the reference decoder's, for every kind of file it accepts and we do not refuse for cause."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from engine.failures import Cause, ImageError
from engine.jp2.decoding.colour import ColourModel, plan_colour
from engine.jp2.decoding.openjpeg import glymur_calls
from engine.jp2.header import Header
from engine.jp2.jp2_file import read_header
from tests.support.decodes import EVERY_PLAN, on_the_grid, pixels_of, to_8_bits, ycc_to_rgb
from tests.support.jp2_files import Encoding, Plane, Wrapping, picture, write_codestream, write_jp2
from tests.support.reference_decoder import opj_decompress, read_ppm, reference_planes
from tests.support.system_tools import system_tool
from tests.support.waiting import LONGEST_WAIT_S

needs_reference = pytest.mark.needs_tool("opj_decompress")

REFUSED_FOR_CAUSE = {"p0_05.j2k", "p0_06.j2k", "p0_13.j2k", "p1_03.j2k", "p1_07.j2k"}
"""Raw codestreams of 2, 4 and 257 components, of which nothing says what they are."""


def expected_pixels(
    path: Path, header: Header, folder: Path
) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    """Made from the reference decoder's samples; colour channels in the order the header gives them."""
    planes = reference_planes(path, folder)
    assert planes is not None, "the reference decoder refuses this file"
    plan = plan_colour(header)
    if header.palette is not None:
        table = np.array(header.palette.table)
        return to_8_bits(table[planes[0]], header.palette.bits[0])
    order = [channel.component for channel in plan.colours]
    spread = [on_the_grid(planes[index], header, index) for index in order]
    if plan.model is ColourModel.YCC:
        return ycc_to_rgb(spread[0], spread[1], spread[2], header.components[0].bits)
    parts = [header.components[index] for index in order]
    return np.stack([to_8_bits(s, p.bits, p.signed) for s, p in zip(spread, parts, strict=True)], axis=-1)


def assert_like_reference(path: Path, folder: Path) -> None:
    header = read_header(path)
    expected = expected_pixels(path, header, folder)
    for plan in EVERY_PLAN:
        pixels = pixels_of(path, plan)
        assert pixels.shape == expected.shape
        assert np.abs(pixels.astype(int) - expected).max() <= 1, plan
    if plan_colour(header).model is not ColourModel.YCC:
        assert np.array_equal(pixels_of(path), expected)


def conformance_names() -> list[str]:
    stems = ["e2_colr.j2c", "f2_mono.j2c", *(f"file{n}.jp2" for n in range(1, 10)), "subsampling_1.jp2"]
    profiles = ["p0_01", "p0_04", "p0_05", "p0_06", "p0_10", "p0_13", "p1_01", "p1_03", "p1_05", "p1_07"]
    return stems + [f"{name}.j2k" for name in profiles]


def copied(name: str, conformance: Path, folder: Path) -> Path:
    """A copy of the conformance file; skips the test if it is not among those here."""
    path = conformance / name
    if not path.exists():
        pytest.skip(f"{name} is not among the conformance files here")
    return Path(shutil.copy(path, folder / name))


@needs_reference
@pytest.mark.parametrize("name", [name for name in conformance_names() if name not in REFUSED_FOR_CAUSE])
def test_conformance_file_is_decoded_like_the_reference(name: str, conformance: Path, tmp_path: Path) -> None:
    assert_like_reference(copied(name, conformance, tmp_path), tmp_path)


@pytest.mark.parametrize("name", sorted(REFUSED_FOR_CAUSE))
def test_conformance_file_whose_channels_have_no_names_is_refused(
    name: str, conformance: Path, tmp_path: Path
) -> None:
    with pytest.raises(ImageError) as refused:
        plan_colour(read_header(copied(name, conformance, tmp_path)))
    assert refused.value.failure.cause is Cause.UNSUPPORTED
    assert "channels, and nothing says what they are" in refused.value.failure.message


def test_every_conformance_file_here_is_known_to_this_test(conformance: Path) -> None:
    here = {path.name for path in conformance.iterdir() if path.suffix in (".jp2", ".j2k", ".j2c")}
    assert here <= set(conformance_names())


Maker = Callable[[Path], None]


def _of_bits(bits: int, signed: bool, channels: int) -> Maker:
    def make(path: Path) -> None:
        pixels = picture(97, 61, channels, min(bits, 16), seed=bits)
        stack = pixels.reshape(61, 97, channels).astype(np.int64)
        if bits > 16:
            stack = stack << (bits - 16) | stack >> (32 - bits)
        if signed:
            stack = stack - (1 << (bits - 1))
        write_jp2(path, [Plane(stack[:, :, c], bits, signed) for c in range(channels)])

    return make


def _subsampled(factors: tuple[tuple[int, int], ...], origin: tuple[int, int], tile: bool = False) -> Maker:
    def make(path: Path) -> None:
        full = picture(120, 90, len(factors), seed=3)
        planes = []
        for index, (dx, dy) in enumerate(factors):
            columns = -(-(origin[0] + 120) // dx) - -(-origin[0] // dx)
            rows = -(-(origin[1] + 90) // dy) - -(-origin[1] // dy)
            samples = full[:rows, :columns, index] if full.ndim == 3 else full[:rows, :columns]
            planes.append(Plane(samples, dx=dx, dy=dy))
        encoding = Encoding(origin=origin, tile=(64, 48) if tile else None, levels=3)
        write_codestream(path, planes, encoding)

    return make


def _encoded(encoding: Encoding, wrapping: Wrapping | None = None, channels: int = 3) -> Maker:
    return lambda path: write_jp2(path, picture(151, 113, channels), encoding, wrapping)


KINDS: dict[str, Maker] = {
    **{f"{bits} bits": _of_bits(bits, False, 1) for bits in (*range(1, 17), 20, 24)},
    **{f"{bits} bits signed": _of_bits(bits, True, 1) for bits in (2, 7, 8, 11, 12, 16, 20)},
    **{f"{bits} bits RGB": _of_bits(bits, signed, 3) for bits, signed in ((1, False), (12, False), (16, True))},
    "4:2:0": _subsampled(((1, 1), (2, 2), (2, 2)), (0, 0)),
    "4:2:2": _subsampled(((1, 1), (2, 1), (2, 1)), (0, 0)),
    "4:4:0": _subsampled(((1, 1), (1, 2), (1, 2)), (0, 0)),
    "4:1:1": _subsampled(((1, 1), (4, 1), (4, 1)), (0, 0)),
    "4:2:0 from an odd origin": _subsampled(((1, 1), (2, 2), (2, 2)), (7, 5)),
    "4:2:0 in tiles": _subsampled(((1, 1), (2, 2), (2, 2)), (0, 0), tile=True),
    "4:2:0 in tiles from an odd origin": _subsampled(((1, 1), (2, 2), (2, 2)), (3, 9), tile=True),
    "components that differ": _subsampled(((2, 1), (1, 2), (1, 1)), (0, 0)),
    "components that differ in tiles": _subsampled(((1, 3), (2, 1), (1, 1)), (5, 0), tile=True),
    "all subsampled": _subsampled(((2, 2), (2, 2), (2, 2)), (1, 3)),
    "a grey of oblong pixels": _subsampled(((2, 1),), (0, 0)),
    **{f"{order} with layers": _encoded(Encoding(progression=order, ratios=(20, 5, 1))) for order in
       ("LRCP", "RLCP", "RPCL", "PCRL", "CPRL")},
    "tile-parts by resolution": _encoded(Encoding(tile=(64, 64), tile_parts="R", progression="RLCP")),
    "tile-parts by component": _encoded(Encoding(tile=(64, 64), tile_parts="C", progression="CPRL")),
    "odd grids": _encoded(Encoding(origin=(13, 7), tile=(50, 41), tile_origin=(3, 5))),
    "lossy": _encoded(Encoding(reversible=False, ratios=(15,))),
    "lossy in tiles": _encoded(Encoding(reversible=False, ratios=(15,), tile=(64, 64))),
    "precincts, SOP, EPH, PLT, TLM": _encoded(
        Encoding(precinct=64, sop=True, eph=True, plt=True, tlm=True, tile=(100, 100))
    ),
    "no wavelet": _encoded(Encoding(levels=0)),
    "box of 64-bit length": _encoded(Encoding(), Wrapping(codestream_length="extended")),
    "box of zero length": _encoded(Encoding(), Wrapping(codestream_length="zero")),
    "boxes after the codestream": _encoded(Encoding(), Wrapping(trailing_boxes=(b"\0\0\0\x0cfree1234",))),
    "colours in another order": _encoded(Encoding(), Wrapping(channels=((0, 0, 3), (1, 0, 1), (2, 0, 2)))),
    "sYCC": _encoded(Encoding(), Wrapping(colour="sycc")),
}  # fmt: skip


@needs_reference
@pytest.mark.parametrize("kind", KINDS)
def test_generated_file_is_decoded_like_the_reference(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "generated"
    KINDS[kind](path)
    assert_like_reference(path, tmp_path)


@needs_reference
def test_components_of_different_precision_each_use_their_full_range(tmp_path: Path) -> None:
    full = picture(80, 60, 3, 8).astype(np.int64)
    planes = [
        Plane(full[:, :, 0] >> 3, 5),
        Plane(full[:, :, 1] * 257, 16),
        Plane(full[:, :, 2] - 128, 8, True),
    ]
    write_jp2(tmp_path / "mixed.jp2", planes)
    assert_like_reference(tmp_path / "mixed.jp2", tmp_path)


@needs_reference
@pytest.mark.parametrize("name", ["file2.jp2", "file3.jp2", "subsampling_1.jp2"])
def test_ycc_is_as_near_to_the_reference_decoders_rgb_as_its_truncation_allows(
    name: str, conformance: Path, tmp_path: Path
) -> None:
    opj_decompress(conformance / name, tmp_path / "rgb.ppm")
    path = tmp_path / name
    shutil.copy(conformance / name, path)
    # It truncates products towards zero where we round: up to two codes in green.
    assert np.abs(pixels_of(path).astype(int) - read_ppm(tmp_path / "rgb.ppm")).max() <= 2


@pytest.mark.needs_tool("opj_compress", "opj_decompress")
@pytest.mark.parametrize("options", [(), ("-t", "40,40"), ("-I", "-r", "10"), ("-n", "3", "-p", "RPCL")])
def test_files_of_the_reference_encoder(options: tuple[str, ...], tmp_path: Path) -> None:
    pixels = picture(131, 77)
    (tmp_path / "in.ppm").write_bytes(b"P6\n131 77\n255\n" + pixels.tobytes())
    path = tmp_path / "made.jp2"
    arguments = [system_tool("opj_compress"), "-i", str(tmp_path / "in.ppm"), "-o", str(path), *options]
    subprocess.run(arguments, capture_output=True, timeout=LONGEST_WAIT_S, check=True)
    assert_like_reference(path, tmp_path)


def made_by_glymur(path: Path) -> NDArray[np.uint8]:
    """Writes a JP2 with glymur's own encoder; its pixels."""
    glymur_calls()  # gives glymur the library of Pillow's wheel; it needs one of the system's otherwise
    import glymur

    pixels = picture(99, 66)
    glymur.Jp2k(path, data=pixels, tilesize=(32, 32))
    return pixels


@pytest.mark.system_openjpeg
def test_files_of_glymur(tmp_path: Path) -> None:
    pixels = made_by_glymur(tmp_path / "made.jp2")
    assert np.array_equal(pixels_of(tmp_path / "made.jp2"), pixels)


@needs_reference
def test_files_of_glymur_are_decoded_like_the_reference(tmp_path: Path) -> None:
    made_by_glymur(tmp_path / "made.jp2")
    assert_like_reference(tmp_path / "made.jp2", tmp_path)
