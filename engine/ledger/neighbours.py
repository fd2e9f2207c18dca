"""Sources that show whether the share with a missing one is mounted: its neighbours in the export, and some of all."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable

from engine.config import SourcePaths
from engine.failures import SOURCE_CAUSES
from engine.ledger.statements import statements
from engine.messages import NeighbourSource

_SQL = statements("queries")
_SPREAD = 32
"""So many evenly over the whole ledger."""
_DONE = 8
"""So many of the nearest that are done, on either side."""
_CAUSES = json.dumps(sorted(SOURCE_CAUSES))

Select = Callable[[str, dict[str, object]], list[sqlite3.Row]]


def find(select: Select, image_id: int, last: int, sources: SourcePaths) -> tuple[NeighbourSource, ...]:
    """Sources near this image in a ledger of `last` images, the nearest first; none that is known to be missing."""
    ids = json.dumps(sorted(ids_to_look_up(image_id, last)))
    rows = select(_SQL["neighbours_by_id"], {"ids": ids, "causes": _CAUSES})
    for side in ("done_before", "done_after"):
        rows += select(_SQL[side], {"image": image_id, "limit": _DONE})
    nearest = sorted({row["id"]: row for row in rows}.values(), key=lambda row: abs(row["id"] - image_id))
    return tuple(
        NeighbourSource(sources.path(row["source"]), row["uuid"], bool(row["was_there"])) for row in nearest
    )


def ids_to_look_up(image_id: int, last: int) -> set[int]:
    """Images 1, 2, 4 … away, and some spread over the whole ledger, which has `last` images. Exports go directory by
    directory, so near ids are near paths."""
    steps = [2**power for power in range(last.bit_length())]
    ids = {image_id + step for step in steps} | {image_id - step for step in steps}
    ids |= {1 + number * last // _SPREAD for number in range(_SPREAD)}
    return ids - {image_id}
