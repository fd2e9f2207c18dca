"""The account of a run in words, read by somebody who has slept."""

from __future__ import annotations

from msgspec import structs

from engine.ledger.batch_order import BatchHold
from engine.ledger.runs import Ending, WaitKind
from engine.run_account.account import account_of, new_from
from engine.run_account.words import lines, text
from tests.support.run_records import BEGAN, engine, figures, run, span, wait


def test_a_night_with_everything_in_it() -> None:
    night = run(
        engine(0, 7, None),
        engine(7.1, 13, Ending.FINISHED),
        ended_h=13,
        waits=(
            wait(WaitKind.HELD, "store", 8, 5400),
            wait(WaitKind.HELD, "memory", 9.75, 60, times=12),
            wait(WaitKind.PAUSED, "anna (pts/3, reading-room)", 1, 2520),
        ),
        throughput=(span(0, 600), span(5, 1200)),
    )
    account = account_of(
        night, figures(done=1800, failed=6), {"truncated": 1}, new_from(night), is_running=False
    )
    assert [tuple(line) for line in lines(account)] == [
        ("run", "finished: began 01 Mar 2026 18:00, ended 02 Mar 07:00, after 13 h 00 min"),
        ("time", "10 h 41 min at work, 1 h 31 min held, 42 min 00 s paused, 6 min 00 s without an engine"),
        (
            "held",
            "store 1 h 30 min (02 Mar 02:00:00–03:30:00: why: store); "
            "memory 1 min 00 s (12 times, mostly 02 Mar 03:45:00–03:46:00: why: memory)",
        ),
        ("paused", "42 min 00 s by anna (pts/3, reading-room), 19:00:00–19:42:00"),
        (
            "restarts",
            "1 restart; the engine (process 4711) died at 02 Mar 01:00:00; the next began 6 min 00 s later",
        ),
        (
            "images",
            "1,800 images into the store, 1.80 MB to 720 kB (60.0 % smaller); 90.0 images/min at work, "
            "at best 120 (23:00:00)",
        ),
        ("failed", "6 images: source-missing 5, truncated 1"),
        (
            "next",
            "see why 6 images failed: `photostat failures` (f), then `photostat requeue` or `photostat accept`",
        ),
    ]


def test_new_failures_are_told_only_of_a_run_that_began_before_yesterday() -> None:
    night = run(engine(0, 40, Ending.DRAINED), throughput=(span(0, 1, worked_s=1),))
    account = account_of(
        night, figures(pending=2, failed=6), {"truncated": 1}, new_from(night), is_running=False
    )
    told = text(account).split("\n")
    assert told[0].startswith(
        "run     drained, with what was in flight finished: began 01 Mar 2026 18:00, ended 03 Mar"
    )
    assert told[-3:-1] == [
        "failed  6 images: source-missing 5 (none in the last 24 h), truncated 1 (1 in the last 24 h)",
        "next    go on with 2 images: `photostat run` (s in the app)",
    ]


def test_an_engine_that_died_says_where_to_look_first_and_how_to_go_on() -> None:
    night = run(engine(0, 2, None, clock_change_s=3600))
    account = account_of(night, figures(pending=2), {}, new_from(night), is_running=False)
    told = dict(lines(account))
    assert told["run"] == "the engine died: began 01 Mar 2026 18:00, last seen 21:00, after 2 h 00 min"
    assert told["restarts"] == "the engine (process 4711) died at 21:00:00"
    assert "was set forward by 1 h 00 min" in told["clock"]
    assert told["images"] == "none came into the store"
    assert [line.text for line in lines(account) if line.label == "next"] == [
        "see how it ended: `photostat events`, and engine-output.log in logs/",
        "go on with 2 images: `photostat run` (s in the app)",
    ]


def test_the_advice_of_a_hold_is_told_only_while_it_lasts() -> None:
    detail = "/out is away. Is the volume mounted? The engine continues by itself."
    mount = structs.replace(wait(WaitKind.HELD, "store", 1, 600), detail=detail)
    night = run(engine(0, 2, Ending.FINISHED), ended_h=2, waits=(mount,))
    told = dict(lines(account_of(night, figures(done=2), {}, new_from(night), is_running=False)))
    assert told["held"].endswith(": /out is away)")
    night = run(
        engine(0, 1, Ending.DRAINED),
        ended_h=1,
        waits=(structs.replace(wait(WaitKind.HELD, "store", 0.5, 1800), detail=detail),),
    )
    told = dict(lines(account_of(night, figures(pending=2), {}, new_from(night), is_running=False)))
    assert told["held"].endswith(f": {detail})")


def test_without_failures_and_work_there_is_a_next_step_too() -> None:
    night = run(engine(0, 1, Ending.FINISHED), ended_h=1)
    told = text(account_of(night, figures(done=2), {}, new_from(night), is_running=False))
    assert told.endswith(
        "next    compare with the store: `photostat reconcile`; look at each batch: `photostat review BATCH`; "
        "write the account: `photostat report`"
    )


def test_a_short_run_is_told_to_the_second() -> None:
    night = run(engine(0, 0.01, Ending.FINISHED), ended_h=0.01)
    told = text(account_of(night, figures(done=2), {}, new_from(night), is_running=False))
    assert told.startswith("run     finished: began 01 Mar 2026 18:00:00, ended 18:00:36, after 36 s\n")


def test_a_wait_over_days_has_both_dates_and_one_that_had_just_begun_no_duration() -> None:
    waits = (
        wait(WaitKind.PAUSED, "anna", 1, 62 * 3600),
        wait(WaitKind.HELD, "store", 70, 0),
        wait(WaitKind.PAUSED, "bert", 71, 0),
    )
    weekend = run(engine(0, 71, None), waits=waits)
    told = dict(lines(account_of(weekend, figures(pending=2), {}, new_from(weekend), is_running=False)))
    assert told["paused"] == ("2 d 14 h by anna, 01 Mar 19:00:00–04 Mar 09:00:00; by bert, 04 Mar 17:00:00")
    assert told["held"] == "store (04 Mar 16:00:00: why: store)"


def test_of_many_crashes_and_pauses_the_last_are_named() -> None:
    waits = tuple(wait(WaitKind.PAUSED, f"anna {hour}", hour, 60) for hour in range(5))
    night = run(*(engine(hour, hour + 0.9, None) for hour in range(5)), waits=waits)
    told = dict(lines(account_of(night, figures(pending=2), {}, new_from(night), is_running=False)))
    assert told["restarts"].startswith("4 restarts; 5 crashes (`photostat events`), the last 3: the engine (")
    assert told["restarts"].endswith("; the engine (process 4711) died at 22:54:00")
    assert told["paused"].startswith("5 pauses (`photostat events`), the last 3: 1 min 00 s by anna 2, 20:00")


def test_images_of_held_batches_are_no_reason_to_run() -> None:
    night, found = run(engine(0, 2, Ending.DRAINED)), figures(pending=2)
    held = structs.replace(found, batch_holds={"maps": BatchHold(BEGAN, "{}", "")})
    told = account_of(night, held, {}, new_from(night), is_running=False)
    assert [line.text for line in lines(told) if line.label == "next"] == [
        "let 2 images of held batches start: `photostat batches` names them, `photostat batches release NAME` "
        "(r at a batch in the app)"
    ]
