"""The curves of memory and throughput: their spans and their beginning."""

from __future__ import annotations

from msgspec import structs

from engine.control.snapshot import MemorySnapshot, State
from tests.support.statuses import NOW, running
from tui.state.history import SPAN_S, SPANS_KEPT, History


def test_a_span_is_the_mean_of_its_snapshots_and_old_spans_stay() -> None:
    history = History()
    for second in range(25):
        snapshot = structs.replace(
            running(),
            time=NOW // SPAN_S * SPAN_S + second,
            memory=MemorySnapshot(total=100, available=100 - second),
        )
        history.add(snapshot)
        if second == 10:
            first = history.used_bytes()[0]
    assert history.used_bytes() == [4.5, 14.5, 22.0]
    assert history.used_bytes()[0] == first


def test_the_curve_begins_with_the_ledger_s_conversions() -> None:
    history = History()
    history.begin([NOW - 600 + second for second in range(600)], NOW)
    assert 58 <= len(history.images_per_s()) <= 60
    assert history.images_per_s()[5] == 1.0
    history.add(structs.replace(running(), time=NOW))
    assert len(history.images_per_s()) <= SPANS_KEPT
    assert len(history.used_bytes()) == 1


def test_a_pause_with_nothing_in_flight_has_no_throughput() -> None:
    idle = tuple(structs.replace(batch, in_flight=0, pending=5) for batch in running().batches)
    history = History()
    history.add(structs.replace(running(), state=State.PAUSED))
    assert history.images_per_s()[-1] > 0, "what is in flight still finishes"
    history = History()
    history.add(structs.replace(running(), state=State.PAUSED, batches=idle))
    assert history.images_per_s() == [0.0]


def test_a_clock_that_is_set_back_starts_a_new_curve() -> None:
    history = History()
    history.add(structs.replace(running(), time=NOW))
    history.add(structs.replace(running(), time=NOW - 3600))
    assert len(history.images_per_s()) == 1
