"""Numbers as people read them in reports: sizes, durations, moments. Plain text, nothing of a terminal."""

from __future__ import annotations

import math
import time

_DATA_UNITS = ("B", "kB", "MB", "GB", "TB", "PB")
NARROW_SPACE = "\u202f"
NOTHING = "–"


def data_size(size_bytes: float) -> str:
    """Decimal units, three figures or so: `16.8 MB`, `7.23 TB`."""
    amount, unit = float(size_bytes), 0
    while abs(amount) >= 999.5 and unit < len(_DATA_UNITS) - 1:
        amount /= 1000
        unit += 1
    digits = 0 if unit == 0 or abs(amount) >= 99.95 else 1 if abs(amount) >= 9.995 else 2
    return f"{amount:.{digits}f}{NARROW_SPACE}{_DATA_UNITS[unit]}"


def plain_size(size_bytes: float) -> str:
    """`data_size` with a plain space, for logs."""
    return data_size(size_bytes).replace(NARROW_SPACE, " ")


def share(part: float, whole: float) -> str:
    """A percentage that is 0 or 100 only when it is exactly that: `40.5 %`, `< 0.1 %`."""
    if whole <= 0:
        return NOTHING
    percent = 100 * part / whole
    if 0 < percent < 0.1:
        return f"<{NARROW_SPACE}0.1{NARROW_SPACE}%"
    if 99.9 < percent < 100:
        return f">{NARROW_SPACE}99.9{NARROW_SPACE}%"
    text = f"{percent:.1f}".removesuffix(".0")
    return f"{text}{NARROW_SPACE}%"


def duration(seconds: float | None) -> str:
    """The two largest units: `12 s`, `3 min 5 s`, `4 h 7 min`, `2 d 6 h`."""
    if seconds is None or not math.isfinite(seconds):
        return NOTHING
    if 0 < seconds < 9.95:
        return f"{seconds:.1f}{NARROW_SPACE}s"
    whole = max(0, round(seconds))
    units = (("d", 86400), ("h", 3600), ("min", 60), ("s", 1))
    for position, (name, size) in enumerate(units):
        if whole >= size or name == "s":
            parts = [f"{whole // size}{NARROW_SPACE}{name}"]
            if position + 1 < len(units) and whole % size:
                smaller, step = units[position + 1]
                if whole % size // step:
                    parts.append(f"{whole % size // step}{NARROW_SPACE}{smaller}")
            return " ".join(parts)
    raise AssertionError("seconds are a unit")


def moment(unix_s: float) -> str:
    """Local time with its zone: `12 March 2026, 14:05 CET`."""
    there = time.localtime(unix_s)
    return f"{there.tm_mday} {time.strftime('%B %Y, %H:%M %Z', there)}".strip()


def short_moment(unix_s: float) -> str:
    """Local time: `12 Mar 2026 14:05`."""
    there = time.localtime(unix_s)
    return f"{there.tm_mday}{NARROW_SPACE}{time.strftime('%b %Y %H:%M', there)}"


def count(number: int, one: str, many: str = "") -> str:
    """`1 image`, `2,340 images`."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def decibels(value: float | None) -> str:
    """`43.2 dB`; `identical` for infinity."""
    if value is None:
        return NOTHING
    return "identical" if math.isinf(value) else f"{value:.1f}{NARROW_SPACE}dB"
