"""Text in the columns of a terminal: cut to fit, aligned, and drawn as bars and curves. Pure functions, no widgets."""

from __future__ import annotations

import math
from collections.abc import Sequence
from enum import StrEnum
from itertools import takewhile

from rich.cells import cell_len, chop_cells

from engine.formatting import visible

ELLIPSIS = "…"
_EIGHTHS = " ▏▎▍▌▋▊▉█"
_SPARKS = "▁▂▃▄▅▆▇█"
_EIGHTHS_UP = " " + _SPARKS


class Mark(StrEnum):
    """The glyph of each state of an image in a stacked bar, because colour alone must not show it."""

    DONE = "█"
    ACCEPTED = "▓"
    FAILED = "▒"
    IN_FLIGHT = "░"
    WAITING = "·"


class Keep(StrEnum):
    """Which part of a text that is too long stays."""

    START = "start"
    END = "end"
    BOTH = "both"


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


def told_apart(texts: Sequence[str], columns: int) -> list[str]:
    """`fit` for names that stand below one another: if they do not fit, what all of them end with is left out.

    `conv-01.library.example` and `conv-02.library.example` are `conv-01…` and `conv-02…`."""
    names = [visible(text) for text in texts]
    different = set(names)
    if len(different) > 1 and max(map(cell_len, names)) > columns:
        ends = zip(*(name[::-1] for name in different), strict=False)
        alike = sum(1 for _ in takewhile(lambda letters: len(set(letters)) == 1, ends))
        names = [name[: len(name) - alike] + ELLIPSIS for name in names] if alike > 1 else names
    short = [fit(name, columns, Keep.BOTH) for name in names]
    if len(set(short)) < len(different):
        short = [fit(name, columns, Keep.END) for name in names]
    return short


def padded(text: str, columns: int, keep: Keep = Keep.START) -> str:
    """`fit`, filled with spaces to exactly `columns`."""
    short = fit(text, columns, keep)
    return short + " " * (columns - cell_len(short))


def right_aligned(text: str, columns: int) -> str:
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


def stacked(counts: Sequence[int], columns: int) -> list[int]:
    """The columns of each part of a bar, `columns` in all. One image of 430,057 has a column, taken from the widest."""
    total = sum(counts)
    if columns <= 0 or total <= 0:
        return [0] * len(counts)
    ends = [round(columns * sum(counts[: index + 1]) / total) for index in range(len(counts))]
    parts = [end - start for start, end in zip([0, *ends], ends, strict=False)]
    for index, count in enumerate(counts):
        if count and not parts[index] and max(parts) > 1:
            parts[parts.index(max(parts))] -= 1
            parts[index] = 1
    return parts


def sparkline(values: Sequence[float], columns: int, ceiling: float | None = None) -> str:
    """The last `columns` values as blocks of eight heights under the highest, or under `ceiling`."""
    shown = list(values)[-columns:] if columns > 0 else []
    top = max(shown, default=0.0) if ceiling is None else ceiling
    if top <= 0:
        return _SPARKS[0] * len(shown)
    steps = [math.ceil(max(0.0, min(1.0, value / top)) * 8) for value in shown]
    return "".join(_SPARKS[max(0, step - 1)] for step in steps)


def column_chart(values: Sequence[float], columns: int, rows: int, ceiling: float | None = None) -> list[str]:
    """`sparkline` over several rows, from the top: eight heights a row, spaces above, now at the right edge."""
    shown = list(values)[-columns:] if columns > 0 else []
    top = max(shown, default=0.0) if ceiling is None else ceiling
    heights = [math.ceil(max(0.0, min(1.0, value / top)) * 8 * rows) if top > 0 else 0 for value in shown]
    heights = [max(1, height) for height in heights]
    return [
        "".join(_EIGHTHS_UP[max(0, min(8, height - row * 8))] for height in heights).rjust(columns)
        for row in reversed(range(rows))
    ]


def names_that_fit(items: Sequence[str], columns: int) -> str:
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
