"""The dashboard's events: a hold at two is still in sight at eight, and like failures are one line."""

from __future__ import annotations

import time

from msgspec import structs
from rich.cells import cell_len

from engine.ledger.models import Event
from tests.support.statuses import EVENTS, NOW
from tui.state.status import EngineStatus
from tui.state.view import View
from tui.widgets.event_details import EventDetails
from tui.widgets.events import Events, event_line, in_sight


def event(
    number: int, message: str = "", *, notable: bool = False, ago_s: float = 0.0, times: int = 1
) -> Event:
    at = NOW - ago_s
    kind = "hold" if notable else "converted"
    return Event(number, at, "info", kind, message, None, None, "", notable, times, at - 60, "corrupt")


def test_notable_events_keep_half_of_the_panel_and_routine_has_the_rest() -> None:
    newest = [event(number) for number in range(99, 59, -1)]
    notable = [event(number, notable=True) for number in (90, 20, 10, 5)]
    assert [e.id for e in in_sight(newest, notable, 5)] == [99, 98, 90, 20, 10]
    assert [e.id for e in in_sight(newest, notable, 3)] == [99, 90, 20]
    assert [e.id for e in in_sight(newest, notable[:1], 4)] == [99, 98, 97, 90]
    assert in_sight(newest, notable, 0) == []
    assert [e.id for e in in_sight([], notable, 9)] == [90, 20, 10, 5]


def test_an_older_day_is_told_and_several_are_one_line() -> None:
    of_yesterday = event(1, "corrupt: bad", notable=True, ago_s=86_400, times=1312)
    status = EngineStatus(events=(event(9, "fine"),), notable=(of_yesterday,))
    lines = [text.plain for text in Events().draw(View(status, NOW), 120, 9)]
    first, last = (time.strftime("%H:%M:%S", time.localtime(NOW - 86_400 - ago)) for ago in (60, 0))
    assert lines[2].endswith(f"hold      corrupt ×1,312, {first}–{last}, the last: bad")
    assert lines[2].startswith(time.strftime("%a %H:%M", time.localtime(NOW - 86_400)))
    assert lines[1].startswith(time.strftime(" %H:%M:%S", time.localtime(NOW)))


def test_an_event_of_another_machine_says_which() -> None:
    failed = next(event for event in EVENTS if event.kind == "failed")
    there = structs.replace(failed, host="conv2")
    assert cell_len(event_line(there, 40).plain) <= cell_len(event_line(failed, 40).plain)
    for columns in (80, 120):
        assert (
            " conv2 " in event_line(there, columns).plain and "conv2" not in event_line(failed, columns).plain
        )
        assert cell_len(event_line(there, columns).plain) <= columns
    details = EventDetails()
    details.show(there)
    assert any("failed: on conv2: newspapers/" in row.plain for row in details.lines(200, 5))


def test_a_failure_reddens_its_mark_and_cause_and_not_all_of_it() -> None:
    failed = next(event for event in EVENTS if event.kind == "failed")
    row = event_line(failed, 120)
    red = [row.plain[span.start : span.end].strip() for span in row.spans if "red" in str(span.style)]
    assert red == ["✗", "failed", "truncated"]
