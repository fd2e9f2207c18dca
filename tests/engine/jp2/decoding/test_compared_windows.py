"""Of a lossy file some windows are compared: each tile, strip and seam is still looked at, and most is left out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.failures import ImageError
from engine.jp2.decoding.compared_windows import ALL, SOME, windows_for
from engine.jp2.decoding.openjpeg import DecodedPlane
from engine.jp2.jp2_file import read_header
from engine.messages import DecodeMode, Plan
from tests.engine.jp2.decoding.test_witness import LyingDecoder, with_samples
from tests.support.decodes import pixels_of
from tests.support.jp2_files import Encoding, picture, write_jp2


@given(first=st.integers(0, 500), count=st.integers(0, 500), place=st.integers(0, 1000))
def test_something_of_each_tile_strip_and_seam(first: int, count: int, place: int) -> None:
    columns = (first, first + count)
    compared = list(SOME.of(columns, 16, 0, place))
    assert bool(compared) == (count > 0)
    for start, stop in compared:
        assert columns[0] <= start < stop <= columns[1]


@given(first=st.integers(0, 500), count=st.integers(1, 500))
def test_every_column_has_its_turn(first: int, count: int) -> None:
    places = range(6)
    seen = {
        c
        for place in places
        for window in SOME.of((first, first + count), 16, 0, place)
        for c in range(*window)
    }
    assert seen == set(range(first, first + count))


def test_most_of_a_large_tile_is_left_out() -> None:
    seen = sum(stop - start for turn in range(9) for start, stop in SOME.of((0, 640), 16, turn, turn))
    assert seen * 10 < 9 * 640
    assert sum(stop - start for start, stop in ALL.of((0, 640), 16, 1, 1)) == 640


@pytest.fixture(scope="module")
def lossy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("lossy")
    for name, tile in (("tiled", (512, 512)), ("untiled", None)):
        encoding = Encoding(tile=tile, reversible=False, ratios=(30.0,))
        write_jp2(directory / f"{name}.jp2", picture(1200, 1100), encoding)
    return directory


def test_few_bits_a_sample_make_the_difference(lossy: Path, tmp_path: Path) -> None:
    assert windows_for(read_header(str(lossy / "tiled.jp2"))) == SOME
    noise = np.random.default_rng(1).integers(0, 256, (64, 64), np.uint8)
    write_jp2(tmp_path / "a.jp2", noise, Encoding())
    assert windows_for(read_header(str(tmp_path / "a.jp2"))) == ALL


@pytest.mark.parametrize("wrong", range(9))
@pytest.mark.parametrize(
    ("name", "plan"),
    [("tiled", Plan(DecodeMode.TILES)), ("untiled", Plan(DecodeMode.STRIPS, strip_rows=128))],
    ids=["tiles", "strips"],
)
def test_any_tile_or_strip_that_is_wrong(
    name: str, plan: Plan, wrong: int, lossy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def grey(n: int, planes: list[DecodedPlane]) -> list[DecodedPlane]:
        return with_samples(planes, lambda samples: samples * 0 + 128) if n == wrong else planes

    LyingDecoder(monkeypatch, grey)
    with pytest.raises(ImageError, match="at a reduced resolution"):
        pixels_of(lossy / f"{name}.jp2", plan)
