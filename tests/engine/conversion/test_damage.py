"""A damaged file ends in a named cause, in a process that has little memory and little time, and leaves nothing."""

from __future__ import annotations

import random
import struct
from collections.abc import Callable
from pathlib import Path

import pytest

from engine.demo.jp2_boxes import box
from engine.failures import Cause
from tests.support.codestreams import EOC, cod, codestream, jp2, segment, siz, tile_part
from tests.support.jp2_files import Encoding, Wrapping, make_codestream, make_jp2, wide_gamut_profile
from tests.support.limited_process import Outcome, convert_limited

MAY_BE = {Cause.TRUNCATED.value, Cause.CORRUPT.value, Cause.UNSUPPORTED.value}
PEAK_BYTES = 400 * 2**20
"""Of a process that idles at some 60 MB and was given files of a few kilobytes."""


def outcomes_of(files: dict[str, bytes], folder: Path) -> list[Outcome]:
    paths = []
    for name, content in files.items():
        paths.append(folder / name)
        paths[-1].write_bytes(content)
    outcomes = convert_limited(paths, folder)
    assert list((folder / "scratch").iterdir()) == []
    return outcomes


KINDS: dict[str, Callable[[Path], object]] = {
    "untiled": lambda path: make_jp2(path, 150, 110),
    "tiled": lambda path: make_jp2(path, 150, 110, encoding=Encoding(tile=(64, 48))),
    "tile-parts": lambda path: make_jp2(
        path, 150, 110, encoding=Encoding(tile=(64, 48), tile_parts="R", progression="RPCL")
    ),
    "layers, SOP and EPH": lambda path: make_jp2(
        path, 150, 110, encoding=Encoding(ratios=(20, 5, 1), sop=True, eph=True, precinct=64, code_block=32)
    ),
    "lossy with profile": lambda path: make_jp2(
        path,
        150,
        110,
        encoding=Encoding(reversible=False, ratios=(12,)),
        wrapping=Wrapping(icc=wide_gamut_profile()),
    ),
    "raw": lambda path: make_codestream(path, 150, 110),
}


def made(kind: str, folder: Path) -> bytes:
    KINDS[kind](folder / "whole")
    return (folder / "whole").read_bytes()


@pytest.mark.parametrize("kind", KINDS)
def test_no_cut_file_is_ever_converted(tmp_path: Path, kind: str) -> None:
    whole = made(kind, tmp_path)
    cuts = [len(whole) * step // 12 for step in range(1, 12)] + [len(whole) - 3, len(whole) - 40]
    files = {f"{keep}{'+' if end else ''}": whole[:keep] + end for keep in cuts for end in (b"", EOC)}
    for outcome in outcomes_of(files, tmp_path):
        assert outcome.cause in (Cause.TRUNCATED.value, Cause.CORRUPT.value), outcome


def test_a_tile_part_taken_out_is_found(tmp_path: Path) -> None:
    whole = made("tile-parts", tmp_path)
    starts = [at for at in range(len(whole)) if whole.startswith(b"\xff\x90\x00\x0a", at)]
    assert len(starts) > 9
    files = {
        str(start): whole[:start] + whole[start + int.from_bytes(whole[start + 6 : start + 10]) :]
        for start in starts
    }
    for outcome in outcomes_of(files, tmp_path):
        assert outcome.cause in (Cause.TRUNCATED.value, Cause.CORRUPT.value), outcome


SIDE = 65_000
PRECINCTS_OF_A_SAMPLE = segment(0xFF52, struct.pack(">BBHBBBBBBB", 1, 0, 1, 0, 0, 0, 0, 0, 1, 0))

BOMBS = {
    "a terapixel": codestream(siz((0, 0, 10**6, 10**6), (10**6, 10**6))),
    "a terapixel in tiles": codestream(siz((0, 0, 10**6, 10**6), (10**4, 10**4))),
    "four gigapixels, flat": codestream(siz((0, 0, SIDE, SIDE), (SIDE, SIDE))),
    "a sliver of four thousand million rows": codestream(siz((0, 0, 1, 2**32 - 1), (1, 2**32 - 1))),
    "16,384 components": codestream(siz(components=((7, 1, 1),) * 16384)),
    "precincts of a sample": codestream(siz((0, 0, SIDE, SIDE), (SIDE, SIDE)), PRECINCTS_OF_A_SAMPLE),
    "layers without end": codestream(siz((0, 0, 30_000, 9), (1, 9)), cod(layers=65535)),
    "tiles without end": codestream(siz((0, 0, 65535, 1), (1, 1))),
    "boxes in boxes": jp2(codestream(), *[box(b"res ", box(b"res ", b"") * 50)] * 50)[:-9],
    "a box of itself": jp2(codestream(tiles=tile_part(data=b"")))[:-2]
    + struct.pack(">I4s", 8, b"jp2c") * 3000,
    "segments without end": codestream(tiles=tile_part(header=segment(0xFF64, b"") * 90_000)),
}


@pytest.mark.parametrize("name", BOMBS)
def test_a_header_that_promises_the_impossible_costs_nothing(tmp_path: Path, name: str) -> None:
    (outcome,) = outcomes_of({"bomb.jp2": BOMBS[name]}, tmp_path)
    assert outcome.cause in {*MAY_BE, Cause.TOO_LARGE_FOR_JPEG.value, Cause.OUT_OF_MEMORY.value}
    assert outcome.message
    assert outcome.peak_bytes < PEAK_BYTES


def test_a_flat_image_larger_than_memory_is_out_of_memory_and_not_a_crash(tmp_path: Path) -> None:
    (outcome,) = outcomes_of(
        {"flat.j2k": codestream(siz((0, 0, 30_000, 30_000), (30_000, 30_000)))}, tmp_path
    )
    assert outcome.cause == Cause.OUT_OF_MEMORY.value


def spoiled(whole: bytes, dice: random.Random) -> bytes:
    """A few bytes changed: in the headers, which lie at the beginning, or anywhere."""
    content = bytearray(whole)
    reach = dice.choice((260, 260, len(content)))
    for _ in range(dice.randint(1, 3)):
        content[dice.randrange(min(reach, len(content)))] = dice.choice((0, 1, 255, dice.randrange(256)))
    return bytes(content)


@pytest.mark.parametrize("kind", KINDS)
def test_spoiled_bytes_end_in_a_picture_or_a_named_cause(tmp_path: Path, kind: str) -> None:
    """Flipped bits within packets decode in every decoder; what matters here: no crash, no bomb, no hang."""
    whole = made(kind, tmp_path)
    dice = random.Random(kind)
    for outcome in outcomes_of({str(number): spoiled(whole, dice) for number in range(40)}, tmp_path):
        assert outcome.cause in {
            "",
            *MAY_BE,
            Cause.NOT_JPEG2000.value,
            Cause.TOO_LARGE_FOR_JPEG.value,
            Cause.OUT_OF_MEMORY.value,
            Cause.PROOF_FAILED.value,  # spoiled tiles with values far beyond the range
        }, outcome
        assert outcome.cause == "" or outcome.message
