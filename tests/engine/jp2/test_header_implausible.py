"""A header that cannot be true is refused with the facts, at once, before any memory is taken for it."""

from __future__ import annotations

import struct
import time
import tracemalloc
from pathlib import Path

import pytest

from engine.demo.jp2_boxes import SIGNATURE, box
from engine.failures import Cause, Failure, ImageError
from engine.jp2.jp2_file import read_header
from tests.support.codestreams import SOC, cod, codestream, jp2, qcd, segment, siz, tile_part

START = SIGNATURE + box(b"ftyp", b"jp2 \0\0\0\0jp2 ")


def refusal(path: Path, content: bytes) -> Failure:
    path.write_bytes(content)
    with pytest.raises(ImageError) as caught:
        read_header(path)
    return caught.value.failure


def test_the_codestream_written_by_hand_is_read(tmp_path: Path) -> None:
    (tmp_path / "a.j2k").write_bytes(codestream())
    assert read_header(tmp_path / "a.j2k").width == 16
    (tmp_path / "a.jp2").write_bytes(jp2(codestream()))
    assert read_header(tmp_path / "a.jp2").warnings == ()


CORRUPT_SIZES = {
    "no area": (siz(area=(16, 16, 16, 32)), "image area without pixels"),
    "area backwards": (siz(area=(0, 9, 16, 8)), "image area without pixels"),
    "no tile width": (siz(tile=(0, 16)), "tiles of 0 × 16"),
    "tile grid begins inside the image": (siz(tile_origin=(1, 0)), "outside the image area"),
    "first tile is left of the image": (siz(area=(20, 0, 30, 9)), "outside the image area"),
    "no components": (siz(components=()), "claims 0 components"),
    "too many components": (siz(count=16385), "claims 16,385 components"),
    "fewer components than claimed": (siz(count=3), "does not fit 3 components"),
    "no horizontal subsampling": (siz(components=((7, 0, 1),)), "subsampling 0 × 1"),
    "39 bits": (siz(components=((38, 1, 1),)), "39 bits"),
    "component without samples": (siz(area=(1, 0, 4, 16), components=((7, 5, 1),)), "no samples"),
    "too many tiles": (siz(area=(0, 0, 65536, 1), tile=(1, 1)), "65,536 × 1 tiles"),
    "a terapixel": (siz(area=(0, 0, 10**6, 10**6), tile=(10**6, 10**6)), "1,000,000 × 1,000,000 pixels"),
    "all ones": (siz(area=(0, 0, 2**32 - 1, 2**32 - 1), tile=(2**32 - 1, 2**32 - 1)), "4,294,967,295 ×"),
}


@pytest.mark.parametrize("name", CORRUPT_SIZES)
def test_an_impossible_size_is_corrupt(tmp_path: Path, name: str) -> None:
    size, words = CORRUPT_SIZES[name]
    failure = refusal(tmp_path / "a.j2k", codestream(size))
    assert failure.cause is Cause.CORRUPT
    assert words in failure.message


CORRUPT_STYLES = {
    "progression": cod(progression=5),
    "layers": cod(layers=0),
    "levels": cod(levels=33),
    "code-blocks": cod(block=(6, 6)),
    "wavelet": cod(wavelet=7),
    "precinct sizes": cod(style=1, levels=5),
    "too short": segment(0xFF52, b"\0\0\0\1"),
    "QCD marker": cod() + b"\xff\x90",
}


@pytest.mark.parametrize("name", CORRUPT_STYLES)
def test_an_impossible_coding_style_is_corrupt(tmp_path: Path, name: str) -> None:
    failure = refusal(tmp_path / "a.j2k", codestream(None, CORRUPT_STYLES[name]))
    assert failure.cause is Cause.CORRUPT
    assert name in failure.message


def test_a_flat_gigapixel_in_a_few_bytes_is_accepted(tmp_path: Path) -> None:
    side = 40_000
    (tmp_path / "a.j2k").write_bytes(codestream(siz(area=(0, 0, side, side), tile=(side, side))))
    assert read_header(tmp_path / "a.j2k").width == side


def test_samples_beyond_the_decoder_are_unsupported(tmp_path: Path) -> None:
    failure = refusal(tmp_path / "a.j2k", codestream(siz(components=((31, 1, 1),))))
    assert failure.cause is Cause.UNSUPPORTED
    assert "32 bits" in failure.message


def test_capabilities_of_other_parts_are_unsupported_by_name(tmp_path: Path) -> None:
    needs_part_2 = segment(0xFF50, struct.pack(">I", 1 << 30))
    failure = refusal(tmp_path / "a.j2k", codestream(None, None, needs_part_2))
    assert failure.cause is Cause.UNSUPPORTED
    assert "part 2" in failure.message


@pytest.mark.parametrize(
    ("content", "name"),
    [
        (codestream(siz(capabilities=0x8000), cod(wavelet=2)), "wavelet"),
        (codestream(None, cod(wavelet=2), segment(0xFF79, bytes(12))), "ATK"),
        (codestream(siz(capabilities=0x8000), cod(levels=0x81)), "DFS"),
        (codestream(siz(capabilities=0x8000), cod(transform=2)), "component transformation"),
        (codestream(None, None, segment(0xFF72, bytes(4))), "DFS"),
        (codestream(None, None, segment(0xFF76, bytes(4))), "NLT"),
        (codestream(siz(capabilities=0x8000), cod(style=8)), "code-blocks"),
        (codestream(siz(capabilities=0x8000), None, segment(0xFF53, bytes([0, 0, 0, 4, 4, 0, 2]))), "COC"),
    ],
)
def test_extensions_that_are_not_decoded_are_unsupported_by_name(
    tmp_path: Path, content: bytes, name: str
) -> None:
    failure = refusal(tmp_path / "a.j2k", content)
    assert failure.cause is Cause.UNSUPPORTED
    assert name in failure.message


def test_a_fragmented_codestream_is_unsupported_by_name(tmp_path: Path) -> None:
    content = SIGNATURE + box(b"ftyp", b"jpx \0\0\0\0jpx ") + box(b"ftbl", b"")
    failure = refusal(tmp_path / "a.jpx", content)
    assert failure.cause is Cause.UNSUPPORTED
    assert "fragments" in failure.message


@pytest.mark.parametrize("length", range(2, 8))
def test_a_box_length_under_eight_is_corrupt(tmp_path: Path, length: int) -> None:
    failure = refusal(tmp_path / "a.jp2", START + struct.pack(">I4s", length, b"free") + b"\0" * 99)
    assert failure.cause is Cause.CORRUPT
    assert f"impossible length {length}" in failure.message


@pytest.mark.parametrize("length", [0, 1, 15])
def test_a_long_box_length_under_sixteen_is_corrupt(tmp_path: Path, length: int) -> None:
    content = START + struct.pack(">I4sQ", 1, b"free", length) + b"\0" * 99
    assert refusal(tmp_path / "a.jp2", content).cause is Cause.CORRUPT


def test_a_box_length_of_the_whole_number_range_is_truncated(tmp_path: Path) -> None:
    content = START + struct.pack(">I4sQ", 1, b"free", 2**64 - 1) + b"\0" * 99
    assert refusal(tmp_path / "a.jp2", content).cause is Cause.TRUNCATED


def test_endless_boxes_end(tmp_path: Path) -> None:
    began = time.process_time()
    failure = refusal(tmp_path / "a.jp2", START + box(b"free", b"") * 200_000)
    assert time.process_time() - began < 0.5
    assert failure.cause is Cause.CORRUPT
    assert "more than 4,096 boxes" in failure.message


def test_endless_marker_segments_end(tmp_path: Path) -> None:
    began = time.process_time()
    main = SOC + siz() + cod() + qcd() + segment(0xFF64, b"") * 500_000
    failure = refusal(tmp_path / "a.j2k", main + tile_part())
    assert time.process_time() - began < 2
    assert failure.cause is Cause.CORRUPT


@pytest.mark.parametrize("kind", [b"jp2h", b"uuid", b"xml ", b"colr"])
def test_a_large_box_costs_no_memory(tmp_path: Path, kind: bytes) -> None:
    """Half a gigabyte of box, a hole in the file: a reader that takes it in is found out."""
    path = tmp_path / "a.jp2"
    start = START
    size = 2**29
    inside = kind == b"colr"
    opening = struct.pack(">I4s", size + 24, b"jp2h") if inside else b""
    identifier = (
        bytes.fromhex("be7acfcb97a942e89c71999491e3afac") if kind == b"uuid" else b"\x02\x00\x00<x:xmpmeta>"
    )
    with path.open("wb") as out:
        out.write(start + opening + struct.pack(">I4s", size, kind) + identifier)
        out.truncate(len(start) + len(opening) + size)
        out.seek(0, 2)
        out.write(codestream())
    tracemalloc.start()
    try:
        with pytest.raises(ImageError):
            read_header(path)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 4 * 2**20


def test_a_superbox_inside_itself_does_not_recurse(tmp_path: Path) -> None:
    nested = b""
    for _ in range(5000):
        nested = box(b"jp2h", nested)
    failure = refusal(tmp_path / "a.jp2", START + nested + box(b"jp2c", codestream()))
    assert failure.cause is Cause.CORRUPT


def test_every_cut_of_a_header_is_an_image_error(tmp_path: Path) -> None:
    for content in (codestream(), jp2(codestream())):
        for keep in range(1, len(content) - 18):
            assert refusal(tmp_path / "a", content[:keep]).cause in (Cause.TRUNCATED, Cause.NOT_JPEG2000)
