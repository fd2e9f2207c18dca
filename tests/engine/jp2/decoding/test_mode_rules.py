"""Every way of decoding makes the pixels that whole decoding makes, or is not used, whatever the codestream has."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from dataclasses import replace
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from msgspec import structs
from numpy.typing import NDArray
from PIL import Image

from engine.demo.jp2_encoder import ProgressionChange
from engine.failures import Cause, ImageError
from engine.jp2.codestream.features import CodestreamFeatures
from engine.jp2.decoding.mode_rules import DecodeWay, fault_of
from engine.jp2.jp2_file import Jp2File, read_header
from engine.jp2.survey import survey, survey_source
from engine.jp2.validation.validate import check_structure
from engine.memory.prediction import DoesNotFit, choose_plan, plans
from engine.messages import DecodeMode, Plan, Surveyed, SurveyRequest
from tests.engine.jp2.validation.test_high_throughput import HIGH_THROUGHPUT
from tests.support.decodes import EVERY_PLAN, pixels_of
from tests.support.jp2_files import Encoding, picture
from tests.support.jp2_reads import structure_warnings
from tests.support.odd_codestreams import (
    Codestream,
    Part,
    encoded,
    split,
    true_entries,
    with_packed_headers,
    with_tlm,
)

ADOBE = Encoding(tile=(128, 128), tile_parts="R", progression="RLCP", levels=5)
"""A tile-part for each resolution, as Adobe's plug-in writes them."""


def check_every_plan(codestream: Codestream, pixels: NDArray[np.uint8], path: Path) -> tuple[str, ...]:
    path.write_bytes(codestream.to_bytes())
    for plan in EVERY_PLAN:
        assert np.array_equal(pixels_of(path, plan), pixels), plan
    return structure_warnings(path)


def by_part_first(codestream: Codestream) -> Codestream:
    return replace(
        codestream, parts=tuple(sorted(codestream.parts, key=lambda part: (part.index, part.tile)))
    )


STATED_COUNTS: dict[str, Callable[[Part], int]] = {
    "one too few": lambda part: part.count - 1,
    "one too few, in the last only": lambda part: part.count - 1 if part.index == part.count - 1 else 0,
    "one too few, in the first only": lambda part: part.count - 1 if part.index == 0 else 0,
    "right, in the last only": lambda part: part.count if part.index == part.count - 1 else 0,
    "right, in the first only": lambda part: part.count if part.index == 0 else 0,
    "right, in a middle one only": lambda part: part.count if part.index == 3 else 0,
    "nowhere": lambda part: 0,
    "far too few": lambda part: 1,
    "growing": lambda part: part.index + 1,
    "right and too few": lambda part: part.count - part.tile % 2,
}


@pytest.mark.parametrize("alternating", [False, True], ids=["tile after tile", "alternating"])
@pytest.mark.parametrize("tile", [(128, 128), None], ids=["tiled", "untiled"])
@pytest.mark.parametrize("stated", STATED_COUNTS)
def test_more_tile_parts_than_are_stated(
    stated: str, tile: tuple[int, int] | None, alternating: bool, tmp_path: Path
) -> None:
    good, pixels = encoded(tmp_path, replace(ADOBE, tile=tile))
    assert max(part.count for part in good.parts) == 6
    odd = good.with_parts(lambda part: replace(part, count=STATED_COUNTS[stated](part)))
    odd = by_part_first(odd) if alternating else odd
    warnings = check_every_plan(odd, pixels, tmp_path / "odd.j2k")
    is_wrong = any(0 < part.count < 6 for part in odd.parts)
    assert any("more tile-parts than they state" in warning for warning in warnings) == is_wrong


def test_a_stated_tile_part_that_is_missing_is_still_refused(tmp_path: Path) -> None:
    good, _ = encoded(tmp_path, ADOBE)
    (tmp_path / "odd.j2k").write_bytes(replace(good, parts=good.parts[:-1]).to_bytes())
    with pytest.raises(ImageError) as refused:
        structure_warnings(tmp_path / "odd.j2k")
    assert refused.value.failure.cause is Cause.TRUNCATED


LISTS: dict[str, Callable[[list[tuple[int, int]]], list[tuple[int, int]]]] = {
    "right": lambda entries: entries,
    "wrong lengths": lambda e: [(tile, length + (3 if n % 2 else -3)) for n, (tile, length) in enumerate(e)],
    "first and last tile exchanged": lambda e: [(e[-1][0], e[0][1]), *e[1:-1], (e[0][0], e[-1][1])],
    "without SOT": lambda entries: [(tile, length - 12) for tile, length in entries],
    "too short a list": lambda entries: entries[:-1],
    "nothing but zeros": lambda entries: [(0, 0) for _ in entries],
}


@pytest.mark.parametrize("listed", LISTS)
@pytest.mark.parametrize("parts", ["", "R"], ids=["a tile-part a tile", "a tile-part a resolution"])
def test_a_list_of_lengths_that_is_wrong(listed: str, parts: str, tmp_path: Path) -> None:
    good, pixels = encoded(tmp_path, Encoding(tile=(64, 64), levels=3, tile_parts=parts, progression="RLCP"))
    odd = with_tlm(good, LISTS[listed](true_entries(good)))
    warnings = check_every_plan(odd, pixels, tmp_path / "odd.j2k")
    assert any("TLM" in warning for warning in warnings) == (listed != "right")


@pytest.mark.parametrize("in_main_header", [False, True], ids=["PPT", "PPM"])
@pytest.mark.parametrize("tile", [None, (64, 64)], ids=["untiled", "tiled"])
@pytest.mark.parametrize("parts", ["", "R"], ids=["a tile-part a tile", "a tile-part a resolution"])
def test_packed_packet_headers(
    in_main_header: bool, tile: tuple[int, int] | None, parts: str, tmp_path: Path
) -> None:
    plain, pixels = encoded(
        tmp_path, Encoding(tile=tile, tile_parts=parts, progression="RLCP", levels=3, sop=True, eph=True)
    )
    odd = with_packed_headers(plain, in_main_header=in_main_header)
    check_every_plan(odd, pixels, tmp_path / "odd.j2k")


COD, RGN, POC = b"\xff\x52", b"\xff\x5e\x00\x05", b"\xff\x5f\x00\x10"
ORDER_CHANGES = (
    ProgressionChange(0, 0, 1, 2, 3, "RLCP"),
    ProgressionChange(2, 0, 1, 4, 3, "CPRL"),
)
"""The two coarsest resolutions first, then component by component."""

FEATURES: dict[str, Encoding] = {
    "layers": Encoding(ratios=(20, 5, 1)),
    "precincts": Encoding(precinct=64, progression="RPCL"),
    "an odd origin": Encoding(origin=(13, 7)),
    "odd origins": Encoding(origin=(13, 7), tile_origin=(3, 5), tile=(64, 64)),
    "resolutions in tile-parts": Encoding(tile=(64, 64), tile_parts="R", progression="RLCP", levels=3),
    "components in tile-parts": Encoding(tile_parts="C", progression="CPRL", levels=3),
    "layers in tile-parts": Encoding(tile_parts="L", ratios=(9, 3, 1)),
    "block styles": Encoding(block_style=1 | 2 | 4 | 8 | 32),
    "lengths of packets": Encoding(tile=(64, 64), plt=True, tlm=True),
    "a region of interest": Encoding(region_of_interest=(0, 12)),
    "a region of interest, tiled": Encoding(
        region_of_interest=(1, 7), tile=(64, 64), component_transform=False
    ),
    "order changes": Encoding(levels=3, progression_changes=ORDER_CHANGES),
    "order changes, tiled": Encoding(levels=3, progression_changes=ORDER_CHANGES, tile=(64, 64)),
    "layers and precincts, tiled": Encoding(
        ratios=(20, 5, 1), precinct=64, progression="PCRL", tile=(64, 64)
    ),
    "no transform of components": Encoding(component_transform=False),
} | {f"order {order}": Encoding(progression=order, precinct=64) for order in ("LRCP", "RLCP", "PCRL", "CPRL")}


@pytest.mark.parametrize("feature", FEATURES)
@pytest.mark.parametrize("open_length", [False, True], ids=["", "the last tile-part open"])
def test_features_without_a_rule_are_right_in_every_mode(
    feature: str, open_length: bool, tmp_path: Path
) -> None:
    odd, pixels = encoded(tmp_path, FEATURES[feature])
    for name, marker in (("region", RGN), ("order changes", POC)):
        assert (marker in odd.main + odd.parts[0].header) == (name in feature)
    if open_length:
        odd = replace(odd, parts=(*odd.parts[:-1], replace(odd.parts[-1], length=0)))
    check_every_plan(odd, pixels, tmp_path / "odd.j2k")


@pytest.mark.parametrize("tile", [None, (64, 64)], ids=["untiled", "tiled"])
def test_order_changes_in_the_main_header(tile: tuple[int, int] | None, tmp_path: Path) -> None:
    good, pixels = encoded(tmp_path, Encoding(levels=3, progression_changes=ORDER_CHANGES, tile=tile))
    assert all((part.header[:4] == POC) == (part.index == 0) for part in good.parts)
    odd = replace(good, main=good.main + good.parts[0].header[:18])
    odd = odd.with_parts(lambda part: replace(part, header=b""))
    check_every_plan(odd, pixels, tmp_path / "odd.j2k")


@pytest.mark.needs_tool("grk_compress")
@pytest.mark.parametrize("options", [[], ["-n", "3", "-p", "RPCL"], ["-u", "R", "-p", "RLCP"]], ids=str)
def test_high_throughput_in_tiles_is_right_in_every_mode(options: list[str], tmp_path: Path) -> None:
    pixels = picture(200, 150)
    Image.fromarray(pixels).save(tmp_path / "a.ppm")
    command = ["grk_compress", "-i", "a.ppm", "-o", "a.jp2", "-M", "64", "-t", "64,64", *options]
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
    with Jp2File.open(tmp_path / "a.jp2") as file:
        assert check_structure(file).features.high_throughput
    for plan in EVERY_PLAN:
        assert np.array_equal(pixels_of(tmp_path / "a.jp2", plan), pixels), plan


def test_high_throughput_is_never_decoded_in_strips(tmp_path: Path) -> None:
    path = tmp_path / "a.jph"
    path.write_bytes(HIGH_THROUGHPUT)
    whole = pixels_of(path)
    facts = survey(read_header(path), 1)
    assert [plan.mode for plan in plans(facts)] == [DecodeMode.WHOLE]
    assert np.array_equal(pixels_of(path, Plan(DecodeMode.TILES)), whole)
    with pytest.raises(ImageError, match="only be decoded whole") as refused:
        pixels_of(path, Plan(DecodeMode.STRIPS, strip_rows=4))
    assert refused.value.failure.cause is Cause.OUT_OF_MEMORY


def test_high_throughput_by_the_tiles_own_header_is_decoded_whole(tmp_path: Path) -> None:
    path = tmp_path / "a.j2k"
    stream = split(HIGH_THROUGHPUT[HIGH_THROUGHPUT.index(b"\xff\x4f\xff\x51") :])
    at = stream.main.index(COD)
    style = stream.main[at : at + 2 + int.from_bytes(stream.main[at + 2 : at + 4])]
    plain = style[:12] + bytes([style[12] & ~0x40]) + style[13:]
    (part,) = stream.parts
    odd = replace(
        stream, main=stream.main.replace(style, plain), parts=(replace(part, header=style + part.header),)
    )
    path.write_bytes(stream.to_bytes())
    whole = pixels_of(path)
    path.write_bytes(odd.to_bytes())
    assert not read_header(path).high_throughput
    facts = survey_source(SurveyRequest(1, str(path)))
    assert [plan.mode for plan in plans(facts)] == [DecodeMode.WHOLE]
    assert np.array_equal(pixels_of(path), whole)


def test_what_fits_only_in_strips_and_has_none_does_not_fit() -> None:
    header_facts = structs.replace(_large_facts(), whole_only=True)
    fits = choose_plan(_large_facts(), 4 * 2**30)
    assert not isinstance(fits, DoesNotFit)
    assert fits.mode is DecodeMode.STRIPS
    never = choose_plan(header_facts, 4 * 2**30)
    assert isinstance(never, DoesNotFit)
    assert never.needed_bytes > 4 * 2**30


def _large_facts() -> Surveyed:
    return Surveyed(1, 500_000_000, 30_000, 20_000, 3, 8, 30_000, 20_000, 5, "srgb")


@pytest.mark.parametrize(("packed", "throughput"), product([False, True], repeat=2))
def test_the_rules(packed: bool, throughput: bool) -> None:
    features = CodestreamFeatures(high_throughput=throughput, packed_headers=packed)
    assert fault_of(DecodeWay.WHOLE, features) is None
    assert fault_of(DecodeWay.TILES, features) is None
    assert (fault_of(DecodeWay.STRIPS, features) is None) == (not packed and not throughput)
    assert (fault_of(DecodeWay.STRIPS_ON_FRESH_CODECS, features) is None) == (not throughput)
