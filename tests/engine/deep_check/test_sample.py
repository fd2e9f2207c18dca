"""The choice of images: some of each kind, the same ones for the same seed, in bounded memory."""

from __future__ import annotations

import random

import pytest
from msgspec import structs

from engine.deep_check import sample
from engine.deep_check.results import SampledImage
from engine.deep_check.sample import KindSample
from engine.file_kind import FileKind
from tests.support.ledgers import surveyed

KIND = FileKind("Kakadu", "jp2", "9-7", "untiled", "1", "RPCL", 1, "8 bits", "grey", False)


def image(number: int, layers: int = 1) -> SampledImage:
    return SampledImage(
        number, f"/s/{number}", f"b/{number}.jpg", surveyed(number), structs.replace(KIND, layers=layers)
    )


def chosen(images: list[SampledImage], size: int = 2, seed: int = 0, fits: int = 10**9) -> list[int]:
    """The ids, as they are decoded; images up to number `fits` fit in memory."""
    found = KindSample(size, seed)
    for one in images:
        found.add(one, fits=one.image_id <= fits)
    return [one.image_id for one in found.images()]


COLLECTION = [image(number, 1 + number % 3 // 2 + number % 7 // 6) for number in range(200)]


def test_the_choice_depends_on_the_seed_and_on_nothing_else() -> None:
    shuffled = random.Random(5).sample(COLLECTION, len(COLLECTION))
    assert chosen(COLLECTION) == chosen(shuffled)
    assert chosen(COLLECTION) != chosen(COLLECTION, seed=1)
    assert len(chosen(COLLECTION, size=5)) == 15


def test_kinds_come_by_turns_the_most_frequent_first() -> None:
    found = KindSample(2)
    for one in COLLECTION:
        found.add(one, fits=True)
    kinds = [kind.kind for kind in found.kinds()]
    assert [kind.images for kind in found.kinds()] == sorted(
        (kind.images for kind in found.kinds()), reverse=True
    )
    assert sum(kind.images for kind in found.kinds()) == 200
    assert [one.kind for one in found.images()] == kinds * 2


def test_images_that_fit_in_memory_are_chosen_first() -> None:
    images = [image(number) for number in range(100)]
    assert set(chosen(images, size=3, fits=2)) == {0, 1, 2}
    assert set(chosen(images, size=3, fits=0)) >= {0}
    assert len(chosen(images, size=3, fits=0)) == 3


def test_a_sample_of_none_counts_kinds() -> None:
    assert chosen(COLLECTION, size=0) == []


def test_more_kinds_than_any_collection_has_are_counted_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sample, "MOST_KINDS", 3)
    found = KindSample(1)
    for number in range(10):
        found.add(image(number, layers=number), fits=True)
    found.add(image(10, layers=0), fits=True)
    assert [kind.images for kind in found.kinds()] == [2, 1, 1]
    assert found.other_kinds == 7
