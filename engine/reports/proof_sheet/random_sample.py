"""Which images a proof sheet shows: drawn at random from the ledger, the same ones for the same seed."""

from __future__ import annotations

import random

from engine.ledger.filters import ImageFilter
from engine.ledger.models import ImageRow
from engine.ledger.reader import LedgerReader

_DRAWN_STATES = ("pending", "in_flight", "done")
"""States of images whose source is not known to be bad."""


def draw_sample(reader: LedgerReader, batch: str | None, size: int, seed: int) -> list[ImageRow]:
    """Up to `size` images that are neither failed nor accepted, in the ledger's order."""
    total = reader.count(ImageFilter(batch=batch))
    offsets = list(range(total))
    random.Random(f"{seed}/{batch or ''}").shuffle(offsets)
    drawn: list[ImageRow] = []
    for offset in offsets:
        if len(drawn) == size:
            break
        rows = reader.images(ImageFilter(batch=batch), limit=1, offset=offset)
        drawn += [row for row in rows if row.state in _DRAWN_STATES]
    return sorted(drawn, key=lambda row: row.id)
