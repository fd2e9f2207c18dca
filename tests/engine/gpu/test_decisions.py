"""What is decided about GPU decoding without a GPU: which images, how many together, and what is compared."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from engine.gpu.batches import MOST_PASSED, WaitingImage, next_batch
from engine.gpu.comparison import SampleComparison
from engine.gpu.eligibility import refusal
from engine.gpu.kind_locks import COMPARED_EVERY, COMPARED_FIRST, REFUSED_FIRST, KindLocks, Trust
from engine.gpu.memory import card_budget, decoding_bytes, staging_bytes
from engine.gpu.refusals import Refusal
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
        return structs.replace(HEADER, components=given)

    assert why() is None
    assert why(structs.replace(HEADER, layers=12, progression="LRCP")) is None
    assert (
        why(structs.replace(HEADER, grid=structs.replace(HEADER.grid, tile_width=64, tile_height=64))) is None
    )
    assert why(parts(*[structs.replace(PART, bits=16)] * 4)) is None
    assert why(parts(PART)) is None
    assert why(structs.replace(HEADER, reversible=False)) is Refusal.LOSSY
    assert why(structs.replace(HEADER, reversible=False), lossy=True) is None
    assert why(parts(PART, PART)) is Refusal.COMPONENTS
    assert why(parts(*[PART] * 5)) is Refusal.COMPONENTS
    assert why(parts(structs.replace(PART, bits=4))) is Refusal.DEPTH
    assert why(parts(structs.replace(PART, bits=17))) is Refusal.DEPTH
    assert why(parts(structs.replace(PART, signed=True))) is Refusal.SIGNED
    assert why(parts(PART, PART, structs.replace(PART, bits=12))) is Refusal.MIXED
    assert why(parts(PART, structs.replace(PART, dx=2), structs.replace(PART, dx=2))) is Refusal.SUBSAMPLED
    assert why(structs.replace(HEADER, grid=structs.replace(HEADER.grid, x0=1))) is Refusal.ORIGIN
    assert why(structs.replace(HEADER, grid=structs.replace(HEADER.grid, tile_y0=1))) is Refusal.ORIGIN
    assert why(HEADER, Marker.RGN) is Refusal.REGION
    assert why(HEADER, Marker.POC) is Refusal.PROGRESSION
    assert why(features=CodestreamFeatures(tile_markers=frozenset({Marker.RGN}))) is Refusal.REGION
    assert why(features=CodestreamFeatures(tile_markers=frozenset({Marker.POC}))) is Refusal.PROGRESSION
    assert why(HEADER, Marker.COC) is Refusal.MIXED_STYLES
    assert why(features=CodestreamFeatures(packed_headers=True)) is Refusal.PACKED_HEADERS
    assert why(features=CodestreamFeatures(high_throughput=True)) is Refusal.HIGH_THROUGHPUT
    assert why(structs.replace(HEADER, high_throughput=True)) is Refusal.HIGH_THROUGHPUT


def waiting(*pixels: int, passed: int = 0) -> list[WaitingImage]:
    return [WaitingImage(size, 100 * size, passed) for size in pixels]


def test_a_batch_is_as_large_as_its_pixels_allow() -> None:
    assert next_batch([]) == []
    assert next_batch(waiting(5), most_pixels=1) == [0], "alone, however large it is"
    assert next_batch(waiting(4, 4, 1, 3), most_pixels=8) == [0, 1]
    assert next_batch(waiting(4, 5, 1, 3), most_pixels=8) == [0, 2, 3], (
        "one for which there is no room blocks nobody"
    )
    assert next_batch(waiting(*[1] * 9), most_pixels=100, most_images=4) == [0, 1, 2, 3]
    assert next_batch(waiting(9, 1, 2), most_pixels=8) == [1, 2], "small ones do not wait for a large one"
    often = [*waiting(9, passed=MOST_PASSED), *waiting(1, 2)]
    assert next_batch(often, most_pixels=8) == [0], "and a large one not for ever for small ones"


@given(
    st.lists(
        st.builds(WaitingImage, st.integers(1, 600), st.integers(1, 60_000), st.integers(0, 9)), min_size=1
    ),
    st.integers(1, 80_000),
)
def test_a_batch_fits_on_the_card(images: list[WaitingImage], budget_bytes: int) -> None:
    places = next_batch(images, budget_bytes, most_pixels=250, most_images=8)
    assert places
    assert len(set(places)) == len(places) <= 8
    if len(places) > 1:
        assert sum(images[place].gpu_bytes for place in places) <= budget_bytes
        assert sum(images[place].pixels for place in places) <= 250


@given(st.lists(st.integers(1, 600), min_size=1, max_size=30))
def test_every_image_that_waits_is_decoded(pixels: list[int]) -> None:
    images, batches = waiting(*pixels), 0
    new = 3  # small ones that come with each batch, for ever
    oldest = len(images)
    while oldest:
        places = next_batch(images, most_pixels=250)
        oldest -= sum(place < oldest for place in places)
        left = [
            structs.replace(one, passed=one.passed + 1)
            for place, one in enumerate(images)
            if place not in places
        ]
        images, batches = [*left, *waiting(*[40] * new)], batches + 1
        assert batches <= MOST_PASSED + 4 * len(pixels)


def test_memory_of_a_card_is_predicted_from_what_was_measured() -> None:
    six = 6 * decoding_bytes(43_000_000, 7216, 5412, 3, 8)
    assert 14.5e9 < six < 16e9, "15 GB were measured"
    assert decoding_bytes(1, 100, 100, 1, 16) - decoding_bytes(1, 100, 100, 1, 8) == 10_000
    assert staging_bytes(100, 50, 3, 12) == 30_000
    assert card_budget(80 << 30, 10 << 30) == pytest.approx(62 << 30, rel=0.001)
    assert card_budget(8 << 30, 8 << 30) == 0


def test_the_first_of_a_kind_and_one_in_many_are_compared() -> None:
    locks = KindLocks()
    assert [locks.next_of("a") for _ in range(9)] == [Trust.COMPARE] * 9, "none has been compared yet"
    for _ in range(COMPARED_FIRST):
        locks.was_equal("a")
    later = [locks.next_of("a") for _ in range(2 * COMPARED_EVERY)]
    assert later.count(Trust.COMPARE) == 2
    assert set(later[: COMPARED_EVERY - 1]) == {Trust.TAKE}
    locks.was_not_compared("a")
    assert [locks.next_of("a") for _ in range(3)] == [Trust.COMPARE, Trust.TAKE, Trust.TAKE]
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
