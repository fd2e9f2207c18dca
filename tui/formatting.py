"""How the app puts things: numbers, sizes, times and states as short plain text. Pure functions, no widgets."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from enum import StrEnum

from rich.cells import cell_len, chop_cells

from engine import failures

DASH = "–"
"""Stands where nothing is known."""
ELLIPSIS = "…"
_EIGHTHS = " ▏▎▍▌▋▊▉█"
_SPARKS = "▁▂▃▄▅▆▇█"
MINUTE, HOUR, DAY = 60, 3600, 86400


class Keep(StrEnum):
    """Which part of a text that is too long stays."""

    START = "start"
    END = "end"
    BOTH = "both"


def integer(number: int) -> str:
    """430057 → `430,057`."""
    return f"{number:,}"


def counted(number: int, one: str, many: str = "") -> str:
    """`1 image`, `2 images`; `many` for nouns that do not just take an s."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def percent(part: int, whole: int) -> str:
    """Rounded down, so that `100 %` means all of it, and `0 %` none."""
    if whole <= 0:
        return DASH
    if part >= whole:
        return "100 %"
    if part <= 0:
        return "0 %"
    tenths = part * 1000 // whole
    return f"{tenths / 10:.1f} %" if tenths else "<0.1 %"


def _scaled(amount: float, step: int, units: Sequence[str]) -> tuple[str, str]:
    unit = 0
    while abs(amount) >= step and unit < len(units) - 1:
        amount /= step
        unit += 1
    if 999.5 <= abs(amount) < step and unit < len(units) - 1:
        amount /= step
        unit += 1
    number = f"{amount:.1f}" if unit and abs(amount) < 99.95 else f"{amount:.0f}"
    return number, units[unit]


def data(size_bytes: float) -> str:
    """Files and transfers, decimal: `16.8 MB`, `7.2 TB`."""
    return " ".join(_scaled(size_bytes, 1000, ("B", "kB", "MB", "GB", "TB", "PB")))


def memory(size_bytes: float) -> str:
    """Memory, binary: `640 MiB`, `3.2 GiB`."""
    return " ".join(_scaled(size_bytes, 1024, ("B", "KiB", "MiB", "GiB", "TiB")))


def short_memory(size_bytes: float | None) -> str:
    """Memory in at most 5 columns: `65M`, `640M`, `3.2G`."""
    if size_bytes is None:
        return DASH
    number, unit = _scaled(size_bytes, 1024, ("B", "K", "M", "G", "T"))
    return f"{number if unit in 'GT' else round(float(number))}{unit}"


def duration(seconds: float | None) -> str:
    """The two largest units: `12 s`, `3 min 05 s`, `4 h 07 min`, `2 d 06 h`."""
    if seconds is None or not math.isfinite(seconds):
        return DASH
    whole = max(0, int(seconds))
    if whole < MINUTE:
        return f"{whole} s"
    if whole < HOUR:
        return f"{whole // MINUTE} min {whole % MINUTE:02d} s"
    if whole < DAY:
        return f"{whole // HOUR} h {whole % HOUR // MINUTE:02d} min"
    return f"{whole // DAY} d {whole % DAY // HOUR:02d} h"


def short_seconds(seconds: float | None) -> str:
    """At most 6 columns, for a table: `12 s`, `3:05`, `1:02 h`."""
    if seconds is None:
        return DASH
    whole = max(0, int(seconds))
    if whole < 100:
        return f"{whole} s"
    if whole < HOUR:
        return f"{whole // MINUTE}:{whole % MINUTE:02d}"
    return f"{whole // HOUR}:{whole % HOUR // MINUTE:02d} h"


def clock(moment: float, now: float) -> str:
    """Local time of a Unix time: `23:14`, with the weekday when it is another day, with the date when far."""
    there, here = time.localtime(moment), time.localtime(now)
    if there[:3] == here[:3]:
        return time.strftime("%H:%M", there)
    if abs(moment - now) < 6 * DAY:
        return time.strftime("%a %H:%M", there)
    return time.strftime("%d %b %H:%M", there)


def dated(moment: float, now: float) -> str:
    """Local time of what happened, in lists and logs: `01 Mar 23:14:05`, in another year `01 Mar 2025 23:14`."""
    there, here = time.localtime(moment), time.localtime(now)
    return time.strftime("%d %b %H:%M:%S" if there.tm_year == here.tm_year else "%d %b %Y %H:%M", there)


def megapixels(amount: float | None) -> str:
    """`39.2 Mpx`, `0.4 Mpx`, `612 Mpx`."""
    if amount is None:
        return DASH
    return f"{amount:.1f} Mpx" if amount < 99.95 else f"{amount:.0f} Mpx"


def per_minute(per_second: float) -> str:
    """A rate of images: three figures, `66.2`, `0.8`, `412`."""
    rate = per_second * MINUTE
    return f"{rate:.1f}" if rate < 99.95 else f"{rate:,.0f}"


def reduction(source_bytes: int, jpeg_bytes: int) -> str:
    """What the JPEGs save of the sources: `59.5 % smaller`; larger is said too."""
    if source_bytes <= 0 or jpeg_bytes <= 0:
        return DASH
    saved = 1 - jpeg_bytes / source_bytes
    return f"{abs(saved) * 100:.0f} % {'smaller' if saved >= 0 else 'larger'}"


def visible(text: str) -> str:
    """The text with everything that a terminal would obey or hide made visible; one line stays one line."""
    return failures.visible(text, as_pictures=True)


def fit(text: str, columns: int, keep: Keep = Keep.START) -> str:
    """The text in at most `columns` terminal columns, an ellipsis where something is left out."""
    text = visible(text)
    if cell_len(text) <= columns:
        return text
    if columns <= 0:
        return ""
    if columns == 1:
        return ELLIPSIS
    room = columns - 1
    if keep is Keep.START:
        return _head(text, room) + ELLIPSIS
    if keep is Keep.END:
        return ELLIPSIS + _tail(text, room)
    tail = room // 2
    return _head(text, room - tail) + ELLIPSIS + _tail(text, tail)


def _head(text: str, columns: int) -> str:
    return chop_cells(text, columns)[0] if columns > 0 else ""


def _tail(text: str, columns: int) -> str:
    return _head(text[::-1], columns)[::-1]


def padded(text: str, columns: int, keep: Keep = Keep.START) -> str:
    """`fit`, filled with spaces to exactly `columns`."""
    short = fit(text, columns, keep)
    return short + " " * (columns - cell_len(short))


def right(text: str, columns: int) -> str:
    """Aligned to the right in exactly `columns`."""
    short = fit(text, columns)
    return " " * (columns - cell_len(short)) + short


def bar(fraction: float, columns: int) -> str:
    """A bar in eighths of a column, filled to `fraction` of `columns`, the rest dots.

    Empty only at 0 and full only at 1: one image of 430,057 can be seen, and one that is missing too."""
    if columns <= 0:
        return ""
    eighths = round(max(0.0, min(1.0, fraction)) * columns * 8)
    if fraction > 0:
        eighths = max(1, eighths)
    if fraction < 1:
        eighths = min(columns * 8 - 1, eighths)
    full, part = divmod(eighths, 8)
    filled = "█" * full + (_EIGHTHS[part] if part else "")
    return filled + "·" * (columns - len(filled))


def sparkline(values: Sequence[float], columns: int, ceiling: float | None = None) -> str:
    """The last `columns` values as blocks of eight heights under the highest, or under `ceiling`."""
    shown = list(values)[-columns:] if columns > 0 else []
    top = max(shown, default=0.0) if ceiling is None else ceiling
    if top <= 0:
        return _SPARKS[0] * len(shown)
    steps = [math.ceil(max(0.0, min(1.0, value / top)) * 8) for value in shown]
    return "".join(_SPARKS[max(0, step - 1)] for step in steps)


def columns_of(values: Sequence[float], columns: int, rows: int, ceiling: float | None = None) -> list[str]:
    """`sparkline` over several rows, from the top: eight heights a row, spaces above, now at the right edge."""
    shown = list(values)[-columns:] if columns > 0 else []
    top = max(shown, default=0.0) if ceiling is None else ceiling
    heights = [math.ceil(max(0.0, min(1.0, value / top)) * 8 * rows) if top > 0 else 0 for value in shown]
    heights = [max(1, height) for height in heights]
    return [
        "".join(_EIGHTHS_UP[max(0, min(8, height - row * 8))] for height in heights).rjust(columns)
        for row in reversed(range(rows))
    ]


_EIGHTHS_UP = " " + _SPARKS


def names(items: Sequence[str], columns: int) -> str:
    """`newspapers, maps +3` in at most `columns`: as many names as fit, and how many more there are."""
    if not items:
        return ""
    for count in range(len(items), 0, -1):
        more = f" +{len(items) - count}" if count < len(items) else ""
        text = ", ".join(visible(item) for item in items[:count]) + more
        if cell_len(text) <= columns:
            return text
    more = f" +{len(items) - 1}" if len(items) > 1 else ""
    return fit(items[0], max(1, columns - len(more))) + more
