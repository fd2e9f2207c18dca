"""The report's drawings, as SVG in the page's own colours: the account as a bar, PSNR as a histogram."""

from __future__ import annotations

import math
from collections.abc import Sequence

from engine.ledger.account import Account
from engine.reports.html import text

_BAR_WIDTH, _BAR_HEIGHT = 960, 22
_LEAST_SEEN = 2.0
"""A part that is not empty is drawn at least so wide: one failure in 430,057 can be seen."""

_PLOT_WIDTH, _PLOT_HEIGHT = 960, 190
_LEFT, _BOTTOM, _TOP = 52, 34, 12
_MOST_LABELS = 12

STYLE = """
svg text { font: 13px system-ui, "Noto Sans", sans-serif; fill: var(--soft); }
.done { fill: var(--done); } .failed { fill: var(--failed); } .accepted { fill: var(--accepted); }
.waiting { fill: var(--waiting); } .axis { stroke: var(--line); stroke-width: 1; }
.mark { stroke: var(--failed); stroke-width: 1.5; stroke-dasharray: 5 4; }
.keys { display: flex; flex-wrap: wrap; gap: .2rem 1.4rem; list-style: none; margin: .5rem 0; padding: 0;
  font-size: .925rem; font-variant-numeric: tabular-nums; }
.keys svg { display: inline-block; width: .8em; height: .8em; margin-right: .45em; vertical-align: -.05em; }
@media print { svg { print-color-adjust: exact; -webkit-print-color-adjust: exact; } }
"""


def parts_of(account: Account) -> list[tuple[str, str, int]]:
    """The account as (class, words, rows), in the order they are drawn."""
    return [
        ("done", "done", account.done),
        ("accepted", "accepted with a reason", account.accepted),
        ("failed", "failed", account.failed),
        ("waiting", "not converted yet", account.remaining),
    ]


def account_bar(account: Account) -> str:
    """Where the rows are, as one bar and a key with the numbers."""
    parts = [part for part in parts_of(account) if part[2]]
    widths = _widths([number for _, _, number in parts], _BAR_WIDTH)
    drawn, x = [], 0.0
    for (kind, words, number), width in zip(parts, widths, strict=True):
        title = f"<title>{number:,} {text(words)}</title>"
        drawn.append(
            f'<rect class="{kind}" x="{x:.1f}" y="0" width="{max(0.5, width - 1):.1f}" height="{_BAR_HEIGHT}">'
            f"{title}</rect>"
        )
        x += width
    label = ", ".join(f"{number:,} {words}" for _, words, number in parts) or "no rows"
    keys = "".join(
        f'<li><svg viewBox="0 0 10 10" aria-hidden="true"><rect class="{kind}" width="10" height="10"/></svg>'
        f"{number:,} {text(words)}</li>"
        for kind, words, number in parts
    )
    return (
        f'<figure><svg role="img" aria-label="{text(label)}" viewBox="0 0 {_BAR_WIDTH} {_BAR_HEIGHT}" '
        f'width="{_BAR_WIDTH}" height="{_BAR_HEIGHT}">{"".join(drawn)}</svg><ul class=keys>{keys}</ul></figure>'
    )


def _widths(numbers: Sequence[int], width: float) -> list[float]:
    """Shares of the width; small ones get the least that can be seen, the others give it up."""
    total = sum(numbers)
    if total == 0:
        return []
    shares = [max(_LEAST_SEEN, width * number / total) for number in numbers]
    surplus = sum(shares) - width
    largest = shares.index(max(shares))
    shares[largest] -= surplus
    return shares


def _labels(first: float, last: float) -> list[float]:
    """Round values along an axis."""
    steps = (0.5, 1, 2, 5, 10, 20)
    step = next((s for s in steps if (last - first) / s <= _MOST_LABELS), 50)
    return [index * step for index in range(math.ceil(first / step), math.floor(last / step) + 1)]


def histogram(
    bars: Sequence[tuple[float, int]],
    span: tuple[float, float],
    width_db: float,
    mark: float | None,
    label: str,
) -> str:
    """PSNR in bars `width_db` wide over `span` dB; `mark` is where the flagged ones end. Empty without bars."""
    if not bars:
        return ""
    first, last = span
    highest = max(number for _, number in bars)
    plot_width, plot_height = _PLOT_WIDTH - _LEFT - 8, _PLOT_HEIGHT - _BOTTOM - _TOP

    def at(value: float) -> float:
        return _LEFT + plot_width * (value - first) / (last - first)

    base = _TOP + plot_height
    drawn = [f'<line class=axis x1="{_LEFT}" y1="{base}" x2="{_PLOT_WIDTH - 8}" y2="{base}"/>']
    for value in sorted({highest, (highest + 1) // 2}):
        y = base - plot_height * value / highest
        drawn.append(f'<text x="{_LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{value:,}</text>')
        drawn.append(f'<line class=axis x1="{_LEFT}" y1="{y:.1f}" x2="{_PLOT_WIDTH - 8}" y2="{y:.1f}"/>')
    for edge, number in bars:
        if number:
            height = max(1.5, plot_height * number / highest)
            x, width = at(edge) + 0.75, at(edge + width_db) - at(edge) - 1.5
            title = f"{edge:g} to {edge + width_db:g} dB: {number:,}"
            drawn.append(
                f'<rect class=done x="{x:.1f}" y="{base - height:.1f}" width="{max(0.5, width):.1f}" '
                f'height="{height:.1f}"><title>{title}</title></rect>'
            )
    for edge in _labels(first, last):
        drawn.append(f'<text x="{at(edge):.1f}" y="{base + 19}" text-anchor="middle">{edge:g}</text>')
    if mark is not None and first < mark < last:
        drawn.append(f'<line class=mark x1="{at(mark):.1f}" y1="{_TOP}" x2="{at(mark):.1f}" y2="{base}"/>')
    return (
        f'<svg role="img" aria-label="{text(label)}" viewBox="0 0 {_PLOT_WIDTH} {_PLOT_HEIGHT}" '
        f'width="{_PLOT_WIDTH}" height="{_PLOT_HEIGHT}">{"".join(drawn)}</svg>'
    )
