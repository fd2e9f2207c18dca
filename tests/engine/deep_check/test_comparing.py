"""The comparison of planes: every sample counts, and the first difference is named by its place."""

from __future__ import annotations

import numpy as np
import pytest

from engine.deep_check import comparing
from engine.deep_check.comparing import compare
from engine.deep_check.results import Outcome


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(comparing, "_CHUNK_SAMPLES", 50)


def test_the_first_difference_is_named_whatever_the_chunks() -> None:
    ours = [np.zeros((40, 20), np.int32), np.zeros((40, 20), np.int32)]
    theirs = [plane.astype(np.uint8) for plane in ours]
    assert compare("x", theirs, ours, [0, 0]).outcome is Outcome.SAME
    theirs[1][30, 7], theirs[1][31, 2] = 4, 9
    found = compare("x", theirs, ours, [0, 0])
    assert (found.outcome, found.samples, found.different, found.largest) == (Outcome.DIFFERS, 1600, 2, 9)
    assert found.place == "channel 2, column 7, row 30"
    assert compare("x", theirs, ours, [0, 9]).outcome is Outcome.SAME
    assert compare("x", theirs, ours, [0, 8]).different == 1


def test_unsigned_samples_below_are_as_far_as_above() -> None:
    assert compare("x", [np.full((3, 3), 255, np.uint8)], [np.full((3, 3), 0, np.uint8)], [0]).largest == 255
    assert compare("x", [np.full((3, 3), 0, np.uint8)], [np.full((3, 3), 255, np.uint8)], [0]).largest == 255


def test_planes_of_other_sizes_differ_without_a_comparison() -> None:
    found = compare("x", [np.zeros((3, 4))], [np.zeros((3, 5))], [0])
    assert found.is_bad
    assert found.message == "its planes are 4 × 3, not 5 × 3"
