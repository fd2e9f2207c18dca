"""The SQL of the lists that people page through: which rows, in which order, from where on."""

# ruff: noqa: S608 - the SQL is of this package's own words; every value is a parameter

from __future__ import annotations

from typing import Any

from msgspec import Struct

from engine.ledger.filters import Condition
from engine.ledger.models import IMAGE_COLUMNS

Query = tuple[str, list[Any]]
"""A statement and its parameters."""

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
"""What lists can be sorted by; equal ones by id, and those without a value first."""


class Page(Struct, frozen=True):
    sort: str
    """A key of SORTS."""
    descending: bool
    limit: int
    offset: int
    after: int | None
    """The id of the last row before the page, in place of `offset`; only with sort="id"."""


def image_page(condition: Condition, page: Page) -> Query:
    """Only ids are sorted and skipped; the wide rows are fetched for this page alone."""
    where, values = condition
    if page.after is not None:
        where = f"{where} AND i.id {'<' if page.descending else '>'} ?"
        values = [*values, page.after]
    direction = "DESC" if page.descending else "ASC"
    order = f"{SORTS[page.sort]} {direction}" + ("" if page.sort == "id" else f", i.id {direction}")
    ids = f"SELECT i.id FROM images i WHERE {where} ORDER BY {order} LIMIT ? OFFSET ?"
    sql = (
        f"SELECT {IMAGE_COLUMNS} FROM ({ids}) AS p CROSS JOIN images i ON i.id = p.id "
        f"CROSS JOIN batches b ON b.id = i.batch ORDER BY {order}"
    )
    return sql, [*values, page.limit, page.offset]


def all_images(condition: Condition) -> Query:
    """By id. The ids are found first, and the wide rows are never sorted."""
    where, values = condition
    among = "" if where == "TRUE" else f"WHERE i.id IN (SELECT i.id FROM images i WHERE {where}) "
    sql = f"SELECT {IMAGE_COLUMNS} FROM images i JOIN batches b ON b.id = i.batch {among}ORDER BY i.id"
    return sql, values


def images_where(condition: Condition) -> Query:
    where, values = condition
    return f"SELECT {IMAGE_COLUMNS} FROM images i JOIN batches b ON b.id = i.batch WHERE {where}", values


def ids_where(condition: Condition) -> Query:
    where, values = condition
    return f"SELECT i.id FROM images i WHERE {where} ORDER BY i.id", values


def count_where(condition: Condition) -> Query:
    where, values = condition
    return f"SELECT count(*) FROM images i WHERE {where}", values


class EventFilter(Struct, frozen=True):
    """Part of the history. The events of one image are all that it has; else those that notable ones tell are left
    out."""

    after_id: int = 0
    before_id: int | None = None
    image_id: int | None = None
    level: str | None = None
    text: str | None = None
    """Anywhere in kind, message, target or the name of another host."""
    notable: bool = False
    since: float | None = None
    """Unix time, s: what came, or came again, later."""

    def condition(self) -> Condition:
        """Over `events e LEFT JOIN images i`."""
        where, values = ["e.id > ?"], [self.after_id]  # type: tuple[list[str], list[Any]]
        for part, value in (
            ("e.id < ?", self.before_id),
            ("e.image = ?", self.image_id),
            ("e.level = ?", self.level),
            ("e.time >= ?", self.since),
        ):
            if value is not None:
                where.append(part)
                values.append(value)
        if self.text:
            said = "e.kind || ' ' || e.message || ' ' || coalesce(i.target, '') || ' ' || e.host"
            where.append(f"instr(lower({said}), lower(?)) > 0")
            values.append(self.text)
        if self.notable:
            where.append("e.rank = 2")
        else:
            where.append("e.fold IS NULL" if self.image_id is not None else "e.rank >= 1")
        return " AND ".join(where), values


def event_page(wanted: EventFilter, *, limit: int, newest_first: bool, offset: int = 0) -> Query:
    """By id, those of an image by time: a migration has moved some of its rows."""
    where, values = wanted.condition()
    direction = "DESC" if newest_first else "ASC"
    order = f"e.time {direction}, e.id {direction}" if wanted.image_id is not None else f"e.id {direction}"
    sql = (
        "SELECT e.id, e.time, e.level, e.kind, e.message, e.image AS image_id, e.pid, "
        "coalesce(i.target, '') AS target, e.rank = 2 AS notable, e.times, coalesce(e.first, e.time) AS first, "
        "coalesce(e.fold, '') AS fold, e.host "
        f"FROM events e LEFT JOIN images i ON i.id = e.image WHERE {where} "
        f"ORDER BY {order} LIMIT ? OFFSET ?"
    )
    return sql, [*values, limit, offset]


def event_count(wanted: EventFilter) -> Query:
    where, values = wanted.condition()
    return f"SELECT count(*) FROM events e WHERE {where}", values
