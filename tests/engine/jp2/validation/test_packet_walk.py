"""Every packet is followed: none is missed in a whole file, and none may be missing in another."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest

from engine.failures import Cause, ImageError
from engine.jp2.codestream.main_header import read_main_header
from engine.jp2.codestream.packet_order import PacketWalk, WalkEnd, walk_tile
from engine.jp2.codestream.precincts import precincts_of
from engine.jp2.file_reader import FileReader
from engine.jp2.validation.tile_parts import tile_parts
from tests.support.codestreams import EOC, segment
from tests.support.conversions import convert
from tests.support.decodes import pixels_of
from tests.support.jp2_files import Encoding, Plane, make_codestream, picture, write_codestream
from tests.support.jp2_reads import structure_warnings

ENCODINGS = {
    "one layer": Encoding(),
    "layers": Encoding(ratios=(40, 12, 4, 1)),
    "lossy": Encoding(reversible=False, ratios=(15,)),
    "bypass": Encoding(block_style=1, ratios=(20, 4, 1)),
    "each pass terminated": Encoding(block_style=4, ratios=(20, 4, 1)),
    "bypass, each pass terminated": Encoding(block_style=5),
    "all other styles": Encoding(block_style=2 + 8 + 32),
    "SOP and EPH": Encoding(sop=True, eph=True, ratios=(9, 1)),
    "tiles": Encoding(tile=(64, 48)),
    "odd grids": Encoding(origin=(13, 7), tile=(50, 41), tile_origin=(3, 5), precinct=32, code_block=16),
    "small blocks": Encoding(code_block=4, levels=2),
    "no wavelet": Encoding(levels=0),
    "tile-parts by resolution": Encoding(tile_parts="R", progression="RLCP"),
    "tile-parts by component": Encoding(tile=(100, 100), tile_parts="C", progression="CPRL"),
    "tile-parts by layer": Encoding(tile_parts="L", ratios=(20, 5, 1)),
    **{f"{order} of precincts": Encoding(progression=order, precinct=64, code_block=32, ratios=(8, 1), origin=(5, 9))
       for order in ("LRCP", "RLCP", "RPCL", "PCRL", "CPRL")},
}  # fmt: skip


def walked(path: Path) -> list[PacketWalk]:
    """Every tile, its tile-parts one after the other."""
    with FileReader.open(path) as reader:
        main = read_main_header(reader, 0)
        packets: dict[int, bytes] = {}
        for part in tile_parts(reader, main, reader.size):
            data = reader.read(part.header.data, part.end - part.header.data)
            packets[part.tile] = packets.get(part.tile, b"") + data
    found = []
    for tile, data in packets.items():
        precincts = list(precincts_of(main.size, main.styles, tile))

        def read(offset: int, count: int, data: bytes = data) -> bytes:
            return data[offset : offset + count]

        found.append(walk_tile(read, len(data), precincts, main.styles))
    return found


@pytest.mark.parametrize("name", ENCODINGS)
@pytest.mark.parametrize("subsampled", [False, True])
def test_every_packet_of_a_whole_file_is_found_and_no_byte_left(
    name: str, subsampled: bool, tmp_path: Path
) -> None:
    path = tmp_path / "a.j2k"
    if subsampled:
        full = np.random.default_rng(5).integers(0, 256, (131, 171)).astype(np.uint8)
        half = full[: -(-131 // 2), : -(-171 // 2)]
        planes = [Plane(full), Plane(half, dx=2, dy=2), Plane(half, dx=2, dy=2)]
        if ENCODINGS[name].origin != (0, 0):
            pytest.skip("the sides of subsampled planes are another with an odd origin")
        write_codestream(path, planes, ENCODINGS[name])
    else:
        make_codestream(path, 171, 131, encoding=ENCODINGS[name])
    for tile in walked(path):
        assert tile.end is WalkEnd.ALL_THERE
        assert tile.packets == tile.promised
    structure_warnings(path)


def refused(path: Path, content: bytes) -> ImageError:
    path.write_bytes(content)
    with pytest.raises(ImageError) as caught:
        convert(path)
    return caught.value


@pytest.mark.parametrize("is_length_given", [True, False])
@pytest.mark.parametrize("layers", [(1,), (30, 6, 1)])
def test_a_tile_part_cut_anywhere_is_refused_although_its_length_fits(
    tmp_path: Path, is_length_given: bool, layers: tuple[float, ...]
) -> None:
    path = tmp_path / "a.j2k"
    make_codestream(path, 21, 16, encoding=Encoding(ratios=layers, levels=3))
    whole = path.read_bytes()
    sot = whole.index(b"\xff\x90\x00\x0a")
    data = whole.index(b"\xff\x93", sot) + 2
    for keep in range(data, len(whole) - len(EOC)):
        psot = keep - sot if is_length_given else 0
        cut = whole[: sot + 6] + struct.pack(">I", psot) + whole[sot + 10 : keep] + EOC
        cause = refused(path, cut).failure.cause
        assert cause in (Cause.TRUNCATED, Cause.CORRUPT), keep


def parts_of(path: Path) -> tuple[bytes, list[bytes]]:
    """The main header, and each tile-part."""
    whole = path.read_bytes()
    with FileReader.open(path) as reader:
        main = read_main_header(reader, 0)
        found = [whole[part.start : part.end] for part in tile_parts(reader, main, reader.size)]
    return whole[: main.first_tile_part], found


def numbered(part: bytes, index: int, count: int) -> bytes:
    return part[:10] + bytes([index, count]) + part[12:]


@pytest.mark.parametrize("by", ["R", "L", "C"])
@pytest.mark.parametrize("missing", [0, 1, -1])
def test_a_missing_tile_part_is_found_although_none_gives_their_count(
    tmp_path: Path, by: str, missing: int
) -> None:
    path = tmp_path / "a.j2k"
    order = {"R": "RLCP", "L": "LRCP", "C": "CPRL"}[by]
    make_codestream(path, 171, 131, encoding=Encoding(tile_parts=by, progression=order, ratios=(20, 5, 1)))
    main, parts = parts_of(path)
    assert len(parts) >= 3
    path.write_bytes(main + b"".join(numbered(part, n, 0) for n, part in enumerate(parts)) + EOC)
    structure_warnings(path)
    del parts[missing]
    left = b"".join(numbered(part, n, 0) for n, part in enumerate(parts))
    assert refused(path, main + left + EOC).failure.cause in (Cause.TRUNCATED, Cause.CORRUPT)


def coc_like_cod(main: bytes, component: int, **changes: int) -> bytes:
    """A COC that gives a component the style of COD, except for `changes` of its bytes."""
    at = main.index(b"\xff\x52")
    length = int.from_bytes(main[at + 2 : at + 4])
    style = bytearray(main[at + 9 : at + 2 + length])
    for place, value in changes.items():
        style[("levels", "xcb", "ycb").index(place)] = value
    return segment(0xFF53, bytes([component, main[at + 4] & 1]) + bytes(style))


def test_a_component_of_its_own_style_counts_with_its_own(tmp_path: Path) -> None:
    path = tmp_path / "a.j2k"
    make_codestream(path, 171, 131, encoding=Encoding(levels=3, component_transform=False))
    main, parts = parts_of(path)
    in_main = main + coc_like_cod(main, 1) + b"".join(parts) + EOC
    path.write_bytes(in_main)
    structure_warnings(path)
    assert np.array_equal(pixels_of(path), picture(171, 131, 3))
    other_levels = main + coc_like_cod(main, 1, levels=4) + b"".join(parts) + EOC
    assert "packets" in refused(path, other_levels).failure.message
    own = coc_like_cod(main, 2)
    (part,) = parts
    in_tile = (
        numbered(part, 0, 1)[:6] + struct.pack(">I", len(part) + len(own)) + part[10:12] + own + part[12:]
    )
    path.write_bytes(main + in_tile + EOC)
    structure_warnings(path)


def test_bytes_after_the_last_packet_are_a_warning_if_they_are_zeros_and_corrupt_if_not(
    tmp_path: Path,
) -> None:
    path = tmp_path / "a.j2k"
    make_codestream(path, 60, 40)
    main, (part,) = parts_of(path)
    for rest in (bytes(9), b"packets!"):
        longer = part[:6] + struct.pack(">I", len(part) + len(rest)) + part[10:] + rest
        path.write_bytes(main + longer + EOC)
        if rest.strip(b"\0"):
            assert "8 bytes are left after the last" in refused(path, path.read_bytes()).failure.message
        else:
            assert structure_warnings(path) == ("tiles in which zeros follow the last packet: 1",)


@pytest.mark.parametrize(
    "wrong", [b"\xff\x7f\xff\x7f\xff\x7f\xff\x7f\xff\x7f\xff\x7f", bytes(range(128, 140))]
)
def test_what_is_no_packet_header_is_never_taken_for_a_picture(tmp_path: Path, wrong: bytes) -> None:
    path = tmp_path / "a.j2k"
    make_codestream(path, 171, 131)
    main, (part,) = parts_of(path)
    spoilt = part[:14] + wrong + part[14 + len(wrong) :]
    assert refused(path, main + spoilt + EOC).failure.cause in (Cause.TRUNCATED, Cause.CORRUPT)
