"""A tile needs a byte a packet at least, and its packets are counted as the encoder counts them."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest

from engine.failures import Cause, ImageError
from engine.jp2.codestream.main_header import MainHeader, read_main_header
from engine.jp2.codestream.marker_segments import Marker, segments
from engine.jp2.codestream.precincts import levels_of
from engine.jp2.file_reader import FileReader
from engine.jp2.validation.packets import sum_of_lengths
from tests.support.codestreams import EOC, cod, codestream, segment, siz, tile_part
from tests.support.jp2_files import Encoding, Plane, make_codestream, write_codestream
from tests.support.jp2_reads import main_header_of, structure_warnings

ENCODINGS = {
    "one packet a resolution": Encoding(plt=True),
    "layers": Encoding(plt=True, ratios=(20, 8, 1)),
    "precincts": Encoding(plt=True, precinct=64, code_block=32),
    "small precincts": Encoding(plt=True, precinct=32, code_block=16, levels=3),
    "tiles": Encoding(plt=True, tile=(64, 48)),
    "tiles and precincts": Encoding(plt=True, tile=(100, 90), precinct=64, code_block=32, levels=2),
    "odd origins": Encoding(
        plt=True, origin=(5, 7), tile=(64, 64), tile_origin=(3, 2), precinct=32, code_block=16
    ),
    "no decomposition": Encoding(plt=True, levels=0, precinct=64, code_block=32),
}


def packets_listed(path: Path) -> dict[int, int]:
    """How many packet lengths the PLT markers list, by tile: one tile-part each."""
    listed: dict[int, int] = {}
    with FileReader.open(path) as reader:
        position = read_main_header(reader, 0).first_tile_part
        while (head := reader.read(position, 12))[:2] == Marker.SOT.to_bytes(2):
            tile, psot = struct.unpack(">HI", head[4:10])
            for part in segments(reader, position + 12):
                lengths = reader.read(part.offset + 5, part.length - 3)
                listed[tile] = listed.get(tile, 0) + sum(1 for byte in lengths if byte < 0x80)
            position += psot
    return listed


def packets_counted(main: MainHeader, tile: int) -> int:
    """Layers times the precincts of every resolution of every component (B.6, equation B-16)."""
    return main.style.layers * sum(level.precincts for level in levels_of(main.size, main.styles, tile))


@pytest.mark.parametrize("name", ENCODINGS)
@pytest.mark.parametrize("subsampled", [False, True])
def test_packets_are_counted_as_the_encoder_counts_them(tmp_path: Path, name: str, subsampled: bool) -> None:
    path = tmp_path / "a.j2k"
    if subsampled:
        full, half = np.full((131, 171), 90, np.uint8), np.full((66, 86), 50, np.uint8)
        write_codestream(path, [Plane(full), Plane(half, dx=2, dy=2)], ENCODINGS[name])
    else:
        make_codestream(path, 171, 131, channels=1, encoding=ENCODINGS[name])
    main = main_header_of(path)
    listed = packets_listed(path)
    assert listed
    assert {tile: packets_counted(main, tile) for tile in listed} == listed
    structure_warnings(path)


def refusal(path: Path, content: bytes) -> ImageError:
    path.write_bytes(content)
    with pytest.raises(ImageError) as caught:
        structure_warnings(path)
    return caught.value


def cut_with_length_corrected(whole: bytes, keep: int) -> bytes:
    """The only tile-part of a codestream cut, its Psot made to fit, an end marker pasted on."""
    sot = whole.index(b"\xff\x90\x00\x0a")
    return whole[: sot + 6] + struct.pack(">I", keep - sot) + whole[sot + 10 : keep] + EOC


def test_a_tile_part_cut_and_its_length_corrected_is_found_by_its_packet_lengths(tmp_path: Path) -> None:
    path = tmp_path / "a.j2k"
    make_codestream(path, 171, 131, encoding=Encoding(plt=True))
    whole = path.read_bytes()
    for keep in range(400, len(whole) - 2, 777):
        assert refusal(path, cut_with_length_corrected(whole, keep)).failure.cause is Cause.CORRUPT


def test_a_tile_with_fewer_bytes_than_packets_is_truncated(tmp_path: Path) -> None:
    fits = codestream(None, cod(levels=2, layers=5), tiles=tile_part(data=bytes(15)))
    short = codestream(None, cod(levels=2, layers=5), tiles=tile_part(data=bytes(14)))
    (tmp_path / "a.j2k").write_bytes(fits)
    structure_warnings(tmp_path / "a.j2k")
    failure = refusal(tmp_path / "a.j2k", short).failure
    assert failure.cause is Cause.TRUNCATED
    assert "14 bytes for 15 packets" in failure.message


def test_a_header_that_promises_precincts_without_end_is_found_before_decoding(tmp_path: Path) -> None:
    side = 40_000
    precincts_of_a_sample = segment(0xFF52, struct.pack(">BBHBBBBBBB", 1, 0, 1, 0, 0, 0, 0, 0, 1, 0))
    content = codestream(siz((0, 0, side, side), (side, side)), precincts_of_a_sample)
    assert "1,600,000,000 packets" in str(refusal(tmp_path / "a.j2k", content))


def test_a_tile_with_a_coding_style_of_its_own_is_not_checked_against_the_main_one(tmp_path: Path) -> None:
    own = tile_part(header=cod(), data=b"\0")
    (tmp_path / "a.j2k").write_bytes(codestream(None, cod(layers=500), tiles=own))
    structure_warnings(tmp_path / "a.j2k")


@pytest.mark.parametrize(
    ("data", "total"), [(b"", 0), (b"\x05\x07", 12), (b"\x85\x00", 640), (b"\x81\x80\x01\x02", 16387)]
)
def test_packet_lengths_are_added_up(data: bytes, total: int) -> None:
    assert sum_of_lengths(data) == total
