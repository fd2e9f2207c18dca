"""The hours in which a run starts images: how photostat.toml writes them, and when they open and close.

`Mon-Fri 18:00-08:00, Sat-Sun 00:00-24:00`: windows between commas. A window may begin with days, singly or from one to
another; they are those on which it opens, and without them it opens every day. It closes on the next day if its
second time is not after its first.

A window is of local clocks. Where a clock is set forward over a time, that time counts as the moment of the change;
where it is set back, the first of the two counts. Everything here is pure: the time is passed in.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta, tzinfo
from typing import Any

from msgspec import Struct

_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_DAY_NAMES = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_DAY_MIN = 24 * 60
_LOOKS_BACK_DAYS = 9
"""A window that is open now opened on the day before at the earliest; one that has closed, a week before that."""
_LOOKS_AHEAD_DAYS = 400
_EXAMPLES = '"18:00-08:00" or "Mon-Fri 18:00-08:00, Sat-Sun 00:00-24:00"'


class Window(Struct, frozen=True):
    days: frozenset[int]
    """On which it opens; 0 is Monday."""
    opens_min: int
    """After midnight of that day."""
    closes_min: int
    """As `opens_min`, and after it; more than a day's minutes if it closes on the next day."""


class Span(Struct, frozen=True):
    """In which the hours are open without a break; Unix times, s."""

    opens: float
    closes: float


class RunHours(Struct, frozen=True):
    """Without windows they are always open. `zone` None is this machine's."""

    text: str = ""
    windows: tuple[Window, ...] = ()

    def is_open(self, now: float, zone: tzinfo | None = None) -> bool:
        return not self.windows or any(span.opens <= now for span in self._spans(now, zone, days=2))

    def next_span(self, now: float, zone: tzinfo | None = None) -> Span:
        """The first that has not closed yet. Only for hours that have windows."""
        return next(self._spans(now, zone))

    def closed_since(self, now: float, zone: tzinfo | None = None) -> float | None:
        """The end of the last span before now."""
        first = _local(now, zone).date() - timedelta(days=_LOOKS_BACK_DAYS)
        closed = [span.closes for span in self._from(first, zone, _LOOKS_BACK_DAYS + 1) if span.closes <= now]
        return max(closed, default=None)

    def end_of_work(
        self, now: float, work_s: float, until: float | None = None, zone: tzinfo | None = None
    ) -> float:
        """When so much work will be done, Unix time, s; up to `until` work goes on outside the hours too."""
        if not self.windows:
            return now + work_s
        at = max(now, until or now)
        left = work_s - (at - now)
        if left <= 0:
            return now + work_s
        worked = 0.0
        for span in self._spans(at, zone):
            begins = max(span.opens, at)
            if worked + span.closes - begins >= left:
                return begins + left - worked
            worked += span.closes - begins
            last = span.closes
        return at + left * (last - at) / worked  # years: at the pace of the first one

    def _spans(self, now: float, zone: tzinfo | None, days: int = _LOOKS_AHEAD_DAYS) -> Iterator[Span]:
        """Those that have not closed yet, in their order."""
        yesterday = _local(now, zone).date() - timedelta(days=1)
        return (span for span in self._from(yesterday, zone, days) if span.closes > now)

    def _from(self, first: date, zone: tzinfo | None, days: int) -> Iterator[Span]:
        """Those that open on so many days; two that touch are one."""
        open_span: Span | None = None
        for day in (first + timedelta(days=number) for number in range(days)):
            for span in sorted(self._of_day(day, zone), key=lambda span: span.opens):
                if open_span is None or span.opens > open_span.closes:
                    if open_span is not None:
                        yield open_span
                    open_span = span
                else:
                    open_span = Span(open_span.opens, max(open_span.closes, span.closes))
        if open_span is not None:
            yield open_span

    def _of_day(self, day: date, zone: tzinfo | None) -> Iterator[Span]:
        for window in self.windows:
            if day.weekday() in window.days:
                span = Span(_moment(day, window.opens_min, zone), _moment(day, window.closes_min, zone))
                if span.closes > span.opens:
                    yield span


def _local(now: float, zone: tzinfo | None) -> datetime:
    return datetime.fromtimestamp(now, zone)


def _moment(day: date, minutes: int, zone: tzinfo | None) -> float:
    """The first at which local clocks show so many minutes after midnight of the day, or have been set over that."""
    wanted = datetime.combine(day, time()) + timedelta(minutes=minutes)
    early, late = sorted(wanted.replace(tzinfo=zone, fold=fold).timestamp() for fold in (0, 1))
    if _shows(early, zone) == wanted:
        return early
    while late - early > 1:  # the clock is set forward between them
        middle = (early + late) // 2
        early, late = (early, middle) if _shows(middle, zone) >= wanted else (middle, late)
    return late


def _shows(moment: float, zone: tzinfo | None) -> datetime:
    return _local(moment, zone).replace(tzinfo=None, fold=0)


def read_hours(value: Any) -> RunHours:
    """Raises ValueError that says which part is wrong, and what is allowed."""
    if not isinstance(value, str):
        raise ValueError(f"must be hours like {_EXAMPLES}, in quotes, or empty")
    if not value.strip():
        return RunHours()
    return RunHours(" ".join(value.split()), tuple(_read_window(part.strip()) for part in value.split(",")))


def _read_window(part: str) -> Window:
    match = re.fullmatch(r"((?:[^\d\s][^\s]*\s+)*)(\d\d?):(\d\d)\s*-\s*(\d\d?):(\d\d)", part)
    if match is None:
        what = f"{part!r} is not" if part else "there is nothing before or after a comma"
        raise ValueError(f"must be hours like {_EXAMPLES}; {what}")
    opens_min, closes_min = _minutes(match[2], match[3], part), _minutes(match[4], match[5], part)
    if opens_min == closes_min:
        raise ValueError(
            f"{part!r} opens and closes at one time: 00:00-24:00 is the whole day; what is not named is closed"
        )
    if opens_min == _DAY_MIN:
        raise ValueError(f"{part!r} must not begin at 24:00: write 00:00 and the next day")
    if closes_min < opens_min:
        closes_min += _DAY_MIN
    return Window(_read_days(match[1].split(), part), opens_min, closes_min)


def _minutes(hours: str, minutes: str, part: str) -> int:
    total = int(hours) * 60 + int(minutes)
    if int(minutes) > 59 or total > _DAY_MIN:
        raise ValueError(f"{part!r}: {hours}:{minutes} is no time; it must be from 00:00 to 24:00")
    return total


def _read_days(words: list[str], part: str) -> frozenset[int]:
    days: set[int] = set()
    for word in words:
        first, dash, last = word.partition("-")
        begin = _read_day(first, part)
        end = _read_day(last, part) if dash else begin
        days |= {(begin + number) % 7 for number in range((end - begin) % 7 + 1)}
    return frozenset(days or range(7))


def _read_day(word: str, part: str) -> int:
    for number, names in enumerate(zip(_DAYS, _DAY_NAMES, strict=True)):
        if word.lower() in names:
            return number
    raise ValueError(f"{part!r}: {word!r} is no day; days are Mon, Tue, Wed, Thu, Fri, Sat, Sun")
