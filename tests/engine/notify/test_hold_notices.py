"""People are told of every trouble and its end, and not of hundreds of holds that come and go."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise

from engine.control.snapshot import Hold, HoldReason
from engine.notify.hold_notices import HoldNotices, ToTell
from engine.notify.protocol import Occasion

STORE = Hold(HoldReason.STORE, "the store does not answer", 0.0, None)
DISK = Hold(HoldReason.DISK, "no space", 0.0, None)


def told(turns: Iterable[tuple[float, Hold | None]]) -> list[tuple[float, ToTell]]:
    """What is told in a run with these turns: the time of each, and the hold then."""
    notices, found = HoldNotices(), []
    for now, hold in turns:
        notices, to_tell = notices.look(hold, now)
        if to_tell is not None:
            found.append((now, to_tell))
    return found


def test_a_hold_is_told_at_once_and_its_end_when_it_stays_away() -> None:
    turns = [
        (0.0, None),
        *((float(n), STORE) for n in range(10, 400)),
        *((float(n), None) for n in range(400, 900)),
    ]
    (first, begin), (last, end) = told(turns)
    assert (first, begin.occasion, begin.text) == (10.0, Occasion.HOLDING, "store: the store does not answer")
    assert begin.hold == STORE
    assert (last, end.occasion) == (460.0, Occasion.HOLD_ENDED)
    assert (
        end.text
        == "goes on since 1 min 00 s, after it held for 6 min 30 s (store: the store does not answer)"
    )


def test_a_new_reason_in_a_trouble_is_told_at_once_and_an_old_one_is_not_again() -> None:
    turns = [(0.0, STORE), (5.0, DISK), (9.0, STORE), (12.0, None), (20.0, DISK)]
    assert [(now, to_tell.text[:5]) for now, to_tell in told(turns)] == [(0.0, "store"), (5.0, "disk:")]


def test_a_night_of_flapping_holds_is_a_few_messages_with_all_of_them_counted() -> None:
    for held_s, calm_s in ((2, 3), (30, 90), (60, 600), (600, 60), (1, 1800)):
        period = held_s + calm_s
        night = [(float(n), STORE if n % period < held_s else None) for n in range(12 * 3600)]
        found = told(night)
        assert 2 <= len(found) <= 2 * 13, (held_s, calm_s, len(found))
        later = [to_tell.text for _, to_tell in found[1:]]
        assert any("times" in text or "held for" in text for text in later)
        gaps = [after - before for (before, _), (after, _) in pairwise(found[6:])]
        assert not gaps or sum(gaps) / len(gaps) >= 900


def test_after_hours_of_calm_the_next_trouble_is_a_first_one_again() -> None:
    flapping = [(float(n), STORE if n % 300 < 10 else None) for n in range(3600)]
    later = [(float(n), STORE if n == 20_000 else None) for n in range(3600, 21_000)]
    *_, (begun, _), (ended, end) = told(flapping + later)
    assert (begun, ended) == (20_000.0, 20_061.0) and end.occasion is Occasion.HOLD_ENDED


def test_nobody_is_told_that_it_is_outside_its_hours() -> None:
    hours = Hold(HoldReason.HOURS, "outside its hours (18:00-08:00)", 0.0, 36_000.0)
    turns = [(0.0, None), *((float(n), hours) for n in range(10, 400)), (500.0, STORE), (501.0, hours)]
    turns += [(float(n), hours) for n in range(502, 700)]
    assert [(now, to_tell.occasion) for now, to_tell in told(turns)] == [
        (500.0, Occasion.HOLDING),
        (561.0, Occasion.HOLD_ENDED),
    ]


def test_nobody_is_told_that_hosts_are_missing_while_they_are_on_their_way() -> None:
    missing = Hold(HoldReason.HOSTS, "waiting for hosts", 0.0, None)
    notices = HoldNotices()
    told = []
    for second in range(200):
        notices, to_tell = notices.look(missing, float(second))
        if to_tell is not None:
            told.append(second)
    assert told == [120]
