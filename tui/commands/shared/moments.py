"""Moments as people type them: a time of day, a date, or how long ago."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping

import click

from engine.formatting import DAY, HOUR, MINUTE

_UNITS: Mapping[str, float] = {"m": MINUTE, "min": MINUTE, "h": HOUR, "d": DAY}
_AGO = re.compile(r"(\d+(?:\.\d+)?)\s*(m|min|h|d)")
_FORMATS = ("%Y-%m-%d", "%Y-%m-%d %H:%M", "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S")
_TIMES = ("%H:%M", "%H:%M:%S")


def moment(text: str, now: float) -> float:
    """Unix time, s. A time of day is the last such time: today, or yesterday. Raises click.BadParameter."""
    said = " ".join(text.split()).lower()
    here = time.localtime(now)
    midnight = time.mktime((here.tm_year, here.tm_mon, here.tm_mday, 0, 0, 0, 0, 0, -1))
    if said in ("today", "yesterday"):
        return midnight if said == "today" else _day_before(midnight)
    if ago := _AGO.fullmatch(said):
        return now - float(ago[1]) * _UNITS[ago[2]]
    for form in _TIMES:
        if (found := _parsed(said, form)) is not None:
            clock = (found.tm_hour, found.tm_min, found.tm_sec)
            today = _at(midnight, clock)
            return today if today <= now else _at(_day_before(midnight), clock)
    for form in _FORMATS:
        if (found := _parsed(said.upper(), form)) is not None:
            return time.mktime((*found[:6], 0, 0, -1))
    raise click.BadParameter(
        f"{text!r} is no moment: give a time (02:00), a date (2026-03-01, '2026-03-01 02:00'), "
        "how long ago (8h, 30m, 2d), today or yesterday"
    )


def _parsed(text: str, form: str) -> time.struct_time | None:
    try:
        return time.strptime(text, form)
    except ValueError:
        return None


def _day_before(midnight: float) -> float:
    there = time.localtime(midnight - HOUR)
    return time.mktime((there.tm_year, there.tm_mon, there.tm_mday, 0, 0, 0, 0, 0, -1))


def _at(midnight: float, clock: tuple[int, int, int]) -> float:
    there = time.localtime(midnight)
    return time.mktime((there.tm_year, there.tm_mon, there.tm_mday, *clock, 0, 0, -1))
