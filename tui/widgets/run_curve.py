"""The throughput of a whole run as a curve, from the ledger's records of it: a night is seen the morning after."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise

from engine.control.recent import Rest
from engine.ledger.runs import RunRecord, WaitKind
from tui.widgets.chart import Curve, Point

_COLUMNS_MIN = (
    1,
    2,
    3,
    4,
    5,
    6,
    8,
    10,
    12,
    15,
    20,
    25,
    30,
    40,
    50,
    60,
    80,
    100,
    120,
    150,
    180,
    240,
    300,
    360,
    480,
    720,
)
_COLUMNS_S = tuple(minutes * 60 for minutes in _COLUMNS_MIN)
"""What a column may stand for."""
_RESTS = {WaitKind.HELD: Rest.HOLDING, WaitKind.PAUSED: Rest.PAUSED, WaitKind.ASLEEP: Rest.STOPPED}


@dataclass
class _Column:
    seconds: float
    images_per_s: float = 0.0
    rests: dict[Rest, float] = field(default_factory=lambda: dict.fromkeys(Rest, 0.0))
    """Seconds."""

    def point(self) -> Point:
        """A rest of less than half of the column is a dip, a longer one is shaded."""
        resting = min(self.seconds, sum(self.rests.values()))
        share = resting / self.seconds if self.seconds else 0.0
        rest = max(self.rests, key=self.rests.__getitem__) if share >= 0.5 else None
        return Point(self.images_per_s * (1 - share), rest)


def run_curve(run: RunRecord, until: float, columns: int) -> Curve:
    """Images a second from the run's beginning to its end, or to `until` (Unix time, s) while it goes on."""
    end = max(run.began, until if run.ended is None else run.ended)
    if columns <= 0:
        return Curve((), _COLUMNS_S[0])
    wanted = (end - run.began) / max(1, columns - 1)
    column_s = next((one for one in _COLUMNS_S if one >= wanted), math.ceil(wanted))
    first, last = int(run.began // column_s), int(end // column_s)
    drawn = [_Column(_overlap(run.began, end, number, column_s)) for number in range(first, last + 1)]

    def share_out(began: float, ended: float) -> Iterator[tuple[_Column, float]]:
        began, ended = max(run.began, began), min(end, ended)
        for number in range(int(began // column_s), int(ended // column_s) + 1) if ended > began else ():
            yield drawn[number - first], _overlap(began, ended, number, column_s)

    ends = [span.began for span in run.throughput[1:]] + [end]
    for span, ended in zip(run.throughput, ends, strict=False):
        for column, seconds in share_out(span.began, ended):
            if span.worked_s > 0 and column.seconds:
                column.images_per_s += span.images / span.worked_s * seconds / column.seconds
    for wait in run.waits:
        density = min(1.0, wait.lasted_s / max(0.001, wait.ended - wait.began))
        for column, seconds in share_out(wait.began, wait.ended):
            column.rests[_RESTS[wait.kind]] += seconds * density
    for before, after in pairwise(run.engines):
        for column, seconds in share_out(before.seen, after.began):
            column.rests[Rest.STOPPED] += seconds
    return Curve(tuple(column.point() for column in drawn)[-columns:], column_s, end - run.began)


def _overlap(began: float, ended: float, number: int, column_s: int) -> float:
    """Seconds of the time that are in the numbered column."""
    return max(0.0, min(ended, (number + 1) * column_s) - max(began, number * column_s))
