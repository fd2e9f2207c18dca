"""The ledger's questions and notes for the supervisor: each reads an index, a handful of rows, under a millisecond."""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

from engine.failures import UserError
from engine.ledger.account import Account
from engine.ledger.models import Candidate, Peak, Recovered, Subject
from engine.messages import StoreRequest, Surveyed, SurveyRequest
from engine.workspace import is_within


def identity(db: sqlite3.Connection) -> str:
    found: str = db.execute("SELECT id FROM identity").fetchone()[0]
    return found


def source_within(db: sqlite3.Connection, directory: str, sources: Path) -> str | None:
    """Reads every row's source, as text: a path that goes there by a link or by `..` is not seen."""
    relative_to = os.path.normpath(sources)
    if is_within(relative_to, directory):
        where = "substr(source, 1, 1) <> '/' OR substr(source, 1, length(?1)) = ?1"
        values = [f"{directory.rstrip('/')}/"]
    else:
        below = os.path.relpath(directory, relative_to) if is_within(directory, relative_to) else directory
        where = "substr(source, 1, length(?1)) = ?1 OR substr(source, 1, length(?2)) = ?2"
        values = [f"{directory.rstrip('/')}/", f"{below}/"]
    row = db.execute(f"SELECT source FROM images WHERE {where} LIMIT 1", values).fetchone()  # noqa: S608
    return row[0] if row else None


def to_survey(
    db: sqlite3.Connection,
    batches: Sequence[str] | None,
    limit: int,
    exclude: Collection[int],
    sources: Path,
) -> list[SurveyRequest]:
    found: list[SurveyRequest] = []
    for batch, _ in _waiting_batches(db, batches):
        rows = db.execute(
            "SELECT id, source, uuid FROM images WHERE batch = ? AND state = 'pending' AND surveyed = 0 "
            "ORDER BY id LIMIT ?",
            (batch, limit - len(found) + len(exclude)),
        )
        found += [
            SurveyRequest(image_id, str(sources / source), uuid)
            for image_id, source, uuid in rows
            if image_id not in exclude
        ]
        if len(found) >= limit:
            break
    return found[:limit]


def candidates(
    db: sqlite3.Connection,
    batches: Sequence[str] | None,
    limit: int,
    exclude: Collection[int],
    sources: Path,
) -> list[Candidate]:
    found: list[Candidate] = []
    for batch, name in _waiting_batches(db, batches):
        rows = db.execute(
            "SELECT id, uuid, record, source, target, checksum, attempts, source_bytes, width, height, "
            "components, bits, tile_width, tile_height, levels, colour, code_block_samples FROM images "
            "WHERE batch = ? AND state = 'pending' AND surveyed = 1 ORDER BY pixels DESC, id LIMIT ?",
            (batch, limit - len(found) + len(exclude)),
        )
        found += [_candidate(row, name, sources) for row in rows if row["id"] not in exclude]
        if len(found) >= limit:
            break
    return found[:limit]


def _candidate(row: sqlite3.Row, batch: str, sources: Path) -> Candidate:
    image_id, uuid, record, source, target, checksum, attempts, *facts = row
    surveyed = Surveyed(image_id, *facts)
    return Candidate(
        image_id, batch, uuid, record, str(sources / source), target, checksum, attempts, surveyed
    )


def _waiting_batches(db: sqlite3.Connection, names: Sequence[str] | None) -> list[tuple[int, str]]:
    """The batches with pending images, in the order given, else the order they were added."""
    rows = db.execute("SELECT id, name FROM batches WHERE pending > 0 ORDER BY id")
    waiting = {name: number for number, name in rows}
    return [(waiting[name], name) for name in (waiting if names is None else names) if name in waiting]


def peaks(db: sqlite3.Connection, limit: int) -> list[Peak]:
    rows = db.execute(
        "SELECT image, lane, CAST(predicted_bytes / correction AS INTEGER), peak_rss_bytes FROM attempts "
        "WHERE peak_rss_bytes > 0 AND predicted_bytes > 0 ORDER BY id DESC LIMIT ?",
        (limit,),
    )
    return [Peak(*row) for row in rows]


def subject(db: sqlite3.Connection, image_id: int, sources: Path) -> Subject:
    row = db.execute("SELECT record, source, target FROM images WHERE id = ?", (image_id,)).fetchone()
    if row is None:
        raise UserError(f"no image {image_id} in the ledger")
    return Subject(image_id, row["record"], str(sources / row["source"]), row["target"])


def unfinished(db: sqlite3.Connection, uuid: str) -> int:
    found: int = db.execute(
        "SELECT count(*) FROM images WHERE uuid = ? AND state IN ('pending', 'in_flight', 'failed')", (uuid,)
    ).fetchone()[0]
    return found


def account(db: sqlite3.Connection) -> dict[str, Account]:
    rows = db.execute(
        "SELECT name, images, pending, in_flight, done, failed, accepted FROM batches ORDER BY id"
    )
    return {name: Account(*counts) for name, *counts in rows}


def event(
    db: sqlite3.Connection, level: str, kind: str, message: str, image_id: int | None, pid: int | None
) -> None:
    db.execute(
        "INSERT INTO events (time, level, kind, message, image, pid) VALUES (?, ?, ?, ?, ?, ?)",
        (time.time(), level, kind, message, image_id, pid),
    )


def note_attempt(db: sqlite3.Connection, image_id: int, reason: str) -> None:
    """Why the latest attempt ended, in words."""
    db.execute(
        "UPDATE attempts SET message = ? WHERE id = (SELECT max(id) FROM attempts WHERE image = ?)",
        (reason, image_id),
    )


def recover(db: sqlite3.Connection, sources: Path) -> list[Recovered]:
    rows = db.execute(
        "SELECT i.*, b.name AS batch_name FROM images i JOIN batches b ON b.id = i.batch "
        "WHERE state = 'in_flight' ORDER BY i.id"
    ).fetchall()
    recovered = [_recovered(row, sources) for row in rows if row["storing"]]
    for row in rows:
        if not row["storing"]:
            _put_back(db, row)
    return recovered


def _recovered(row: sqlite3.Row, sources: Path) -> Recovered:
    request = StoreRequest(
        image_id=row["id"],
        scratch_path=row["scratch_path"],
        target=row["target"],
        jpeg_bytes=row["jpeg_bytes"],
        md5=row["md5"],
        record=row["record"],
        uuid=row["uuid"],
        source_digest=row["source_digest"] or "",
    )
    return Recovered(
        request=request,
        batch=row["batch_name"],
        source=str(sources / row["source"]),
        megapixels=(row["pixels"] or 0) / 1e6,
        source_bytes=row["source_bytes"] or 0,
    )


def _put_back(db: sqlite3.Connection, row: sqlite3.Row) -> None:
    """The engine died under this image: pending again, and the attempt does not count."""
    why, now = "the engine ended while it was in flight", time.time()
    values: tuple[Any, ...] = (now, row["id"])
    db.execute(
        "UPDATE images SET state = 'pending', attempts = max(0, attempts - 1), updated = ? WHERE id = ?",
        values,
    )
    db.execute(
        "UPDATE attempts SET ended = ?, outcome = 'put-back', message = ? WHERE image = ? AND outcome IS NULL",
        (now, why, row["id"]),
    )
    event(db, "warning", "put-back", why, row["id"], os.getpid())
