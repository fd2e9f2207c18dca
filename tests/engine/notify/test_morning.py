"""The notification of every morning: once a day, at its time, from the first one after the start."""

from __future__ import annotations

from datetime import datetime, timedelta

from engine.notify.morning import is_due


def test_it_is_due_once_a_day_at_its_time() -> None:
    told, due = datetime(2026, 3, 1, 9, 0), []
    for minute in range(3 * 24 * 60):
        now = datetime(2026, 3, 1, 9, 0) + timedelta(minutes=minute)
        if is_due("08:00", told, now):
            told = now
            due.append(now)
    assert due == [datetime(2026, 3, day, 8, 0) for day in (2, 3, 4)]


def test_an_engine_that_starts_before_it_tells_it_and_a_machine_that_slept_tells_it_late() -> None:
    assert is_due("08:00", datetime(2026, 3, 1, 7, 59), datetime(2026, 3, 1, 8, 0))
    assert is_due("08:00", datetime(2026, 3, 1, 20, 0), datetime(2026, 3, 2, 11, 0))
    assert not is_due("08:00", datetime(2026, 3, 2, 11, 0), datetime(2026, 3, 2, 11, 1))


def test_without_a_time_it_never_is() -> None:
    assert not is_due("", datetime(2026, 3, 1), datetime(2027, 3, 1))
