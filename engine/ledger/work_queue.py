"""What the supervisor decides by: the images that wait, in their order, and how much memory earlier ones took."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection
from functools import lru_cache
from typing import Any

from engine.config import SourcePaths
from engine.file_kind import FileKind
from engine.ledger.account import Outstanding
from engine.ledger.models import MeasuredPeak, PendingImage
from engine.ledger.replacements import md5s
from engine.ledger.statements import statements
from engine.messages import Surveyed, SurveyRequest

_SQL = statements("work_queue")


class WorkQueue:
    """Reads an index and a handful of rows for each answer, under a millisecond, unless its docstring says more.

    `batches` are the names of those that count; None is every batch. They come in the ledger's order, and what people
    hold does not count at all."""

    def __init__(self, db: sqlite3.Connection, sources: SourcePaths) -> None:
        self._db = db
        self._sources = sources
        self._latest: dict[tuple[Any, ...], PendingImage] = {}
        """What `to_convert` found last, by its row and its batch: most of it is found again."""

    def to_survey(self, batches: Collection[str] | None, limit: int) -> list[SurveyRequest]:
        """Pending images whose header has not been read, batch after batch, as the export has them."""
        found: list[SurveyRequest] = []
        for batch, _ in self._waiting_batches(batches):
            rows = self._db.execute(_SQL["to_survey"], {"batch": batch, "limit": limit - len(found)})
            found += [
                SurveyRequest(image_id, self._sources.path(source), uuid) for image_id, source, uuid in rows
            ]
            if len(found) >= limit:
                break
        return found

    def to_convert(
        self, batches: Collection[str] | None, limit: int, unreadable: Collection[int] = ()
    ) -> list[PendingImage]:
        """Images that may start: batch after batch, the largest first.

        None of a later batch comes before all headers of an earlier one are read, but those that are `unreadable`."""
        found: dict[tuple[Any, ...], PendingImage] = {}
        for batch, name in self._waiting_batches(batches):
            rows = self._db.execute(_SQL["to_convert"], {"batch": batch, "limit": limit - len(found)})
            for row in rows:
                values = (name, *row)
                found[values] = self._latest.get(values) or self._pending(*values)
            if len(found) >= limit or self._has_unread(batch, unreadable):
                break
        self._latest = found
        return list(found.values())

    def _has_unread(self, batch: int, unreadable: Collection[int]) -> bool:
        """Whether headers of the batch are still to be read; not those of these images."""
        rows = self._db.execute(_SQL["unread"], {"batch": batch, "limit": len(unreadable) + 1})
        return any(image_id not in unreadable for (image_id,) in rows)

    def outstanding(self, batches: Collection[str] | None) -> Outstanding:
        """What is pending and not held. Reads an index row an image: some tens of milliseconds for 400,000."""
        surveyed = unsurveyed = 0
        pixels = 0.0
        for number, name, pending in self._db.execute(_SQL["waiting_batches"]).fetchall():
            if batches is not None and name not in batches:
                continue
            known, sum_of_pixels = self._db.execute(
                _SQL["surveyed_and_pending"], {"batch": number}
            ).fetchone()
            surveyed += known
            unsurveyed += pending - known
            pixels += sum_of_pixels
        return Outstanding(surveyed, pixels / 1e6, unsurveyed)

    def measured_peaks(self, limit: int) -> list[MeasuredPeak]:
        """Of the last attempts, newest first."""
        rows = self._db.execute(_SQL["measured_peaks"], {"limit": limit})
        return [MeasuredPeak(*row) for row in rows]

    def _waiting_batches(self, names: Collection[str] | None) -> list[tuple[int, str]]:
        rows = self._db.execute(_SQL["waiting_batches"]).fetchall()
        return [(number, name) for number, name, _ in rows if names is None or name in names]

    def _pending(self, batch: str, *row: Any) -> PendingImage:
        image_id, uuid, record, source, target, checksum, attempts, *facts, whole_only, kind = row[:-3]
        quality, subsampling, may_replace = row[-3:]
        values: list[Any] = [image_id, *facts, bool(whole_only), _kind(kind)]
        surveyed = Surveyed(*values)
        path = self._sources.path(source)
        return PendingImage(
            image_id,
            batch,
            uuid,
            record,
            path,
            target,
            checksum,
            attempts,
            surveyed,
            quality,
            subsampling,
            md5s(may_replace),
        )


@lru_cache(maxsize=256)
def _kind(text: str | None) -> FileKind | None:
    """None if an earlier photostat has read the header. A collection has few kinds, and each is asked for often."""
    return FileKind.of_text(text) if text else None
