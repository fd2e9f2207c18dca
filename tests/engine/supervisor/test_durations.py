"""Predictions of seconds: from images of the same kind and size, and none while nobody can know."""

from __future__ import annotations

import pytest

from engine.messages import DecodeMode, Plan
from engine.supervisor.durations import Durations

WHOLE, TILES = Plan(DecodeMode.WHOLE), Plan(DecodeMode.TILES)


def measured(count: int, megasamples: float, seconds: float) -> Durations:
    durations = Durations()
    for _ in range(count):
        durations.add(WHOLE, megasamples, seconds)
    return durations


def test_nothing_is_predicted_before_a_few_images_of_the_kind() -> None:
    assert measured(4, 30.0, 6.0).expected(WHOLE, 30.0) is None
    durations = measured(5, 30.0, 6.0)
    assert durations.expected(TILES, 30.0) is None
    assert durations.expected(Plan(DecodeMode.WHOLE, threads=2), 30.0) is None
    assert durations.expected(WHOLE, 30.0 * 9) is None, "nothing so large was measured"
    assert durations.expected(WHOLE, 0.0) is None


def test_the_prediction_follows_the_pixels_and_the_machine() -> None:
    expected = measured(5, 30.0, 6.0).expected(WHOLE, 60.0)
    assert expected is not None
    assert expected.seconds == pytest.approx(12.0)
    assert expected.overdue_after_s == pytest.approx(27.0)


def test_small_images_cost_more_for_a_pixel_and_are_compared_with_small_ones() -> None:
    durations = measured(40, 100.0, 20.0)
    for _ in range(25):
        durations.add(WHOLE, 1.0, 2.0)
    small = durations.expected(WHOLE, 1.5)
    assert small is not None and small.seconds == pytest.approx(3.0)


def test_what_others_have_taken_too_is_not_overdue() -> None:
    durations = measured(20, 30.0, 6.0)
    durations.add(WHOLE, 30.0, 40.0)
    expected = durations.expected(WHOLE, 30.0)
    assert expected is not None
    assert expected.seconds == pytest.approx(6.0)
    assert expected.overdue_after_s == pytest.approx(43.0)
