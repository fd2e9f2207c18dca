"""Which other sources tell whether the share with a missing one is there: its neighbours in the export, some of all."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

from engine.failures import Cause
from engine.messages import MissingSource, NeighbourSource, SurveyRequest

_SPREAD = 32
"""So many evenly over the whole ledger."""
_CONVERTED = 8
"""So many of the nearest that are done, on either side."""
_KNOWN_AWAY = json.dumps([Cause.SOURCE_MISSING, Cause.SOURCE_UNREADABLE])

_COLUMNS = "SELECT id, uuid, source, width IS NOT NULL AS was_there FROM images"
_USABLE = "(state NOT IN ('failed', 'accepted') OR cause NOT IN (SELECT value FROM json_each(?)))"


def doubt_about(db: sqlite3.Connection, request: SurveyRequest, sources: Path) -> MissingSource:
    """Exports go directory by directory, so ids near by are paths near by: those 1, 2, 4 … images away are looked
    up, and some all over, by their ids: under a millisecond. Sources known to be missing say nothing."""
    image_id = request.image_id
    last: int = db.execute("SELECT coalesce(max(id), 0) FROM images").fetchone()[0]
    steps = [2**power for power in range(last.bit_length())]
    ids = {image_id + step for step in steps} | {image_id - step for step in steps}
    ids |= {1 + number * last // _SPREAD for number in range(_SPREAD)}
    rows = db.execute(
        f"{_COLUMNS} WHERE id IN (SELECT value FROM json_each(?)) AND {_USABLE}",  # noqa: S608 - our own words
        (json.dumps(sorted(ids - {image_id})), _KNOWN_AWAY),
    ).fetchall()
    for side in ("id < ? ORDER BY id DESC", "id > ? ORDER BY id"):
        rows += db.execute(f"{_COLUMNS} WHERE state = 'done' AND {side} LIMIT ?", (image_id, _CONVERTED))
    nearest = sorted({row["id"]: row for row in rows}.values(), key=lambda row: abs(row["id"] - image_id))
    kin = [
        NeighbourSource(str(sources / row["source"]), row["uuid"], bool(row["was_there"])) for row in nearest
    ]
    return MissingSource(request, tuple(kin))
