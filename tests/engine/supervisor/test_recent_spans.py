"""The last half hour of an engine: images, memory and rests, for clients that attach later."""

from __future__ import annotations

import msgspec
import pytest

from engine.control.recent import SPAN_S, SPANS_KEPT, Recent, Rest, Span
from engine.supervisor.recent_spans import RecentSpans

NOW = 1_772_409_840.0
"""Where a span begins."""


def looked(recent: RecentSpans, since: float, seconds: int, images: int = 0, rest: Rest | None = None) -> int:
    """Once a second, an image a second if it works; returns how many images there are."""
    for second in range(seconds):
        images += rest is None
        recent.look(since + second, images=images, used_bytes=100 + second, rest=rest)
    return images


def test_a_span_counts_its_images_and_has_the_mean_of_its_memory() -> None:
    recent = RecentSpans()
    looked(recent, NOW, 25)
    assert recent.snapshot() == Recent(NOW, (Span(10, 104, None), Span(10, 114, None), Span(5, 122, None)))


def test_holds_and_pauses_are_kept() -> None:
    recent = RecentSpans()
    images = looked(recent, NOW, 10)
    looked(recent, NOW + 10, 10, images, Rest.HOLDING)
    looked(recent, NOW + 20, 10, images, Rest.PAUSED)
    looked(recent, NOW + 30, 4, images, Rest.PAUSED)
    looked(recent, NOW + 34, 6, images)
    rests = [span.rest for span in recent.snapshot().spans]
    assert rests == [None, Rest.HOLDING, Rest.PAUSED, None], "what most of a span was"


def test_it_begins_with_what_earlier_engines_stored() -> None:
    recent = RecentSpans()
    recent.begin([NOW - 4000, NOW - 35, NOW - 31, NOW - 1], NOW)
    looked(recent, NOW, 1)
    assert [span.images for span in recent.snapshot().spans] == [2, 0, 0, 1, 1]
    assert recent.snapshot().began == NOW - 40
    assert recent.snapshot().spans[0].used_bytes is None


def test_the_time_between_two_engines_is_no_slow_work() -> None:
    recent = RecentSpans()
    recent.begin([NOW - 45, NOW - 35], NOW)
    looked(recent, NOW, 1)
    rests = [span.rest for span in recent.snapshot().spans]
    assert rests == [None, None, Rest.STOPPED, Rest.STOPPED, Rest.STOPPED, None]
    alone = RecentSpans()
    alone.begin([], NOW)
    looked(alone, NOW, 1)
    assert [span.rest for span in alone.snapshot().spans] == [None]


def test_half_an_hour_is_kept_and_a_gap_is_time_without_images() -> None:
    recent = RecentSpans()
    images = looked(recent, NOW, 10)
    looked(recent, NOW + 30, 1, images)
    assert [span.images for span in recent.snapshot().spans] == [10, 0, 0, 1]
    looked(recent, NOW + 40, 2 * SPANS_KEPT * SPAN_S, images + 1)
    assert len(recent.snapshot().spans) == SPANS_KEPT


@pytest.mark.parametrize("jump_s", [-3600.0, 86_400.0])
def test_a_clock_that_is_set_begins_anew(jump_s: float) -> None:
    recent = RecentSpans()
    images = looked(recent, NOW, 30)
    looked(recent, NOW + jump_s, 5, images)
    assert recent.snapshot().spans == (Span(5, 102, None),)


@pytest.mark.parametrize("spans", [[[-1, None, None]], [[1, None, "asleep"]], [[1]], [[1, 1, None]] * 181, 3])
def test_what_is_no_history_is_refused(spans: object) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"began": NOW, "spans": spans}, Recent)
