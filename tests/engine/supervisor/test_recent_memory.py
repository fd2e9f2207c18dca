"""The half hour of a host's memory: means of spans, without gaps, whatever the clock does."""

from __future__ import annotations

from engine.control.recent import SPAN_S, SPANS_KEPT, MemoryUsed
from engine.supervisor.recent_memory import RecentMemory

MIB = 2**20
BEGAN = 1_000_000.0


def test_spans_are_means_and_what_was_not_looked_at_is_as_it_is_then() -> None:
    recent = RecentMemory()
    for after_s, mib in ((0, 100), (3, 200), (6, 300), (SPAN_S * 3, 80), (SPAN_S * 3 + 2, 100)):
        assert recent.is_due(BEGAN + after_s)
        recent.look(BEGAN + after_s, mib * MIB)
        assert not recent.is_due(BEGAN + after_s + 1)
    assert recent.snapshot() == MemoryUsed(BEGAN, (200, 80, 80, 90))


def test_no_more_than_half_an_hour_is_kept_and_a_clock_that_jumps_begins_anew() -> None:
    recent = RecentMemory()
    for number in range(SPANS_KEPT + 20):
        recent.look(BEGAN + number * SPAN_S, number * MIB)
    kept = recent.snapshot()
    assert len(kept.mib) == SPANS_KEPT and kept.mib[-1] == SPANS_KEPT + 19
    assert kept.began == BEGAN + 20 * SPAN_S
    for moment in (BEGAN - 86_400, BEGAN + 10 * 86_400):
        assert recent.is_due(moment)
        recent.look(moment, MIB)
        assert recent.snapshot() == MemoryUsed(moment, (1,))
