"""The hours of a run: how they are written, when they open and close by local clocks, how long work takes in them."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.config.run_hours import RunHours, read_hours

NIGHTS = read_hours("18:00-08:00")
OFFICE = read_hours("Mon-Fri 18:00-08:00, Sat-Sun 00:00-24:00")
HOUR_S = 3600.0


@pytest.fixture(autouse=True, scope="module")
def central_europe() -> Iterator[None]:
    """POSIX TZ: an hour forward on the last Sunday of March at 2:00, back on that of October at 3:00."""
    with pytest.MonkeyPatch.context() as zone:
        zone.setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3")
        time.tzset()
        yield
    time.tzset()


def at(text: str, fold: int = 0) -> float:
    return datetime.fromisoformat(text).replace(fold=fold).timestamp()


def utc(text: str) -> float:
    return datetime.fromisoformat(f"{text}+00:00").timestamp()


@pytest.mark.parametrize(
    ("hours", "opened", "closed"),
    [
        ("18:00-08:00", ["2026-06-15 18:00", "2026-06-16 00:00", "2026-06-16 07:59"], ["2026-06-16 08:00"]),
        ("9:30 - 17:00", ["2026-06-15 09:30"], ["2026-06-15 09:29", "2026-06-15 17:00"]),
        (
            "Mon-Fri 18:00-08:00, Sat-Sun 00:00-24:00",
            ["2026-06-19 18:00", "2026-06-20 12:00", "2026-06-21 23:59"],  # Friday to Sunday
            ["2026-06-22 00:00", "2026-06-22 17:59", "2026-06-19 17:59"],
        ),
        ("fri-mon 20:00-06:00", ["2026-06-23 05:59", "2026-06-21 21:00"], ["2026-06-23 20:00"]),
        ("Monday WED 00:00-24:00", ["2026-06-15 00:00", "2026-06-17 12:00"], ["2026-06-16 00:00"]),
        ("", ["2026-06-15 12:00"], []),
    ],
)
def test_windows_are_of_local_clocks_and_of_the_days_on_which_they_open(
    hours: str, opened: list[str], closed: list[str]
) -> None:
    found = read_hours(hours)
    assert [moment for moment in opened if not found.is_open(at(moment))] == []
    assert [moment for moment in closed if found.is_open(at(moment))] == []


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (
            "18-8",
            'must be hours like "18:00-08:00" or "Mon-Fri 18:00-08:00, Sat-Sun 00:00-24:00"; \'18-8\' is not',
        ),
        ("18:00-08:00,", "there is nothing before or after a comma"),
        ("25:00-08:00", "'25:00-08:00': 25:00 is no time; it must be from 00:00 to 24:00"),
        ("18:00-08:60", "08:60 is no time"),
        ("Mo 18:00-08:00", "'Mo' is no day; days are Mon, Tue, Wed, Thu, Fri, Sat, Sun"),
        ("Mon- 18:00-08:00", "'' is no day"),
        ("08:00-08:00", "opens and closes at one time"),
        ("24:00-08:00", "must not begin at 24:00"),
        (800, "must be hours like"),
    ],
)
def test_what_is_wrong_is_named(text: object, says: str) -> None:
    with pytest.raises(ValueError) as caught:
        read_hours(text)
    assert says in str(caught.value)


def test_the_next_span_joins_windows_that_touch() -> None:
    weekend = OFFICE.next_span(at("2026-06-19 12:00"))
    assert (weekend.opens, weekend.closes) == (at("2026-06-19 18:00"), at("2026-06-22 00:00"))
    assert OFFICE.next_span(at("2026-06-20 12:00")) == weekend, "the one that is open"
    assert OFFICE.closed_since(at("2026-06-22 09:00")) == at("2026-06-22 00:00")
    always = read_hours("00:00-24:00")
    assert always.next_span(at("2026-06-20 12:00")).closes > at("2026-12-31 00:00")
    once = read_hours("Sun 10:00-11:00")
    assert once.next_span(at("2026-06-21 11:00")).opens == at("2026-06-28 10:00")
    assert once.closed_since(at("2026-06-28 09:59")) == at("2026-06-21 11:00")


def test_a_clock_that_is_set_forward_takes_an_hour_and_one_that_is_set_back_gives_it() -> None:
    spring, autumn = NIGHTS.next_span(at("2026-03-28 12:00")), NIGHTS.next_span(at("2026-10-24 12:00"))
    assert spring.closes - spring.opens == 13 * HOUR_S
    assert autumn.closes - autumn.opens == 15 * HOUR_S
    skipped = read_hours("22:00-02:30").next_span(at("2026-03-28 12:00"))
    assert skipped.closes == utc("2026-03-29 01:00"), "2:30 is not shown: the moment of the change counts"
    assert read_hours("02:30-08:00").next_span(at("2026-03-29 00:00")).opens == utc("2026-03-29 01:00")
    twice = read_hours("02:30-08:00").next_span(at("2026-10-25 00:00"))
    assert twice.opens == at("2026-10-25 02:30") == utc("2026-10-25 00:30"), "the first of two"
    until = read_hours("22:00-02:30").next_span(at("2026-10-24 12:00"))
    assert until.closes == utc("2026-10-25 00:30")
    assert not read_hours("22:00-02:30").is_open(at("2026-10-25 02:15", fold=1))


def test_work_takes_as_long_as_the_hours_leave() -> None:
    noon = at("2026-06-15 12:00")
    assert NIGHTS.end_of_work(noon, HOUR_S) == at("2026-06-15 19:00")
    assert NIGHTS.end_of_work(noon, 15 * HOUR_S) == at("2026-06-16 19:00")
    assert NIGHTS.end_of_work(at("2026-06-15 20:00"), 13 * HOUR_S) == at("2026-06-16 19:00")
    assert RunHours().end_of_work(noon, 15 * HOUR_S) == noon + 15 * HOUR_S
    ends = at("2026-06-16 08:00")
    assert NIGHTS.end_of_work(noon, 3 * HOUR_S, until=ends) == noon + 3 * HOUR_S
    assert NIGHTS.end_of_work(noon, 21 * HOUR_S, until=ends) == at("2026-06-16 19:00")
    years = NIGHTS.end_of_work(noon, 14 * HOUR_S * 1000)
    assert abs(years - noon - 1000 * 24 * HOUR_S) < 3 * 24 * HOUR_S


@given(
    st.sampled_from([NIGHTS, OFFICE, read_hours("Sun 02:30-03:30, Tue 10:00-11:00")]),
    st.integers(int(1_770_000_000 / 900), int(1_800_000_000 / 900)),
    st.integers(1, 96),
)
def test_at_the_end_of_work_the_hours_have_been_open_for_so_long(
    hours: RunHours, quarter: int, quarters: int
) -> None:
    now = quarter * 900.0
    end = hours.end_of_work(now, quarters * 900.0)
    count = round((end - now) / 900)
    assert sum(hours.is_open(now + number * 900) for number in range(count)) == quarters
    assert hours.is_open(end - 1)
