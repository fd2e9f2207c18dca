"""Tiles and strips are compared with the same file decoded whole and smaller: a decoder that lies is found out."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs
from numpy.typing import NDArray

from engine.config import JpegSettings
from engine.conversion.convert import convert_image
from engine.failures import Cause, ImageError, Stage
from engine.jp2.decoding import witness
from engine.jp2.decoding.colour import plan_colour
from engine.jp2.decoding.decode import decoded
from engine.jp2.decoding.low_band import LowBand, block_of
from engine.jp2.decoding.openjpeg import DecodedPlane, Decoder, DecoderMessages
from engine.jp2.header import Area
from engine.jp2.jp2_file import Jp2File
from engine.jp2.validation.validate import check_structure
from engine.messages import DecodeMode, Job, Plan
from tests.support.decodes import pixels_of
from tests.support.jp2_files import Encoding, Plane, make_jp2, picture, write_codestream, write_jp2

TILES = Plan(DecodeMode.TILES)
STRIPS = Plan(DecodeMode.STRIPS, strip_rows=64)

Lie = Callable[[int, list[DecodedPlane]], list[DecodedPlane]]
"""What the decoder says instead of the planes of its n-th tile or strip."""


class LyingDecoder:
    """Changes what OpenJPEG decodes of tiles and strips; what it decodes whole, at any resolution, stays."""

    def __init__(self, patch: pytest.MonkeyPatch, lie: Lie) -> None:
        self.decodes = 0
        self.lie = lie
        self.before: list[DecodedPlane] = []
        """The planes of the decode before."""
        honest_tile, honest_area, honest_planes = Decoder.tile, Decoder.area, Decoder.planes

        def tile(decoder: Decoder, index: int) -> None:
            honest_tile(decoder, index)
            self.decodes += 1

        def area(decoder: Decoder, area: Area) -> None:
            honest_area(decoder, area)
            self.decodes += 1

        def planes(decoder: Decoder) -> list[DecodedPlane]:
            planes = honest_planes(decoder)
            if not self.decodes:
                return planes
            copies = [structs.replace(plane, samples=plane.samples.copy()) for plane in planes]
            told = self.lie(self.decodes - 1, planes)
            self.before = copies
            return told

        patch.setattr(Decoder, "tile", tile)
        patch.setattr(Decoder, "area", area)
        patch.setattr(Decoder, "planes", planes)


def with_samples(
    planes: list[DecodedPlane], change: Callable[[NDArray[np.int32]], NDArray[Any]]
) -> list[DecodedPlane]:
    return [
        structs.replace(plane, samples=np.ascontiguousarray(change(plane.samples), np.int32))
        for plane in planes
    ]


CHANGES: dict[str, Callable[[NDArray[np.int32]], NDArray[Any]]] = {
    "black": lambda samples: samples * 0,
    "grey": lambda samples: samples * 0 + 128,
    "white": lambda samples: samples * 0 + 255,
    "a little darker": lambda samples: np.maximum(samples - 12, 0),
    "upside down": lambda samples: samples[::-1],
    "shifted by 5 rows": lambda samples: np.roll(samples, 5, axis=0),
    "shifted by 5 columns": lambda samples: np.roll(samples, 5, axis=1),
    "half empty": lambda samples: np.where(np.arange(len(samples))[:, np.newaxis] < 32, samples, 128),
}


def text_like(width: int, height: int) -> NDArray[np.uint8]:
    """Black strokes on white, as wide as letters' are."""
    random = np.random.default_rng(5)
    strokes: NDArray[np.floating[Any]] = np.kron(
        random.random((-(-height // 3), -(-width // 2))) < 0.3, np.ones((3, 2))
    )[:height, :width]
    strokes[:, : width // 8] = strokes[: height // 9] = 0
    return (255 * (1 - strokes)).astype(np.uint8)


def halftone(width: int, height: int) -> NDArray[np.uint8]:
    """Dots on a screen of 5 pixels."""
    y, x = np.mgrid[0:height, 0:width]
    screen = (np.cos(1.257 * (x + y) / 1.414) + np.cos(1.257 * (x - y) / 1.414)) / 4 + 0.5
    return np.where(screen < 0.5 + 0.4 * np.sin(x / 97) * np.cos(y / 71), 255, 0).astype(np.uint8)


def rings(width: int, height: int) -> NDArray[np.uint8]:
    """Lines of every direction and width, down to those that the samples cannot show."""
    y, x = np.mgrid[0:height, 0:width]
    return np.where(np.sin((x**2 + y**2) / 1500) > 0, 255, 0).astype(np.uint8)


def in_colours(grey: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return np.stack([grey, np.roll(grey, 7, axis=1), 255 - grey], axis=2)


CONTENTS: dict[str, Callable[[int, int], NDArray[np.uint8]]] = {
    "text": text_like,
    "text in colours": lambda width, height: in_colours(text_like(width, height)),
    "halftone": halftone,
    "halftone in colours": lambda width, height: in_colours(halftone(width, height)),
    "lines": rings,
    "lines in colours": lambda width, height: in_colours(rings(width, height)),
    "noise": lambda width, height: np.random.default_rng(2).integers(0, 256, (height, width), np.uint8),
    "a picture": picture,
}


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiled and an untiled file, lossless and lossy."""
    directory = tmp_path_factory.mktemp("files")
    for reversible, tile in product((True, False), ((128, 128), None)):
        ratios = (1.0,) if reversible else (8.0,)
        encoding = Encoding(tile=tile, reversible=reversible, ratios=ratios)
        name = f"{'tiled' if tile else 'untiled'}-{'lossless' if reversible else 'lossy'}.jp2"
        write_jp2(directory / name, picture(500, 330) // 2 + 50, encoding)
    return directory


def of(files: Path, plan: Plan, coding: str) -> Path:
    return files / f"{'tiled' if plan is TILES else 'untiled'}-{coding}.jp2"


PLANS = pytest.mark.parametrize("plan", [TILES, STRIPS], ids=["tiles", "strips"])
CODINGS = pytest.mark.parametrize("coding", ["lossless", "lossy"])


@PLANS
@CODINGS
@pytest.mark.parametrize("change", CHANGES)
def test_a_tile_or_strip_that_is_wrong_or_empty(
    change: str, plan: Plan, coding: str, files: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    LyingDecoder(monkeypatch, lambda n, planes: with_samples(planes, CHANGES[change]) if n == 3 else planes)
    with pytest.raises(ImageError, match="at a reduced resolution") as refused:
        pixels_of(of(files, plan, coding), plan)
    assert refused.value.failure.cause is Cause.PROOF_FAILED
    # Tile 3 is the last of the first row of tiles; strip 3 has the rows 192 to 255, and the wavelet reaches over them.
    place = (
        r"tile 3 is not .* rows \d+ to \d+, columns \d+ to \d+"
        if plan is TILES
        else r"in rows (1[6-9]|2[0-5])\d "
    )
    assert refused.match(place)


@PLANS
@CODINGS
def test_one_tile_or_strip_in_anothers_place(
    plan: Plan, coding: str, files: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    liar = LyingDecoder(monkeypatch, lambda n, planes: liar.before if n == 1 else planes)

    def repeat(n: int, planes: list[DecodedPlane]) -> list[DecodedPlane]:
        if n != 1:
            return planes
        return [
            structs.replace(plane, samples=before.samples)
            for plane, before in zip(planes, liar.before, strict=True)
        ]

    liar.lie = repeat
    with pytest.raises(ImageError, match="at a reduced resolution"):
        pixels_of(of(files, plan, coding), plan)


@PLANS
def test_another_area_than_was_asked_for(plan: Plan, files: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    liar = LyingDecoder(monkeypatch, lambda n, planes: liar.before if n == 1 else planes)
    with pytest.raises(ImageError, match="decoded another area") as refused:
        pixels_of(of(files, plan, "lossless"), plan)
    assert refused.value.failure.cause is Cause.PROOF_FAILED


@PLANS
def test_components_in_another_order(plan: Plan, files: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    LyingDecoder(monkeypatch, lambda n, planes: planes[::-1] if n == 2 else planes)
    with pytest.raises(ImageError, match="at a reduced resolution"):
        pixels_of(of(files, plan, "lossless"), plan)


@PLANS
def test_what_only_the_finest_resolution_has_does_not_show(
    plan: Plan, files: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """That is what the comparison of tile-parts is for; docs/ARCHITECTURE.md says so."""
    path = of(files, plan, "lossless")
    right = pixels_of(path, plan)

    def checked(samples: NDArray[np.int32]) -> NDArray[Any]:
        rows, columns = np.indices(samples.shape)
        return np.asarray(samples + 40 * ((rows + columns) % 2) - 20)

    LyingDecoder(monkeypatch, lambda n, planes: with_samples(planes, checked))
    assert not np.array_equal(pixels_of(path, plan), right)


@PLANS
def test_an_image_that_is_not_what_it_is_smaller_makes_no_jpeg(
    plan: Plan, files: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    LyingDecoder(monkeypatch, lambda n, planes: with_samples(planes, CHANGES["grey"]))
    target = tmp_path / "1.jpg"
    job = Job(1, 1, "", str(of(files, plan, "lossless")), "", str(target), JpegSettings(), False, plan)
    with pytest.raises(ImageError) as refused:
        convert_image(job, lambda stage: None)
    assert refused.value.failure.cause is Cause.PROOF_FAILED
    assert not list(tmp_path.iterdir())


def decode(path: Path, plan: Plan) -> tuple[NDArray[Any], tuple[str, ...]]:
    with Jp2File.open(path) as file:
        features = check_structure(file).features
        colour_plan = plan_colour(file.header)
        with decoded(file, features, plan, colour_plan, DecoderMessages(), path.with_name("px")) as made:
            return np.array(made.pixels), made.warnings


def test_a_file_that_openjpeg_does_not_decode_smaller_is_done_with_a_warning(
    files: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(decoder: Decoder, levels: int) -> None:
        raise ImageError(Cause.CORRUPT, Stage.DECODING, "OpenJPEG: not today")

    assert decode(of(files, TILES, "lossless"), TILES)[1] == ()
    monkeypatch.setattr(Decoder, "reduced", refuse)
    _, (warning,) = decode(of(files, TILES, "lossless"), TILES)
    assert "could not be compared" in warning
    assert "not today" in warning


@pytest.mark.parametrize("cause", [Cause.OUT_OF_MEMORY, Cause.SOURCE_UNREADABLE])
def test_what_is_not_the_files_fault_is_no_warning(
    cause: Cause, files: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(decoder: Decoder, levels: int) -> None:
        raise ImageError(cause, Stage.DECODING, "not today")

    monkeypatch.setattr(Decoder, "reduced", refuse)
    with pytest.raises(ImageError, match="not today"):
        pixels_of(of(files, TILES, "lossless"), TILES)


@pytest.mark.parametrize(("levels", "reduced_by"), [(0, []), (1, []), (2, [2]), (3, [3]), (4, [4]), (5, [4])])
def test_by_how_many_levels(
    levels: int, reduced_by: list[int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_jp2(tmp_path / "a.jp2", encoding=Encoding(tile=(64, 64), levels=levels))
    asked: list[int] = []
    honest = Decoder.reduced

    def reduced(decoder: Decoder, levels: int) -> None:
        asked.append(levels)
        honest(decoder, levels)

    monkeypatch.setattr(Decoder, "reduced", reduced)
    pixels_of(tmp_path / "a.jp2", Plan(DecodeMode.WHOLE))
    assert asked == []
    pixels_of(tmp_path / "a.jp2", TILES)
    assert asked == reduced_by


DEPTHS = [(8, False), (3, False), (12, True), (16, False), (8, True)]
SUBSAMPLINGS = [(1, 1), (1, 1), (2, 2), (2, 1), (1, 3)]


def planes_with(origin: tuple[int, int], bits: int, signed: bool, dx: int, dy: int) -> list[Plane]:
    """Three components of 150 by 120 reference points, two of them subsampled."""
    (x0, y0), width, height = origin, 150, 120
    full = picture(width, height, 3, bits).astype(np.int32) - ((1 << bits) // 2 if signed else 0)
    columns, rows = -(-(x0 + width) // dx) - -(-x0 // dx), -(-(y0 + height) // dy) - -(-y0 // dy)
    return [
        Plane(full[:, :, 0], bits, signed),
        *(Plane(full[:rows, :columns, c], bits, signed, dx, dy) for c in (1, 2)),
    ]


class TestNoFalseAlarm:
    """With margins of a third less, so that a file that comes close is seen here."""

    @pytest.fixture(autouse=True)
    def narrower(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(witness, "_ROUNDING", 4.5)
        monkeypatch.setattr(witness, "_CUT_OFF", 0.27)
        monkeypatch.setattr(witness, "_CUT_OFF_OPPOSITE", 0.1)
        monkeypatch.setattr(witness, "_CUT_OFF_FAR", 4.5 / 255)

    @pytest.mark.parametrize("content", CONTENTS)
    @pytest.mark.parametrize("reversible", [True, False], ids=["5-3", "9-7"])
    def test_whatever_is_on_it_and_however_lossy(
        self, content: str, reversible: bool, tmp_path: Path
    ) -> None:
        pixels = CONTENTS[content](320, 240)
        for ratio, tile, levels in product((1.0, 20.0, 200.0), ((128, 128), None), (2, 4)):
            encoding = Encoding(tile=tile, reversible=reversible, ratios=(ratio,), levels=levels)
            write_jp2(tmp_path / "a.jp2", pixels, encoding)
            assert decode(tmp_path / "a.jp2", TILES if tile else STRIPS)[1] == ()

    @pytest.mark.parametrize("bits", [12, 16])
    @pytest.mark.parametrize("levels", [2, 3, 5])
    def test_deep_samples_that_lossy_coding_has_cut_off_far_away(
        self, bits: int, levels: int, tmp_path: Path
    ) -> None:
        """What is cut off is a share of the range, and the weights reach beyond the nearest samples."""
        most = (1 << bits) - 1
        samples = np.full((300, 40), most // 2)
        samples[100:150, 13:20] = most
        samples[150:, :10] = 0
        for ratio in (20.0, 100.0):
            encoding = Encoding(reversible=False, ratios=(ratio,), levels=levels)
            write_codestream(tmp_path / "a.j2k", [Plane(samples, bits)], encoding)
            assert decode(tmp_path / "a.j2k", STRIPS)[1] == ()

    @pytest.mark.parametrize("reversible", [True, False], ids=["5-3", "9-7"])
    @pytest.mark.parametrize(
        ("origin", "tile_origin"), [((0, 0), (0, 0)), ((13, 7), (3, 5)), ((63, 62), (63, 61))]
    )
    @pytest.mark.parametrize("tile", [None, (64, 48)])
    def test_any_origin_tile_depth_and_subsampling(
        self,
        origin: tuple[int, int],
        tile_origin: tuple[int, int],
        tile: tuple[int, int] | None,
        reversible: bool,
        tmp_path: Path,
    ) -> None:
        path = tmp_path / "a.j2k"
        for (bits, signed), (dx, dy) in zip(DEPTHS, SUBSAMPLINGS, strict=True):
            write_codestream(
                path,
                planes_with(origin, bits, signed, dx, dy),
                Encoding(
                    origin=origin,
                    tile=tile,
                    tile_origin=tile_origin if tile else (0, 0),
                    reversible=reversible,
                    levels=2 if dx * dy > 1 else 3,
                ),
            )
            whole = pixels_of(path).astype(int)
            for plan in (TILES, Plan(DecodeMode.STRIPS, strip_rows=29)):
                pixels, warnings = decode(path, plan)
                assert np.abs(pixels - whole).max() <= 1
                assert warnings == ()


@pytest.mark.parametrize("reversible", [True, False])
@given(first=st.integers(0, 40), count=st.integers(1, 90), levels=st.integers(1, 4))
def test_the_band_of_a_line_that_does_not_change_is_that_line(
    reversible: bool, first: int, count: int, levels: int
) -> None:
    band = LowBand(levels, reversible)
    samples = band.positions(first, first + count)
    if samples[0] < samples[1]:
        block = block_of(band, (first, first + count), samples, np.dtype(np.float64))
        assert block.line == (first, first + count)
        assert np.allclose(block.weights.sum(axis=1), 1)
