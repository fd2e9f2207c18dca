"""Every decode mode makes the same pixels of the same lossless file, and refuses the same damaged ones."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest

from engine.failures import Cause, ImageError
from engine.jp2.codestream.features import CodestreamFeatures
from engine.jp2.decoding.colour import plan_colour
from engine.jp2.decoding.decode import decoded, possible_mode, strip_edges
from engine.jp2.decoding.openjpeg import DecoderMessages
from engine.jp2.decoding.pixels import pixel_grid
from engine.jp2.jp2_file import Jp2File, read_header
from engine.messages import DecodeMode, Plan
from tests.support.decodes import EVERY_PLAN, on_the_grid, pixels_of, ycc_to_rgb
from tests.support.jp2_files import Encoding, Plane, cut, make_jp2, picture, write_codestream


def tile_parts(codestream: bytes) -> tuple[bytes, list[bytes], bytes]:
    """The main header, the tile-parts as they lie (ISO/IEC 15444-1 A.4.2), and what follows them."""
    at = start = codestream.index(b"\xff\x90")
    parts: list[bytes] = []
    while codestream[at : at + 2] == b"\xff\x90":
        (length,) = struct.unpack_from(">I", codestream, at + 6)
        parts.append(codestream[at : at + length])
        at += length
    return codestream[:start], parts, codestream[at:]


def reordered(path: Path, by_part_first: bool, reverse: bool = False) -> Path:
    """The file with its tile-parts in another order: first parts of all tiles, then second ones …"""
    head, parts, tail = tile_parts(path.read_bytes())

    def place(part: bytes) -> tuple[int, int]:
        tile, number = struct.unpack_from(">H", part, 4)[0], part[10]
        tile = -tile if reverse else tile
        return (number, tile) if by_part_first else (tile, number)

    ordered: list[bytes] = sorted(parts, key=place)
    path.write_bytes(head + b"".join(ordered) + tail)
    return path


def tiled(path: Path, tile_parts_by: str = "R") -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    pixels = picture(200, 150)
    encoding = Encoding(tile=(64, 64), tile_parts=tile_parts_by, progression="RLCP", levels=3)
    write_codestream(path, [Plane(pixels[:, :, c]) for c in range(3)], encoding)
    return pixels


@pytest.mark.parametrize("reverse", [False, True])
def test_tile_parts_of_several_tiles_that_alternate(reverse: bool, tmp_path: Path) -> None:
    pixels = tiled(tmp_path / "a.j2k")
    path = reordered(tmp_path / "a.j2k", by_part_first=True, reverse=reverse)
    for plan in EVERY_PLAN:
        assert np.array_equal(pixels_of(path, plan), pixels), plan


def test_tiles_in_reverse_order(tmp_path: Path) -> None:
    pixels = tiled(tmp_path / "a.j2k", "")
    path = reordered(tmp_path / "a.j2k", by_part_first=False, reverse=True)
    for plan in EVERY_PLAN:
        assert np.array_equal(pixels_of(path, plan), pixels), plan


@pytest.mark.parametrize("strip_rows", [1, 7, 64, 5000])
def test_strips_of_any_height(strip_rows: int, tmp_path: Path) -> None:
    pixels = make_jp2(tmp_path / "a.jp2", 70, 130)
    out = pixels_of(tmp_path / "a.jp2", Plan(DecodeMode.STRIPS, strip_rows=strip_rows))
    assert np.array_equal(out, pixels)


def test_strips_cut_no_sample_of_a_subsampled_component(tmp_path: Path) -> None:
    y, chroma = picture(60, 97, 1), picture(30, 49, 1)
    planes = [Plane(y[:95]), Plane(chroma[:47, :30], dx=2, dy=2), Plane(chroma[:47, :30], dx=2, dy=2)]
    write_codestream(tmp_path / "a.j2k", planes, Encoding(origin=(0, 1), levels=2))
    header = read_header(tmp_path / "a.j2k")
    edges = strip_edges(header, pixel_grid(header), 33)
    assert edges[0][0] == header.grid.y0
    assert edges[-1][1] == header.grid.y1
    assert all(top % 2 == 0 for top, _ in edges[1:])


def test_tiles_whose_edges_cut_samples_are_decoded_whole(tmp_path: Path) -> None:
    full = picture(120, 90)
    planes = [Plane(full[:, :, 0]), *(Plane(full[::2, ::2, c], dx=2, dy=2) for c in (1, 2))]
    for width, mode in ((64, DecodeMode.TILES), (63, DecodeMode.WHOLE)):
        write_codestream(tmp_path / "a.j2k", planes, Encoding(tile=(width, 64), levels=2))
        assert possible_mode(read_header(tmp_path / "a.j2k"), DecodeMode.TILES) is mode


def luma_and_chroma(
    path: Path,
    width: int,
    height: int,
    origin: tuple[int, int] = (0, 0),
    tile: tuple[int, int] | None = None,
    dy: int = 2,
) -> Path:
    """A codestream of three components, the second and third subsampled by two across and by dy down."""
    (x0, y0), full = origin, picture(width, height)
    columns, rows = -(-(x0 + width) // 2) - -(-x0 // 2), -(-(y0 + height) // dy) - -(-y0 // dy)
    chroma = picture(columns, rows, seed=4)
    planes = [Plane(full[:, :, 0]), *(Plane(chroma[:, :, c], dx=2, dy=dy) for c in (1, 2))]
    write_codestream(path, planes, Encoding(origin=origin, tile=tile, levels=2))
    return path


@pytest.mark.parametrize("tile", [(101, 101), (64, 33), (300, 63), (101, 64)])
@pytest.mark.parametrize("strip_rows", [16, 64, 130])
def test_tiled_image_in_several_strips(tile: tuple[int, int], strip_rows: int, tmp_path: Path) -> None:
    path = luma_and_chroma(tmp_path / "a.j2k", 150, 300, tile=tile)
    header = read_header(path)
    assert possible_mode(header, DecodeMode.STRIPS) is DecodeMode.STRIPS
    assert len(strip_edges(header, pixel_grid(header), strip_rows)) > 1
    expected = pixels_of(path, Plan(DecodeMode.WHOLE))
    assert np.array_equal(pixels_of(path, Plan(DecodeMode.STRIPS, strip_rows=strip_rows)), expected)


def test_strips_are_of_whole_rows_of_tiles_if_they_can_be(tmp_path: Path) -> None:
    path = luma_and_chroma(tmp_path / "a.j2k", 64, 300, tile=(63, 50))
    header = read_header(path)
    edges = [(0, 100), (100, 200), (200, 300)]
    assert strip_edges(header, pixel_grid(header), 140) == edges


@pytest.mark.parametrize("dy", [2, 3])
def test_first_strip_has_rows_of_every_component(dy: int, tmp_path: Path) -> None:
    path = luma_and_chroma(tmp_path / "a.j2k", 60, 200, origin=(0, 24 * dy - 1), dy=dy)
    header = read_header(path)
    edges = strip_edges(header, pixel_grid(header), 24)
    assert edges[0] == (24 * dy - 1, 24 * dy + 24)
    expected = pixels_of(path, Plan(DecodeMode.WHOLE))
    assert np.array_equal(pixels_of(path, Plan(DecodeMode.STRIPS, strip_rows=24)), expected)


@pytest.mark.parametrize("origin", [(0, 63), (63, 0), (63, 63)])
def test_tiles_without_a_sample_of_some_component(origin: tuple[int, int], tmp_path: Path) -> None:
    path = luma_and_chroma(tmp_path / "a.j2k", 120, 200, origin=origin, tile=(64, 64))
    header = read_header(path)
    chroma = picture(header.components[1].width, header.components[1].height, seed=4)
    cb, cr = (on_the_grid(chroma[:, :, c], header, c) for c in (1, 2))
    expected = ycc_to_rgb(picture(120, 200)[:, :, 0], cb, cr)
    assert np.array_equal(pixels_of(path, Plan(DecodeMode.TILES)), expected)


def test_strips_of_a_tiled_image_are_its_tiles(tmp_path: Path) -> None:
    make_jp2(tmp_path / "a.jp2", encoding=Encoding(tile=(64, 64)))
    assert possible_mode(read_header(tmp_path / "a.jp2"), DecodeMode.STRIPS) is DecodeMode.TILES


@pytest.mark.parametrize("encoding", [Encoding(), Encoding(tile=(64, 64)), Encoding(tile=(64, 64), plt=True)])
@pytest.mark.parametrize("keep", [0.5, 0.9, 0.99])
def test_truncated_file_fails_in_every_mode(encoding: Encoding, keep: float, tmp_path: Path) -> None:
    make_jp2(tmp_path / "a.jp2", encoding=encoding)
    for plan in EVERY_PLAN:
        with Jp2File.open(tmp_path / "a.jp2") as file:
            colour_plan = plan_colour(file.header)
            content = (tmp_path / "a.jp2").read_bytes()
            cut(tmp_path / "a.jp2", keep)
            with (
                pytest.raises(ImageError) as failed,
                decoded(file, CodestreamFeatures(), plan, colour_plan, DecoderMessages(), tmp_path / "px"),
            ):
                pass
        assert failed.value.failure.cause in (Cause.TRUNCATED, Cause.CORRUPT)
        assert not (tmp_path / "px").exists()
        (tmp_path / "a.jp2").write_bytes(content)


def test_file_that_was_changed_after_its_header_was_read_is_not_decoded(tmp_path: Path) -> None:
    make_jp2(tmp_path / "a.jp2", 64, 64)
    with Jp2File.open(tmp_path / "a.jp2") as file:
        colour_plan = plan_colour(file.header)
        make_jp2(tmp_path / "a.jp2", 64, 64, channels=1)
        with (
            pytest.raises(ImageError, match="did the file change"),
            decoded(
                file, CodestreamFeatures(), EVERY_PLAN[0], colour_plan, DecoderMessages(), tmp_path / "px"
            ),
        ):
            pass


def test_pixel_file_is_gone_whatever_happens(tmp_path: Path) -> None:
    make_jp2(tmp_path / "a.jp2")
    plan = Plan(DecodeMode.STRIPS, pixels_on_disk=True)
    with (
        pytest.raises(RuntimeError),
        Jp2File.open(tmp_path / "a.jp2") as file,
        decoded(
            file, CodestreamFeatures(), plan, plan_colour(file.header), DecoderMessages(), tmp_path / "px"
        ) as made,
    ):
        assert made.pixels.nbytes == (tmp_path / "px").stat().st_size
        raise RuntimeError("the encoder gave up")
    assert not (tmp_path / "px").exists()
