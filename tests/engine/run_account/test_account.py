"""The time of a run has five parts that are all of it, whatever happened in the night."""

from __future__ import annotations

import pytest

from engine.formatting import DAY
from engine.ledger.account import LedgerFigures
from engine.ledger.runs import Ending, RunRecord, WaitKind
from engine.run_account.account import RunAccount, RunState, account_of, new_from
from tests.support.run_records import BEGAN, HOUR, engine, figures, run, span, wait


def account(record: RunRecord, found: LedgerFigures, *, is_running: bool = False) -> RunAccount:
    return account_of(record, found, {"source-missing": 2}, new_from(record), is_running=is_running)


def test_holds_pauses_and_crashes_add_up_to_the_time_of_the_run() -> None:
    told = account(
        run(
            engine(0, 5, None),
            engine(5.5, 12, Ending.FINISHED),
            ended_h=12,
            waits=(
                wait(WaitKind.HELD, "store", 1, 600),
                wait(WaitKind.PAUSED, "anna", 2, 1800),
                wait(WaitKind.HELD, "memory", 3, 30, times=12),
                wait(WaitKind.HELD, "store", 6, 1200),
                wait(WaitKind.ASLEEP, "", 7, 900),
            ),
        ),
        figures(done=40, failed=6),
    )
    parts = (
        told.at_work_seconds,
        told.held_seconds,
        told.paused_seconds,
        told.asleep_seconds,
        told.off_seconds,
    )
    assert sum(parts) == told.seconds == 12 * HOUR
    assert parts[1:] == (1830, 1800, 900, 0.5 * HOUR)
    assert [
        (hold.reason, hold.seconds, hold.times, hold.longest_ended - hold.longest_began)
        for hold in told.holds
    ] == [
        ("store", 1800, 2, 1200),
        ("memory", 30, 12, 30),
    ]
    assert [(pause.by, pause.seconds) for pause in told.pauses] == [("anna", 1800)]
    assert (told.restarts, [(crash.time, crash.seconds_until_next) for crash in told.crashes]) == (
        1,
        [(BEGAN + 5 * HOUR, 0.5 * HOUR)],
    )


@pytest.mark.parametrize(
    ("how", "ended_h", "is_running", "state", "crashes"),
    [
        (Ending.FINISHED, 3, False, RunState.FINISHED, 0),
        (Ending.DRAINED, None, False, RunState.DRAINED, 0),
        (Ending.STOPPED, None, False, RunState.STOPPED, 0),
        (None, None, False, RunState.DIED, 1),
        (Ending.FAULT, None, False, RunState.DIED, 1),
        (None, None, True, RunState.RUNNING, 0),
        (Ending.DIED, None, True, RunState.RUNNING, 1),
    ],
)
def test_how_the_last_engine_ended_is_what_became_of_the_run(
    how: Ending | None, ended_h: float | None, is_running: bool, state: RunState, crashes: int
) -> None:
    told = account(run(engine(0, 3, how), ended_h=ended_h), figures(pending=1), is_running=is_running)
    assert (told.state, len(told.crashes), told.ended) == (state, crashes, BEGAN + 3 * HOUR)


def test_a_clock_that_was_set_changes_no_duration_and_is_told() -> None:
    told = account(run(engine(0, 2, Ending.STOPPED, clock_change_s=-3600)), figures(pending=1))
    assert (told.seconds, told.at_work_seconds, told.clock_change_seconds) == (7200, 7200, -3600)
    back = account(run(engine(0, 2, None), engine(1, 3, Ending.STOPPED)), figures(pending=1))
    assert (back.seconds, back.off_seconds) == (4 * HOUR, 0)


def test_rates_are_of_the_time_at_work_and_the_best_is_of_ten_minutes() -> None:
    night = run(
        engine(0, 1, Ending.STOPPED), throughput=(span(0, 600), span(0.2, 1200), span(0.4, 90, worked_s=9))
    )
    told = account(night, figures(pending=1))
    assert (told.images, told.source_bytes, told.jpeg_bytes) == (1890, 1_890_000, 756_000)
    assert told.images_per_s == pytest.approx(1890 / 1209)
    assert (told.best_images_per_s, told.best_began) == (2.0, BEGAN + 0.2 * HOUR)


def test_what_failed_in_the_last_day_of_the_run_is_new() -> None:
    night = run(engine(0, 30, Ending.FINISHED), ended_h=30)
    told = account(night, figures(done=3, failed=6))
    assert told.new_since == BEGAN + 30 * HOUR - DAY
    assert [(failed.cause, failed.images, failed.new) for failed in told.failures] == [
        ("source-missing", 5, 2),
        ("truncated", 1, 0),
    ]
