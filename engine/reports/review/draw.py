"""Which delivered images a review shows: those where something is likeliest to be wrong, and others at random."""

from __future__ import annotations

import math
import random
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from engine.formatting import counted
from engine.ledger.verdicts import Candidate

_LOWEST, _LARGEST, _WARNED, _KINDS = 0.25, 0.15, 0.15, 0.25
"""Shares of the sample; the rest is drawn at random from the whole batch."""
_TAIL = 0.05
"""Of the batch: from the lowest and from the largest so many, some are drawn by chance."""


class Reason(StrEnum):
    """Why an image was drawn."""

    LOWEST_PSNR = "lowest PSNR"
    LOW_PSNR = "low PSNR"
    LARGEST = "largest"
    LARGE = "large"
    WARNED = "warnings"
    KIND = "kind of source"
    CHANCE = "random"


@dataclass(frozen=True)
class Drawn:
    image: int
    reason: Reason


def draw(candidates: Sequence[Candidate], size: int, seed: int) -> list[Drawn]:
    """`size` images, or all if there are no more, by id; the same ones for the same seed.

    Half of those with a low PSNR, and half of the large ones, are the very lowest and largest whatever the seed."""
    lot = _Lot(random.Random(f"review/{seed}"), min(size, len(candidates)))
    by_psnr = sorted(candidates, key=lambda one: (math.inf if one.psnr is None else one.psnr, one.id))
    lot.extreme(by_psnr, _LOWEST, Reason.LOWEST_PSNR, Reason.LOW_PSNR)
    by_size = sorted(candidates, key=lambda one: (-(one.pixels or 0), one.id))
    lot.extreme(by_size, _LARGEST, Reason.LARGEST, Reason.LARGE)
    lot.each_kind(candidates, _KINDS)
    lot.chance([one for one in candidates if one.is_warned], lot.share(_WARNED), Reason.WARNED)
    lot.chance(candidates, lot.size, Reason.CHANCE)
    return sorted(lot.drawn.values(), key=lambda one: one.image)


def how_drawn(drawn: Iterable[Drawn], delivered: int, seed: int) -> str:
    """In words: `6 of 118 delivered images, drawn with seed 1: 2 lowest PSNR, 4 random`."""
    reasons = Counter(one.reason for one in drawn)
    total = reasons.total()
    if total == delivered:
        return f"all {counted(delivered, 'delivered image')}"
    parts = ", ".join(f"{reasons[reason]} {reason}" for reason in Reason if reasons[reason])
    return f"{total} of {counted(delivered, 'delivered image')}, drawn with seed {seed}: {parts}"


class _Lot:
    def __init__(self, luck: random.Random, size: int) -> None:
        self._luck = luck
        self.size = size
        self.drawn: dict[int, Drawn] = {}

    def share(self, part: float) -> int:
        """How many images a share is: one at least."""
        return max(1, round(self.size * part))

    def extreme(self, ordered: Sequence[Candidate], part: float, extreme: Reason, near: Reason) -> None:
        count = self.share(part)
        first = math.ceil(count / 2)
        tail = max(2 * count, math.ceil(len(ordered) * _TAIL))
        for one in ordered[:first]:
            self._take(one, extreme)
        self.chance(ordered[first:tail], count - first, near)

    def each_kind(self, candidates: Sequence[Candidate], part: float) -> None:
        """One of each kind that is not drawn yet, the most frequent kinds first."""
        kinds: dict[int | None, list[Candidate]] = {}
        for one in candidates:
            kinds.setdefault(one.kind, []).append(one)
        seen = {one.kind for one in candidates if one.id in self.drawn}
        left = self.share(part)
        for kind in sorted(kinds, key=lambda kind: (-len(kinds[kind]), kind or 0)):
            if kind not in seen and left:
                self._take(self._luck.choice(kinds[kind]), Reason.KIND)
                left -= 1

    def chance(self, candidates: Sequence[Candidate], count: int, reason: Reason) -> None:
        """Up to `count` of those that are not drawn yet."""
        others = [one for one in candidates if one.id not in self.drawn]
        for one in self._luck.sample(others, min(count, len(others))):
            self._take(one, reason)

    def _take(self, one: Candidate, reason: Reason) -> None:
        if len(self.drawn) < self.size:
            self.drawn.setdefault(one.id, Drawn(one.id, reason))
