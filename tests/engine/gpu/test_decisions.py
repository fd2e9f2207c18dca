"""What is decided about GPU decoding without a GPU: which images, how many together, and what is compared."""

from __future__ import annotations

from dataclasses import replace

import pytest

from engine.gpu.batches import next_batch
from engine.gpu.comparison import SampleComparison
from engine.gpu.eligibility import Refusal, refusal
from engine.gpu.kind_locks import COMPARED_EVERY, COMPARED_FIRST, REFUSED_FIRST, KindLocks, Trust
from engine.jp2.codestream.features import CodestreamFeatures
from engine.jp2.codestream.marker_segments import Marker
from engine.jp2.decoding.openjpeg import DecodedPlane
from engine.jp2.header import Colour, ColourSpace, Component, Container, Header, ReferenceGrid
from tests.support.jp2_files import picture

PART = Component(256, 192, 1, 1, 8, False)
HEADER = Header(
    container=Container.JP2,
    codestream_offset=85,
    codestream_bytes=1000,
    file_bytes=1085,
    grid=ReferenceGrid(0, 0, 256, 192, 256, 192, 0, 0),
    components=(PART,) * 3,
    progression="RPCL",
    layers=1,
    levels=5,
    reversible=True,
    multiple_component_transform=True,
    high_throughput=False,
    code_block_samples=4096,
    colour=Colour(ColourSpace.SRGB),
)


def test_what_the_gpu_decodes_is_decided_by_the_header() -> None:
    def why(
        header: Header = HEADER,
        *markers: int,
        features: CodestreamFeatures | None = None,
        lossy: bool = False,
    ) -> Refusal | None:
        return refusal(header, markers, features or CodestreamFeatures(), lossy=lossy)

    def parts(*given: Component) -> Header:
        return replace(HEADER, components=given)

    assert why() is None
    assert why(replace(HEADER, layers=12, progression="LRCP")) is None
    assert why(replace(HEADER, grid=replace(HEADER.grid, tile_width=64, tile_height=64))) is None
    assert why(parts(*[replace(PART, bits=16)] * 4)) is None
    assert why(parts(PART)) is None
    assert why(replace(HEADER, reversible=False)) is Refusal.LOSSY
    assert why(replace(HEADER, reversible=False), lossy=True) is None
    assert why(parts(PART, PART)) is Refusal.COMPONENTS
    assert why(parts(*[PART] * 5)) is Refusal.COMPONENTS
    assert why(parts(replace(PART, bits=4))) is Refusal.DEPTH
    assert why(parts(replace(PART, bits=17))) is Refusal.DEPTH
    assert why(parts(replace(PART, signed=True))) is Refusal.SIGNED
    assert why(parts(PART, PART, replace(PART, bits=12))) is Refusal.MIXED
    assert why(parts(PART, replace(PART, dx=2), replace(PART, dx=2))) is Refusal.SUBSAMPLED
    assert why(replace(HEADER, grid=replace(HEADER.grid, x0=1))) is Refusal.ORIGIN
    assert why(replace(HEADER, grid=replace(HEADER.grid, tile_y0=1))) is Refusal.ORIGIN
    assert why(HEADER, Marker.RGN) is Refusal.REGION
    assert why(HEADER, Marker.POC) is Refusal.PROGRESSION
    assert why(features=CodestreamFeatures(tile_markers=frozenset({Marker.RGN}))) is Refusal.REGION
    assert why(features=CodestreamFeatures(tile_markers=frozenset({Marker.POC}))) is Refusal.PROGRESSION
    assert why(HEADER, Marker.COC) is Refusal.MIXED_STYLES
    assert why(features=CodestreamFeatures(packed_headers=True)) is Refusal.PACKED_HEADERS
    assert why(features=CodestreamFeatures(high_throughput=True)) is Refusal.HIGH_THROUGHPUT
    assert why(replace(HEADER, high_throughput=True)) is Refusal.HIGH_THROUGHPUT


def test_a_batch_is_as_large_as_its_pixels_allow() -> None:
    assert next_batch([]) == []
    assert next_batch([5], most_pixels=1) == [0], "the oldest is taken, however large it is"
    assert next_batch([4, 4, 1, 3], most_pixels=8) == [0, 1]
    assert next_batch([4, 5, 1, 3], most_pixels=8) == [0, 2, 3], (
        "one for which there is no room blocks nobody"
    )
    assert next_batch([1] * 9, most_pixels=100, most_images=4) == [0, 1, 2, 3]


def test_the_first_of_a_kind_and_one_in_many_are_compared() -> None:
    locks = KindLocks()
    assert [locks.next_of("a") for _ in range(9)] == [Trust.COMPARE] * 9, "none has been compared yet"
    for _ in range(COMPARED_FIRST):
        locks.was_equal("a")
    later = [locks.next_of("a") for _ in range(2 * COMPARED_EVERY)]
    assert later.count(Trust.COMPARE) == 2
    assert set(later[: COMPARED_EVERY - 1]) == {Trust.TAKE}
    assert locks.next_of("b") is Trust.COMPARE
    assert locks.differed("a")
    assert not locks.differed("a")
    locks.was_equal("a")
    assert not locks.is_open("a"), "what was equal later opens nothing"
    assert locks.next_of("a") is Trust.CLOSED
    assert locks.is_open("b")


def test_a_kind_that_is_always_refused_is_not_asked_for_again() -> None:
    locks = KindLocks()
    for _ in range(REFUSED_FIRST):
        assert locks.next_of("a") is Trust.COMPARE
        locks.was_refused("a", "signed samples")
    assert (locks.next_of("a"), locks.reason("a")) == (Trust.REFUSED, "signed samples")
    assert not locks.is_open("a")
    locks.was_equal("b")
    for _ in range(REFUSED_FIRST):
        locks.was_refused("b", "refused by nvImageCodec")
    assert locks.is_open("b"), "a card may be short of memory for a while"


@pytest.mark.parametrize("changed", [0, 1, 40])
def test_one_sample_that_differs_is_found_wherever_tiles_are(changed: int) -> None:
    samples = picture(150, 130)
    theirs = samples.astype("int32")
    theirs[129, 149, 2] += changed
    exact, lossy = SampleComparison(samples, lossy=False), SampleComparison(samples, lossy=True)
    for top, left in ((0, 0), (0, 100), (70, 0), (70, 100)):
        tile = theirs[top : top + (70 if top == 0 else 60), left : left + (100 if left == 0 else 50)]
        planes = [DecodedPlane(tile[:, :, index], left, top, 1, 1) for index in range(3)]
        exact.see(planes)
        lossy.see(planes)
    words = f"1 of 58,500 samples differ, by up to {changed}"
    assert exact.difference() == (words if changed else "")
    assert lossy.difference() == (words if changed > 1 else "")
