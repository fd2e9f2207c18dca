"""The SQL of the lists that people page through: which rows, in which order, from where on."""

# ruff: noqa: S608 - the SQL is of this package's own words; every value is a parameter

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

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


@dataclass(frozen=True)
class Page:
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


def event_page(
    after_id: int,
    before_id: int | None,
    image_id: int | None,
    level: str | None,
    text: str | None,
    *,
    limit: int,
    newest_first: bool,
) -> Query:
    """The history after one event and before another; `text` is anywhere in kind or message."""
    where, values = ["e.id > ?"], [after_id]  # type: tuple[list[str], list[Any]]
    for part, value in (("e.id < ?", before_id), ("e.image = ?", image_id), ("e.level = ?", level)):
        if value is not None:
            where.append(part)
            values.append(value)
    if text:
        where.append("instr(lower(e.kind || ' ' || e.message), lower(?)) > 0")
        values.append(text)
    sql = (
        "SELECT e.id, e.time, e.level, e.kind, e.message, e.image, e.pid, coalesce(i.target, '') "
        f"FROM events e LEFT JOIN images i ON i.id = e.image WHERE {' AND '.join(where)} "
        f"ORDER BY e.id {'DESC' if newest_first else 'ASC'} LIMIT ?"
    )
    return sql, [*values, limit]
