"""Numbers, sizes, times and names have one form everywhere."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine import formatting
from tests.support.statuses import NOW

pytestmark = pytest.mark.usefixtures("utc")


@pytest.mark.parametrize(
    ("part", "whole", "text"),
    [
        (0, 430_057, "0 %"),
        (1, 430_057, "<0.1 %"),
        (430_056, 430_057, "99.9 %"),
        (430_057, 430_057, "100 %"),
        (1, 3, "33.3 %"),
        (45, 100, "45.0 %"),
        (2.93e12, 7.23e12, "40.5 %"),
        (130, 100, "130.0 %"),
        (100_001, 100_000, "100.1 %"),
        (0, 0, "–"),
    ],
)
def test_a_share_is_all_or_nothing_only_when_it_is(part: float, whole: float, text: str) -> None:
    assert formatting.percent(part, whole) == text


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0 B"),
        (12, "12 B"),
        (999, "999 B"),
        (1000, "1.00 kB"),
        (16_800_000, "16.8 MB"),
        (999_900_000, "1.00 GB"),
        (7.23e12, "7.23 TB"),
    ],
)
def test_data_in_decimal_units(size: float, text: str) -> None:
    assert formatting.data_size(size) == text


@pytest.mark.parametrize(
    ("size", "text"),
    [(640 << 20, "640 MiB"), (3 << 30, "3.00 GiB"), (1023 << 20, "1.00 GiB"), (-1500 << 20, "-1.46 GiB")],
)
def test_memory_in_binary_units(size: int, text: str) -> None:
    assert formatting.memory_size(size) == text


@given(st.integers(0, 10**13))
def test_short_memory_fits_its_column(size: int) -> None:
    assert len(formatting.short_memory(size)) <= 5


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (None, "–"),
        (float("inf"), "–"),
        (0, "0 s"),
        (0.2, "<1 s"),
        (59.9, "59 s"),
        (185, "3 min 05 s"),
        (14_820, "4 h 07 min"),
        (194_400, "2 d 06 h"),
    ],
)
def test_a_duration_has_two_units(seconds: float | None, text: str) -> None:
    assert formatting.duration(seconds) == text


@given(st.floats(0, 86_400 * 3))
def test_short_durations_fit_their_column(seconds: float) -> None:
    assert len(formatting.short_duration(seconds)) <= 7


def test_a_time_of_another_day_says_which() -> None:
    assert formatting.clock(NOW + 60, NOW) == "00:05"
    assert formatting.clock(NOW - 3600, NOW) == "Sun 23:04"
    assert formatting.clock(NOW + 9 * 86_400, NOW) == "11 Mar 00:04"


def test_what_happened_is_dated_in_one_form() -> None:
    assert formatting.dated(NOW, NOW) == "02 Mar 00:04:05"
    assert formatting.dated(NOW - 90 * 86_400, NOW) == "02 Dec 2025 00:04"


def test_what_a_terminal_would_obey_is_made_visible() -> None:
    assert formatting.visible("a\x1b[31mb\x07\r\n") == r"a\x1b[31mb\x07\r\n"
    assert formatting.visible("\x7f\u202edrowssap\udcff") == r"\x7f\u202edrowssap\xff"
    assert formatting.visible("Ærøskøbing 地図") == "Ærøskøbing 地図"


def test_json_keeps_every_text_and_shows_no_control() -> None:
    document = {"name": "\x9b\u202e\u2028\x7f\U000e0001\udcff\xa0 地図"}
    for ascii_only in (True, False):
        text = formatting.json_text(document, ascii_only=ascii_only, indent=2)
        assert text.replace("\n", "").isprintable() and json.loads(text) == document
    assert "地図" in text


@pytest.mark.parametrize(
    ("amount", "text"),
    [
        (0, "0"),
        (0.004, "0.00"),
        (0.8, "0.80"),
        (9.994, "9.99"),
        (9.996, "10.0"),
        (99.96, "100"),
        (16_771_234, "16,771,234"),
    ],
)
def test_an_amount_has_three_figures(amount: float, text: str) -> None:
    assert formatting.three_figures(amount) == text


def test_a_measured_time_is_not_rounded_to_seconds() -> None:
    assert [formatting.measured_time(seconds) for seconds in (0.352, 7.83, 94.06)] == [
        "0.35 s",
        "7.83 s",
        "94.1 s",
    ]


def test_what_is_not_known_is_a_dash() -> None:
    for form in (
        formatting.megapixels,
        formatting.decibels,
        formatting.short_memory,
        formatting.short_duration,
    ):
        assert form(None) == formatting.UNKNOWN


def test_a_moment_has_its_date_and_time() -> None:
    assert formatting.time_of_day(NOW) == "00:04:05"
    assert formatting.date_and_second(NOW) == "2026-03-02 00:04:05"
    assert formatting.date_and_time(NOW) == "02 Mar 2026 00:04"
    assert formatting.long_date(NOW) == "2 March 2026, 00:04 UTC"


def test_reduction_says_which_way() -> None:
    assert formatting.reduction(100, 41) == "59.0 % smaller"
    assert formatting.reduction(100, 130) == "30.0 % larger"
    assert formatting.reduction(0, 0) == "–"
    assert formatting.short_reduction(100, 41) == "−59.0 %"
    assert formatting.short_reduction(100, 130) == "+30.0 %"
    assert formatting.short_reduction(0, 0) == "–"
