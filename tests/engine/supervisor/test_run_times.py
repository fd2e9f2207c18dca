"""How the time of an engine passes: nothing is counted twice, and no clock that is set changes a duration."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from engine.ledger.runs import WaitKind
from engine.supervisor.run_times import ASLEEP_S, Doing, Moment, RunTimes, Stored

WORK = Doing()
STORE = Doing(WaitKind.HELD, "store", "away", 1000.0)
PAUSE = Doing(WaitKind.PAUSED, "anna", since=1100.0)


def passed(times: RunTimes, *steps: tuple[float, Doing]) -> None:
    """Each step lasts so long, in turns of ten seconds, and is told by what the engine does in it."""
    for seconds, doing in steps:
        now = times.until
        times.pass_time(now, doing)
        while seconds > 0:
            step = min(10.0, seconds)
            now = Moment(now.steady_s + step, now.unix_s + step)
            times.pass_time(now, doing)
            seconds -= step


def test_a_pause_within_a_hold_is_a_pause_and_the_hold_is_one() -> None:
    times = RunTimes(Moment(0, 1000))
    passed(times, (30, STORE), (200, PAUSE), (40, STORE), (50, WORK))
    waits, spans = times.take_changes()
    assert [(w.kind, w.lasted_s, w.times, w.began, w.ended) for w in waits.values()] == [
        (WaitKind.HELD, 70, 1, 1000, 1270),
        (WaitKind.PAUSED, 200, 1, 1030, 1230),
    ]
    assert [span.worked_s for span in spans.values()] == [50]


def test_short_holds_for_the_same_reason_are_one_record_and_each_counts() -> None:
    times = RunTimes(Moment(0, 1000))
    for number in range(5):
        passed(times, (4, Doing(WaitKind.HELD, "memory", f"{number}", 1000 + number * 34)), (30, WORK))
    passed(times, (70, WORK), (4, Doing(WaitKind.HELD, "memory", "late", 1240)))
    waits, _ = times.take_changes()
    assert [(w.lasted_s, w.times, w.detail) for w in waits.values()] == [(20, 5, "4"), (4, 1, "late")]


def test_a_machine_that_sleeps_was_neither_at_work_nor_held() -> None:
    times = RunTimes(Moment(0, 1000))
    passed(times, (20, WORK))
    times.pass_time(Moment(20 + ASLEEP_S + 3570, 900), WORK)  # and woke with another clock
    passed(times, (10, WORK))
    waits, spans = times.take_changes()
    assert [(w.kind, w.lasted_s) for w in waits.values()] == [(WaitKind.ASLEEP, ASLEEP_S + 3570)]
    assert (spans[0].worked_s, times.lasted_s) == (30, 3630)


def test_throughput_is_kept_for_each_ten_minutes_of_work() -> None:
    times = RunTimes(Moment(0, 1000))
    passed(times, (400, WORK), (500, STORE), (200, WORK))
    times.stored(Stored(7, 70.0, 700, 70))
    passed(times, (30, WORK))
    assert times.stored(Stored(9, 90.0, 900, 90))
    assert not times.stored(Stored(9, 90.0, 900, 90))
    _, spans = times.take_changes()
    assert [(n, s.began, s.worked_s, s.images, s.jpeg_bytes) for n, s in spans.items()] == [
        (0, 1000, 600, 7, 70),
        (1, 2100, 30, 2, 20),
    ]
    passed(times, (10, PAUSE))
    waits, spans = times.take_changes()
    assert (list(waits), list(spans)) == ([1], [1]), "only what has changed"


def test_a_wait_is_known_as_soon_as_it_begins() -> None:
    times = RunTimes(Moment(0, 1000))
    passed(times, (20, WORK))
    assert times.pass_time(times.until, PAUSE)
    waits, _ = times.take_changes()
    assert [(w.reason, w.began, w.lasted_s, w.times) for w in waits.values()] == [("anna", 1020, 0, 1)]


@given(st.lists(st.tuples(st.floats(0, 100), st.floats(-50, 50), st.sampled_from([WORK, STORE, PAUSE]))))
def test_work_and_waits_are_all_of_the_time(steps: list[tuple[float, float, Doing]]) -> None:
    times = RunTimes(Moment(0, 1000))
    for seconds, clock_change_s, doing in steps:
        now = times.until
        times.pass_time(Moment(now.steady_s + seconds, now.unix_s + seconds + clock_change_s), doing)
    waits, spans = times.take_changes()
    total = sum(w.lasted_s for w in waits.values()) + sum(s.worked_s for s in spans.values())
    assert abs(total - times.lasted_s) < 1e-6
