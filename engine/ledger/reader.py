"""The ledger as everybody else sees it: read-only, while an engine writes, after one has died, before there is any."""

# ruff: noqa: S608 - the SQL is of this package's own words; every value is a parameter

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Collection, Iterator
from typing import Any

from engine.ledger import figures, neighbours, queries, schema, times
from engine.ledger.account import Account, LedgerFigures
from engine.ledger.connection import ReadOnly
from engine.ledger.filters import Filter, Selection
from engine.ledger.import_rows import target_key
from engine.ledger.models import IMAGE_COLUMNS, Attempt, Event, FailureGroup, ImageRow, Representation
from engine.messages import MissingSource, SurveyRequest
from engine.workspace import Workspace

SORTS = {
    "id": "i.id",
    "batch": "i.batch",
    "uuid": "i.uuid",
    "record": "i.record",
    "barcode": "i.barcode",
    "name": "i.name",
    "target": "i.target",
    "source": "i.source",
    "state": "i.state",
    "cause": "i.cause",
    "message": "i.message",
    "attempts": "i.attempts",
    "megapixels": "i.pixels",
    "source_bytes": "i.source_bytes",
    "jpeg_bytes": "i.jpeg_bytes",
    "psnr": "i.psnr",
    "updated": "i.updated",
}
"""What lists can be sorted by; equal ones, and those without a value (first), by id."""

_IMAGES = "images i JOIN batches b ON b.id = i.batch"
_CHUNK = 2000


class LedgerReader:
    """May be used by several threads; calls wait for one another."""

    def __init__(self, workspace: Workspace) -> None:
        """Raises UserError for a ledger that is damaged, of a later photostat, or of an earlier one and in use.

        A workspace without a ledger yet reads as an empty one, until there is one."""
        self._lock = threading.Lock()
        self._workspace = workspace
        self._file = ReadOnly(workspace)

    def close(self) -> None:
        with self._lock:
            self._file.close()

    def __enter__(self) -> LedgerReader:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # The account

    def account(self) -> dict[str, Account]:
        """By batch, in the order they were added."""
        with self._lock:
            return queries.account(self._file.connection())

    def figures(self) -> LedgerFigures:
        """The sums that a snapshot shows."""
        with self._lock:
            return figures.figures(self._file.connection())

    def failure_groups(self, batch: str | None = None) -> list[FailureGroup]:
        """Failed images by cause, most first."""
        rows = self._all(
            "SELECT f.cause, sum(f.images) FROM failures f JOIN batches b ON b.id = f.batch "
            "WHERE ?1 IS NULL OR b.name = ?1 GROUP BY f.cause HAVING sum(f.images) > 0 ORDER BY 2 DESC, 1",
            [batch],
        )
        return [FailureGroup(cause, count) for cause, count in rows]

    def source_within(self, directory: str) -> str | None:
        """One of the sources that lie in this directory or below it, as the export has it."""
        workspace = self._workspace
        with self._lock:
            db = self._file.connection()
            return queries.source_within(db, directory, workspace.source_dir(workspace.config()))

    def doubt_about(self, request: SurveyRequest) -> MissingSource:
        """As the writer's."""
        workspace = self._workspace
        with self._lock:
            return neighbours.doubt_about(
                self._file.connection(), request, workspace.source_dir(workspace.config())
            )

    # Images

    def images(
        self,
        batch: str | None = None,
        state: str | None = None,
        cause: str | None = None,
        text: str | None = None,
        uuid: str | None = None,
        *,
        sort: str = "id",
        descending: bool = False,
        limit: int = 200,
        offset: int = 0,
        after: int | None = None,
    ) -> list[ImageRow]:
        """A page of a list. `after` is the id of the last row before the page, instead of `offset`; for sort="id"."""
        where, values = Filter(batch, state, cause, text, uuid).condition()
        direction = "DESC" if descending else "ASC"
        key = SORTS[sort]
        order = f"{key} {direction}" if sort == "id" else f"{key} {direction}, i.id {direction}"
        if after is None and sort == "id" and where == "TRUE":
            after = self._id_before(offset, descending)
            offset = 0
        if after is not None:
            where += f" AND i.id {'<' if descending else '>'} ?"
            values.append(after)
        # Only ids are sorted and skipped; the wide rows are fetched for this page alone.
        page = f"SELECT i.id FROM images i WHERE {where} ORDER BY {order} LIMIT ? OFFSET ?"
        rows = self._all(
            f"SELECT {IMAGE_COLUMNS} FROM ({page}) AS p CROSS JOIN images i ON i.id = p.id "
            f"CROSS JOIN batches b ON b.id = i.batch ORDER BY {order}",
            [*values, limit, offset],
        )
        return [ImageRow.of(row) for row in rows]

    def count(
        self,
        batch: str | None = None,
        state: str | None = None,
        cause: str | None = None,
        text: str | None = None,
        uuid: str | None = None,
    ) -> int:
        """How many images `images` would list altogether."""
        if text or uuid or (cause and state != "failed"):
            where, values = Filter(batch, state, cause, text, uuid).condition()
            return int(self._all(f"SELECT count(*) FROM images i WHERE {where}", values)[0][0])
        if cause:
            return sum(group.images for group in self.failure_groups(batch) if group.cause == cause)
        accounts = self.account()
        total = accounts.get(batch, Account()) if batch is not None else sum(accounts.values(), Account())
        return int(getattr(total, state if state in schema.STATES else "rows"))

    def ids(
        self,
        batch: str | None = None,
        state: str | None = None,
        cause: str | None = None,
        text: str | None = None,
        uuid: str | None = None,
        *,
        among: Collection[int] | None = None,
    ) -> list[int]:
        """Of all images that `images` would list, by id; only of those `among` which are given."""
        where, values = Filter(batch, state, cause, text, uuid).condition()
        if among is not None:
            where += " AND i.id IN (SELECT value FROM json_each(?))"
            values.append(json.dumps(list(among)))
        return [row[0] for row in self._all(f"SELECT i.id FROM images i WHERE {where} ORDER BY i.id", values)]

    def selected(self, selection: Selection) -> int:
        """How many images a requeue of this would mean."""
        where, values = selection.condition()
        return int(self._all(f"SELECT count(*) FROM images i WHERE {where}", values)[0][0])

    def image(self, image_id: int) -> ImageRow | None:
        rows = self._all(f"SELECT {IMAGE_COLUMNS} FROM {_IMAGES} WHERE i.id = ?", [image_id])
        return ImageRow.of(rows[0]) if rows else None

    def by_target(self, targets: Collection[str]) -> list[ImageRow]:
        """The images with one of these targets; several for one where they collide."""
        keys = json.dumps([target_key(target) for target in targets])
        rows = self._all(
            f"SELECT {IMAGE_COLUMNS} FROM {_IMAGES} WHERE i.target_key IN (SELECT value FROM json_each(?))",
            [keys],
        )
        wanted = frozenset(targets)
        return [image for image in map(ImageRow.of, rows) if image.target in wanted]

    def iterate(
        self, batch: str | None = None, state: str | None = None, cause: str | None = None
    ) -> Iterator[ImageRow]:
        """All of them, by id, in constant memory; what changes meanwhile may show either way."""
        last = 0
        while page := self.images(batch, state, cause, limit=_CHUNK, after=last):
            yield from page
            last = page[-1].id

    def representation(self, uuid: str) -> Representation:
        """One digitised item's images, in the order of their names; none for an unknown UUID."""
        images = tuple(self.images(uuid=uuid.strip().lower(), sort="name", limit=1_000_000))
        states = [image.state for image in images]
        return Representation(uuid, images, Account(len(states), *map(states.count, schema.STATES)))

    # What happened

    def times(self) -> dict[str, times.Times]:
        """By batch: how long the work took. Reads every attempt."""
        with self._lock:
            return times.times(self._file.connection())

    def representations(self, batch: str | None = None) -> tuple[int, int]:
        """How many representations there are, and how many are complete. Reads every image's state."""
        with self._lock:
            return times.representations(self._file.connection(), batch)

    def attempts(self, image_id: int) -> list[Attempt]:
        """Oldest first."""
        rows = self._all(
            "SELECT number, round, pid, lane, predicted_bytes, started, ended, outcome, stage, cause, message, "
            "peak_rss_bytes, cpu_s, wall_s FROM attempts WHERE image = ? ORDER BY id",
            [image_id],
        )
        return [Attempt(*row) for row in rows]

    def conversions(self, since: float, limit: int = 20_000) -> list[float]:
        """When images were converted after `since`, Unix times in s; at most of the last `limit` attempts."""
        rows = self._all(
            "SELECT ended FROM attempts WHERE id > (SELECT max(id) FROM attempts) - ? "
            "AND outcome = 'converted' AND ended > ? ORDER BY ended",
            [limit, since],
        )
        return [row[0] for row in rows]

    def events(
        self,
        after_id: int = 0,
        limit: int = 200,
        image_id: int | None = None,
        *,
        newest_first: bool = False,
        before_id: int | None = None,
        level: str | None = None,
        text: str | None = None,
    ) -> list[Event]:
        """A page of the history: after one event, or (newest first) before one."""
        where, values = ["e.id > ?"], [after_id]  # type: tuple[list[str], list[Any]]
        if before_id is not None:
            where.append("e.id < ?")
            values.append(before_id)
        for column, value in (("e.image", image_id), ("e.level", level)):
            if value is not None:
                where.append(f"{column} = ?")
                values.append(value)
        if text:
            where.append("instr(lower(e.kind || ' ' || e.message), lower(?)) > 0")
            values.append(text)
        rows = self._all(
            "SELECT e.id, e.time, e.level, e.kind, e.message, e.image, e.pid, coalesce(i.target, '') "
            f"FROM events e LEFT JOIN images i ON i.id = e.image WHERE {' AND '.join(where)} "
            f"ORDER BY e.id {'DESC' if newest_first else 'ASC'} LIMIT ?",
            [*values, limit],
        )
        return [Event(*row) for row in rows]

    # The file

    def _id_before(self, offset: int, descending: bool) -> int:
        """Ids have no gaps (nothing is deleted), so an offset into all images is an id."""
        if not descending:
            return offset
        last: int = self._all("SELECT coalesce(max(id), 0) FROM images", [])[0][0]
        return last + 1 - offset

    def _all(self, sql: str, values: list[Any]) -> list[sqlite3.Row]:
        with self._lock:
            return self._file.connection().execute(sql, values).fetchall()
