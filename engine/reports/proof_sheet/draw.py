"""Which images a proof sheet shows: drawn at random from the ledger, the same ones for the same seed."""

from __future__ import annotations

import random

from engine.ledger.models import ImageRow
from engine.ledger.reader import LedgerReader

_SHOWN = ("pending", "in_flight", "done")
"""States of images whose source is not known to be bad."""


def draw_sample(reader: LedgerReader, batch: str | None, size: int, seed: int) -> list[ImageRow]:
    """Up to `size` images that are not failed or accepted, in the ledger's order."""
    total = reader.count(batch=batch)
    places = list(range(total))
    random.Random(f"{seed}/{batch or ''}").shuffle(places)
    drawn: list[ImageRow] = []
    for place in places:
        if len(drawn) == size:
            break
        rows = reader.images(batch=batch, limit=1, offset=place)
        drawn += [row for row in rows if row.state in _SHOWN]
    return sorted(drawn, key=lambda row: row.id)
