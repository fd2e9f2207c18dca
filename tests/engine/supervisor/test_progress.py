"""Rates and the time that the rest takes: only time in which the engine works counts."""

from __future__ import annotations

import pytest

from engine.ledger.account import Outstanding
from engine.supervisor.progress import WINDOW_S, Finished, InHand, Progress, SurveyPace

LEFT = Outstanding(surveyed=100, megapixels=1000.0, unsurveyed=0)


def working(progress: Progress, since: float, seconds: int, share: float = 1.0) -> float:
    """A second at a time, an image of ten megapixels every second."""
    for second in range(1, seconds + 1):
        progress.pass_time(since + second, share)
        progress.add(Finished(10.0, 1000, 500))
    return since + seconds


def passing(progress: Progress, since: float, seconds: int, share: float = 0.0) -> float:
    for second in range(1, seconds + 1):
        progress.pass_time(since + second, share)
    return since + seconds


def test_a_pause_changes_neither_rates_nor_what_is_left() -> None:
    progress = Progress(1000.0)
    now = working(progress, 1000.0, 30)
    rates, left = progress.rates(), progress.eta_s(now, lambda: LEFT)
    assert rates.images_per_s == pytest.approx(1.0)
    assert left == pytest.approx(100.0)
    now = passing(progress, now, 3600)
    assert progress.rates() == rates
    assert progress.eta_s(now, lambda: LEFT) == left
    now = working(progress, now, 30)
    assert progress.rates().megapixels_per_s == pytest.approx(10.0)


def test_a_time_without_results_counts_while_the_engine_runs() -> None:
    progress = Progress(0.0)
    now = working(progress, 0.0, 30)
    passing(progress, now, 30, share=1.0)
    assert progress.rates().images_per_s == pytest.approx(0.5)


def test_the_tail_of_a_pause_counts_by_the_share_of_the_workers() -> None:
    """One of four workers works for forty more seconds, and finishes a quarter of what four would have."""
    progress = Progress(0.0)
    now = working(progress, 0.0, 30)
    for _ in range(10):
        now = passing(progress, now, 4, share=0.25)
        progress.add(Finished(10.0, 1000, 500))
    assert progress.rates().images_per_s == pytest.approx(1.0)


def test_only_the_last_minutes_of_work_count() -> None:
    progress = Progress(0.0)
    now = working(progress, 0.0, 1000)
    for _ in range(int(WINDOW_S)):
        now = passing(progress, now, 1, share=1.0)
        progress.add(Finished(40.0, 1000, 500))
    assert progress.rates().megapixels_per_s == pytest.approx(40.0, rel=0.02)


def test_a_machine_that_slept_did_not_work() -> None:
    progress = Progress(0.0)
    now = working(progress, 0.0, 60)
    progress.pass_time(now + 8 * 3600)
    assert progress.rates().images_per_s == pytest.approx(1.0, rel=0.1)


def test_there_is_no_estimate_before_the_first_image() -> None:
    progress = Progress(0.0)
    progress.pass_time(4.0)
    assert progress.eta_s(4.0, lambda: LEFT) is None


def test_the_estimate_combines_images_and_megapixels() -> None:
    """The rest is of small images: 4.9 h of their pixels, 9.6 h of their number."""
    progress = Progress(0.0)
    now = working(progress, 0.0, 400)
    rest = Outstanding(surveyed=34_560, megapixels=176_400.0, unsurveyed=0)
    spread = progress.eta_range_s(now, lambda: rest)
    assert spread is not None
    assert spread[0] == pytest.approx(4.9 * 3600, rel=0.1)
    assert spread[1] == pytest.approx(9.6 * 3600, rel=0.1)
    assert progress.eta_s(now, lambda: rest) == pytest.approx(7.25 * 3600, rel=0.05)


def test_few_images_give_a_wide_range_and_many_a_narrow_one() -> None:
    progress = Progress(0.0)
    now = working(progress, 0.0, 4)
    few = progress.eta_range_s(now, lambda: LEFT)
    now = working(progress, now, 200)
    many = progress.eta_range_s(now, lambda: LEFT)
    assert few is not None
    assert many is not None
    assert few[1] / few[0] > 2
    assert many[1] / many[0] < 1.25


def test_headers_that_were_read_since_the_last_count_are_taken_off() -> None:
    progress, rest = Progress(0.0), Outstanding(surveyed=0, megapixels=0.0, unsurveyed=1000)
    left = []
    for now, read in ((1.0, 10), (2.0, 310), (12.0, 310)):  # the last one counts again
        pace = SurveyPace(read)
        assert progress.outstanding(now, lambda: rest, pace) == rest, "as many are to be converted"
        left.append(progress.headers_left(pace))
    assert left == [1000, 700, 1000]


def test_headers_that_were_just_read_leave_the_time_for_their_images() -> None:
    progress = Progress(0.0)
    now = working(progress, 0.0, 400)
    unread = Outstanding(surveyed=0, megapixels=0.0, unsurveyed=1000)
    before = progress.eta_range_s(now, lambda: unread, SurveyPace(0))
    assert progress.eta_range_s(now + 1, lambda: unread, SurveyPace(1000)) == before


def test_a_batch_that_is_released_or_held_between_two_counts_is_counted_at_once() -> None:
    progress = Progress(0.0)
    now = working(progress, 0.0, 400)
    progress.outstanding(now, lambda: Outstanding(0, 0.0, 0), SurveyPace())
    released = progress.eta_range_s(now + 1, lambda: LEFT, SurveyPace(), InHand(100, 0))
    assert released is not None
    assert sum(released) / 2 == pytest.approx(100.0, rel=0.02)
    progress.outstanding(now + 20, lambda: LEFT, SurveyPace())
    assert progress.eta_range_s(now + 21, lambda: LEFT, SurveyPace(), InHand(0, 0)) == (0.0, 0.0)


def test_what_is_in_flight_takes_time_too() -> None:
    """1,000 JPEGs wait for a slow store; and the last image is so large that it takes an hour."""
    progress, nothing = Progress(0.0), Outstanding(0, 0.0, 0)
    now = working(progress, 0.0, 400)
    for_the_store = progress.eta_range_s(now, lambda: nothing, SurveyPace(), InHand(0, 1000))
    assert for_the_store is not None
    assert sum(for_the_store) / 2 == pytest.approx(1000.0, rel=0.02)
    assert progress.eta_range_s(now, lambda: nothing, SurveyPace(), InHand(0, 1, 3600.0)) == (3600.0, 3600.0)


def test_what_is_not_surveyed_is_estimated_from_what_is() -> None:
    """Half of the headers cannot be read, so that half of the rest needs no time; who knows less is less certain."""
    progress = Progress(0.0)
    now = working(progress, 0.0, 400)
    rest = Outstanding(surveyed=1000, megapixels=10_000.0, unsurveyed=2000)
    certain = progress.eta_range_s(now, lambda: Outstanding(2000, 20_000.0, 0))
    half = progress.eta_range_s(now + 11, lambda: rest, SurveyPace(read=20_000, failed=10_000))
    assert certain is not None and half is not None
    assert sum(half) == pytest.approx(sum(certain))
    assert half[1] - half[0] > certain[1] - certain[0]


def test_a_few_headers_do_not_say_which_share_cannot_be_read() -> None:
    assert [SurveyPace(read, read // 2).readable for read in (0, 20, 200)] == [1.0, 1.0, 0.5]


def test_the_run_takes_no_less_time_than_its_headers() -> None:
    """Ten in ten seconds, of which 900 are left; nearly all fail, and what is left to convert is little."""
    progress, rest = Progress(0.0), Outstanding(10, 100.0, 900)
    now = working(progress, 0.0, 400)
    progress.outstanding(now, lambda: rest, SurveyPace(read=100, failed=99))
    spread = progress.eta_range_s(now + 10, lambda: rest, SurveyPace(read=110, failed=109))
    assert spread is not None
    assert spread[0] == spread[1] == pytest.approx(900.0)


def test_the_jpegs_to_come_are_estimated_from_those_that_were_stored() -> None:
    progress = Progress(0.0)
    rest = Outstanding(surveyed=10, megapixels=100.0, unsurveyed=10)
    assert progress.jpeg_bytes_left(rest, SurveyPace()) is None
    progress.add(Finished(10.0, 1000, 500))
    progress.count(Finished(10.0, 1000, 500))
    assert progress.jpeg_bytes_left(rest, SurveyPace()) == 10_000
