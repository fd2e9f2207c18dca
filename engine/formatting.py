"""How photostat writes numbers, sizes, times and names: one form in reports, logs, commands and the app.

Every function returns plain text with plain spaces. Numbers have three significant figures, so that their width
stays nearly the same while they grow; the smaller unit of a duration has two digits for the same reason.
"""

from __future__ import annotations

import json
import math
import re
import time
from collections.abc import Sequence

UNKNOWN = "–"
"""Stands where there is no value."""
MINUTE, HOUR, DAY = 60, 3600, 86400
CLOCKS_APART_S = 30.0
"""A store refuses requests of a clock that is a quarter of an hour off (S3)."""
_DATA_UNITS = ("B", "kB", "MB", "GB", "TB", "PB")
_MEMORY_UNITS = ("B", "KiB", "MiB", "GiB", "TiB")
_NARROW_MEMORY_UNITS = ("B", "K", "M", "G", "T")
_FIRST_SURROGATE_BYTE, _LAST_SURROGATE_BYTE = 0xDC80, 0xDCFF
"""How Python keeps the bytes of a file name that is not UTF-8 (PEP 383)."""
_CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
"""C0 and C1 controls, DEL, line separators, bidirectional controls (Unicode, UAX #9), and bytes that are no text."""


# Numbers


def integer(number: int) -> str:
    """`430,057`."""
    return f"{number:,}"


def counted(number: int, one: str, many: str = "") -> str:
    """`1 image`, `2,340 images`; `many` for nouns that do not just take an s."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def three_figures(amount: float) -> str:
    """`7.23`, `39.2`, `612`, `16,771`; at most two decimals, and `0` only when it is exactly that."""
    size = abs(amount)
    if size == 0:
        return "0"
    return f"{amount:,.{2 if size < 9.995 else 1 if size < 99.95 else 0}f}"


def percent(part: float, whole: float) -> str:
    """`40.5 %`, to the nearest tenth; `0 %` and `100 %` only when it is exactly that, else `<0.1 %` or `99.9 %`."""
    if whole <= 0:
        return UNKNOWN
    if part in (0, whole):
        return "100 %" if part else "0 %"
    tenths = 1000 * part / whole
    if 0 < tenths < 1:
        return "<0.1 %"
    nearest = min(999, round(tenths)) if part < whole else max(1001, round(tenths))
    return f"{nearest / 10:.1f} %"


def reduction(source_bytes: float, jpeg_bytes: float) -> str:
    """What the JPEGs save of the sources: `59.5 % smaller`, or `30.0 % larger`."""
    if source_bytes <= 0 or jpeg_bytes <= 0:
        return UNKNOWN
    saved = source_bytes - jpeg_bytes
    return f"{percent(abs(saved), source_bytes)} {'smaller' if saved >= 0 else 'larger'}"


def short_reduction(source_bytes: float, jpeg_bytes: float) -> str:
    """`reduction` where there is little room: `−59.5 %`, `+30.0 %`."""
    words = reduction(source_bytes, jpeg_bytes)
    sign = "+" if words.endswith("larger") else "−"
    return words if words == UNKNOWN else sign + words.rpartition(" ")[0]


def per_minute(per_second: float) -> str:
    """A rate: `66.2`, `0.80`, `412`."""
    return three_figures(per_second * MINUTE)


def megapixels(amount: float | None) -> str:
    """`39.2 Mpx`."""
    return UNKNOWN if amount is None else f"{three_figures(amount)} Mpx"


def tried(attempts: int) -> str:
    """How often an image was tried, in at most 5 columns: `3×`; `never` if its row or header shows the fault."""
    return f"{attempts}×" if attempts else "never"


def decibels(value_db: float | None) -> str:
    """`43.2 dB`; `identical` for infinity."""
    if value_db is None:
        return UNKNOWN
    return "identical" if math.isinf(value_db) else f"{value_db:.1f} dB"


# Sizes


def data_size(size_bytes: float) -> str:
    """Files and transfers, in decimal units: `16.8 MB`, `7.23 TB`."""
    amount, unit = _scaled(size_bytes, 1000, _DATA_UNITS)
    return f"{_in_unit(amount, unit)} {_DATA_UNITS[unit]}"


def memory_size(size_bytes: float) -> str:
    """Memory, in binary units: `640 MiB`, `3.20 GiB`."""
    amount, unit = _scaled(size_bytes, 1024, _MEMORY_UNITS)
    return f"{_in_unit(amount, unit)} {_MEMORY_UNITS[unit]}"


def short_memory(size_bytes: float | None) -> str:
    """Memory in at most 5 columns of a table that changes every second: `65M`, `640M`, `3.2G`."""
    if size_bytes is None:
        return UNKNOWN
    amount, unit = _scaled(size_bytes, 1024, _NARROW_MEMORY_UNITS)
    name = _NARROW_MEMORY_UNITS[unit]
    return f"{amount:.{1 if name in 'GT' and abs(amount) < 99.95 else 0}f}{name}"


def _scaled(amount: float, step: int, units: Sequence[str]) -> tuple[float, int]:
    """The amount in the unit in which it has at most three digits, and that unit's place."""
    unit = 0
    while abs(amount) >= 999.5 and unit < len(units) - 1:
        amount /= step
        unit += 1
    return amount, unit


def _in_unit(amount: float, unit: int) -> str:
    return three_figures(amount) if unit else f"{amount:.0f}"


# Times


def duration(seconds: float | None) -> str:
    """The two largest units, rounded down: `12 s`, `3 min 05 s`, `4 h 07 min`, `2 d 06 h`."""
    if seconds is None or not math.isfinite(seconds):
        return UNKNOWN
    if 0 < seconds < 1:
        return "<1 s"
    whole = max(0, int(seconds))
    if whole < MINUTE:
        return f"{whole} s"
    if whole < HOUR:
        return f"{whole // MINUTE} min {whole % MINUTE:02d} s"
    if whole < DAY:
        return f"{whole // HOUR} h {whole % HOUR // MINUTE:02d} min"
    return f"{whole // DAY} d {whole % DAY // HOUR:02d} h"


def measured_time(seconds: float) -> str:
    """What one image took: `0.35 s`, `7.83 s`, `94.1 s`."""
    return f"{three_figures(seconds)} s"


def short_duration(seconds: float | None) -> str:
    """At most 7 columns of a table: `12 s`, `3:05`, `1:02 h`."""
    if seconds is None:
        return UNKNOWN
    whole = max(0, int(seconds))
    if whole < 100:
        return f"{whole} s"
    if whole < HOUR:
        return f"{whole // MINUTE}:{whole % MINUTE:02d}"
    return f"{whole // HOUR}:{whole % HOUR // MINUTE:02d} h"


def clock_apart(ahead_s: float) -> str:
    """How another machine's clock differs, `3 min 05 s behind`; empty if only as much as a slow network explains."""
    if abs(ahead_s) < CLOCKS_APART_S:
        return ""
    return f"{duration(abs(ahead_s))} {'ahead' if ahead_s > 0 else 'behind'}"


def clock(moment: float, now: float) -> str:
    """Local time of a Unix time: `23:14`; with the weekday on another day, with the date when it is far off."""
    there, here = time.localtime(moment), time.localtime(now)
    if there[:3] == here[:3]:
        return time.strftime("%H:%M", there)
    if abs(moment - now) < 6 * DAY:
        return time.strftime("%a %H:%M", there)
    return time.strftime("%d %b %H:%M", there)


def time_of_day(moment: float) -> str:
    """Local time of today: `23:14:05`."""
    return time.strftime("%H:%M:%S", time.localtime(moment))


def date_and_second(moment: float) -> str:
    """Local time, for messages on processes: `2026-03-01 23:14:05`."""
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(moment))


def dated(moment: float, now: float) -> str:
    """Local time in lists and logs: `01 Mar 23:14:05`, in another year `01 Mar 2025 23:14`."""
    there = time.localtime(moment)
    same_year = there.tm_year == time.localtime(now).tm_year
    return time.strftime("%d %b %H:%M:%S", there) if same_year else date_and_time(moment)


def date_and_time(moment: float) -> str:
    """Local time, for what is read at any later time: `01 Mar 2025 23:14`."""
    return time.strftime("%d %b %Y %H:%M", time.localtime(moment))


def long_date(moment: float) -> str:
    """Local time with its zone, for the head of a page: `12 March 2026, 14:05 CET`."""
    there = time.localtime(moment)
    return f"{there.tm_mday} {time.strftime('%B %Y, %H:%M %Z', there)}".strip()


# Texts from outside: names, paths, messages of servers and exceptions. Whatever writes them uses one of these.


def visible(text: str) -> str:
    r"""The text with everything that a terminal would obey or hide as an escape: `\x1b`, `\n`, `\u202e`.

    A byte of a file name that is not UTF-8 is written as that byte: `\xff`."""
    if text.isprintable():
        return text
    return "".join(character if character.isprintable() else _escaped(character) for character in text)


def visible_lines(text: str) -> str:
    """`visible` for what has lines, such as a traceback."""
    return "\n".join(map(visible, text.split("\n")))


def visible_controls(text: str) -> str:
    """`visible` for names that another program reads: only what a terminal obeys, and what turns the reading order.

    The joiners and spaces that some scripts need stay as they are."""
    return text if text.isprintable() else _CONTROLS.sub(lambda found: _escaped(found[0]), text)


_JSON = json.JSONEncoder(ensure_ascii=False, allow_nan=False)
_ASCII_JSON = json.JSONEncoder(allow_nan=False)
"""Made once, because documents of many elements are written an element at a time."""


def json_text(document: object, *, ascii_only: bool = False, indent: int | None = None) -> str:
    """JSON in which every text is as it was; what is not printable stands there as JSON's escape."""
    if indent is None:
        text = (_ASCII_JSON if ascii_only else _JSON).encode(document)
    else:
        text = json.dumps(document, indent=indent, ensure_ascii=ascii_only, allow_nan=False)
    if text.isprintable() or text.replace("\n", "").isprintable():
        return text
    return "".join(c if c.isprintable() or c == "\n" else json.dumps(c)[1:-1] for c in text)


def _escaped(character: str) -> str:
    code = ord(character)
    if _FIRST_SURROGATE_BYTE <= code <= _LAST_SURROGATE_BYTE:
        return f"\\x{code & 0xFF:02x}"
    return repr(character)[1:-1]
