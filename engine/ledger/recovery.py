"""After an engine that died: images that it had converted go on to the store; others in flight are pending again.

A JPEG on another machine's scratch waits for that machine; `engine.supervisor.absent_hosts` knows for how long."""

from __future__ import annotations

import os
import sqlite3
import time

from engine.config import SourcePaths
from engine.ledger.events import add_event
from engine.ledger.models import Recovered
from engine.ledger.replacements import md5s
from engine.ledger.statements import statements
from engine.ledger.states import EventKind, EventLevel
from engine.messages import StoreRequest

_SQL = statements("changes")


def recover(db: sqlite3.Connection, sources: SourcePaths) -> list[Recovered]:
    """Those that were converted and not stored. See Ledger.recover."""
    rows = db.execute(_SQL["in_flight"]).fetchall()
    for row in rows:
        if not row["storing"]:
            _put_back(db, row["id"], "the engine ended while it was in flight")
    return [_recovered(row, sources) for row in rows if row["storing"]]


def _recovered(row: sqlite3.Row, sources: SourcePaths) -> Recovered:
    request = StoreRequest(
        image_id=row["id"],
        scratch_path=row["scratch_path"],
        target=row["target"],
        jpeg_bytes=row["jpeg_bytes"],
        md5=row["md5"],
        record=row["record"],
        uuid=row["uuid"],
        source_digest=row["source_digest"] or "",
        may_replace=md5s(row["may_replace"]),
    )
    return Recovered(
        request=request,
        batch=row["batch_name"],
        source=sources.path(row["source"]),
        megapixels=(row["pixels"] or 0) / 1e6,
        source_bytes=row["source_bytes"] or 0,
        host=row["scratch_host"],
    )


def _put_back(db: sqlite3.Connection, image_id: int, reason: str) -> None:
    """The attempt does not count."""
    now = time.time()
    db.execute(_SQL["back_to_pending"], {"image": image_id, "given_back": 1, "now": now})
    db.execute(_SQL["put_back_last_attempt"], {"image": image_id, "reason": reason, "now": now})
    add_event(db, EventLevel.WARNING, EventKind.PUT_BACK, reason, image_id, os.getpid())
