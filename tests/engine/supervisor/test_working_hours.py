"""A run outside its hours: the hold and its end, clocks that are set, and a person's word to work all the same."""

from __future__ import annotations

from datetime import datetime
from unittest.mock import Mock

import pytest

from engine.config.run_hours import read_hours
from engine.control.snapshot import Hold, HoldReason
from engine.supervisor.holds import Holds
from engine.supervisor.host_holds import HostHolds, hold_of_all
from engine.supervisor.working_hours import WorkingHours

pytestmark = pytest.mark.usefixtures("utc")


def at(text: str) -> float:
    return datetime.fromisoformat(f"{text}+00:00").timestamp()


def run_with(hours: str) -> tuple[Mock, WorkingHours]:
    run = Mock(holds=Holds())
    run.config.engine.hours = read_hours(hours)
    working = WorkingHours(run)
    working._started = at("2026-06-15 20:00")
    return run, working


def events(run: Mock) -> list[tuple[str, str]]:
    return [(str(call.args[0]), call.args[1]) for call in run.events.info.call_args_list]


def test_it_holds_outside_its_hours_and_continues_by_itself() -> None:
    run, working = run_with("18:00-08:00")
    working.update(at("2026-06-16 07:59:59"))
    assert run.holds.may_start
    working.update(at("2026-06-16 08:00"))
    hold = run.holds.hours
    assert hold == hold_of_all(run.holds, [HostHolds(1 << 30)], 100.0)
    assert (hold.reason, hold.since, hold.until) == (
        HoldReason.HOURS,
        at("2026-06-16 08:00"),
        at("2026-06-16 18:00"),
    )
    assert hold.detail.startswith("outside its hours (18:00-08:00), continues at 18:00 by itself")
    assert not run.holds.may_start
    working.update(at("2026-06-16 17:59:59"))
    assert not run.holds.may_start
    working.update(at("2026-06-16 18:00"))
    assert run.holds.may_start
    assert [kind for kind, _ in events(run)] == ["hold", "resumed"]


def test_a_clock_that_is_set_counts_at_once() -> None:
    run, working = run_with("18:00-08:00")
    for moment, may_start in (
        ("2026-06-16 12:00", False),
        ("2026-06-16 03:00", True),
        ("2026-06-16 12:00", False),
        ("2026-06-20 19:00", True),
    ):
        working.update(at(moment))
        assert run.holds.may_start is may_start


def test_a_person_who_resumes_is_obeyed_until_the_end_of_the_next_hours() -> None:
    run, working = run_with("18:00-08:00")
    working.update(at("2026-06-16 07:00"))
    assert working.overrule(at("2026-06-16 07:00")) is None, "these are its hours"
    noon, end = at("2026-06-16 12:00"), at("2026-06-17 08:00")
    working.update(noon)
    assert working.seconds_for(3600, noon) == 7 * 3600
    assert working.overrule(noon) == end
    assert run.holds.may_start
    assert working.seconds_for(3600, noon) == 3600
    for moment in ("2026-06-16 17:00", "2026-06-16 19:00", "2026-06-17 07:59"):
        working.update(at(moment))
        assert run.holds.may_start, moment
    working.update(end)
    assert not run.holds.may_start
    assert events(run)[1] == ("resumed", "a person has resumed it")


def test_trouble_is_shown_before_the_hours_and_low_memory_after_them() -> None:
    run, working = run_with("18:00-08:00")
    working.update(at("2026-06-16 12:00"))
    host = HostHolds(1 << 30)
    host.memory = Hold(HoldReason.MEMORY, "memory is low", 1.0, None)
    assert hold_of_all(run.holds, [host], 100.0) == run.holds.hours
    host.disk_full("no space", 1, 100.0)
    shown = hold_of_all(run.holds, [host], 100.0)
    assert shown is not None
    assert shown.reason is HoldReason.DISK
