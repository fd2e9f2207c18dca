"""Which images a list shows or a command changes: as data, and as a condition in SQL."""

# ruff: noqa: S608 - the SQL is of this file's own words; every value is a parameter

from __future__ import annotations

import json
from collections.abc import Collection
from typing import Any

from msgspec import Struct

from engine.config.cluster_extra import HERE

Condition = tuple[str, list[Any]]
"""SQL for a WHERE over `images i JOIN batches b`, and its parameters."""

_SEARCHED = ("i.target", "i.source", "i.record", "i.barcode", "i.cause", "i.message", "i.host")
"""The target contains batch, UUID and name."""
NO_VERDICT = "none"
_PRESENT_VERDICT = "SELECT 1 FROM verdicts v WHERE v.id = i.verdict AND v.md5 = i.md5 AND v.verdict"


def with_ids(ids: Collection[int], condition: Condition) -> Condition:
    """Of the images that meet the condition, only these. One parameter, however many ids."""
    where, values = condition
    return f"i.id IN (SELECT value FROM json_each(?)) AND {where}", [json.dumps(list(ids)), *values]


class ImageFilter(Struct, frozen=True):
    """Images that meet every condition that is given."""

    batch: str | None = None
    state: str | None = None
    cause: str | None = None
    text: str | None = None
    """Anywhere in batch, UUID, name, source, record, barcode, cause, message or the name of another host; ASCII letters
    in any case."""
    uuid: str | None = None
    barcode: str | None = None
    """This one, ASCII letters in any case; with `*` at its end all that begin so."""
    record: str | None = None
    """Like `barcode`."""
    until_event: int | None = None
    """Only images about which the ledger has no event after this one: they are as they were then."""
    verdict: str | None = None
    """`fine` or `not-fine`, or `none` for delivered images without a verdict."""
    gpu_differs: bool = False
    """Delivered images with a GPU's pixels, of kinds of which it has decoded one otherwise than OpenJPEG."""
    host: str | None = None
    """On which the last attempt was; HERE is the engine's own."""

    @property
    def is_narrow(self) -> bool:
        """Whether the sums that the ledger keeps do not tell how many images it means."""
        return any(
            (self.text, self.uuid, self.verdict, self.until_event, self.host, self.gpu_differs)
        ) or not (self.barcode is None and self.record is None)

    def condition(self) -> Condition:
        parts: list[str] = []
        values: list[Any] = []
        if self.batch is not None:
            parts.append("i.batch = (SELECT id FROM batches WHERE name = ?)")
            values.append(self.batch)
        for column, value in (
            ("i.state", self.state),
            ("i.cause", self.cause),
            ("i.uuid COLLATE NOCASE", self.uuid),
        ):
            if value is not None:
                parts.append(f"{column} = ?")
                values.append(value)
        for column, value in (("i.barcode", self.barcode), ("i.record", self.record)):
            if value is not None:
                parts.append(f"{column} LIKE ? ESCAPE '!'")
                values.append(_literal(value[:-1]) + "%" if value.endswith("*") else _literal(value))
        if self.text:
            parts.append("(" + " OR ".join(f"{column} LIKE ? ESCAPE '!'" for column in _SEARCHED) + ")")
            values.extend([f"%{_literal(self.text)}%"] * len(_SEARCHED))
        if self.verdict == NO_VERDICT:
            parts.append(f"i.state = 'done' AND NOT EXISTS ({_PRESENT_VERDICT} <> 'withdrawn')")
        elif self.verdict is not None:
            parts.append(f"i.verdict IS NOT NULL AND i.state = 'done' AND EXISTS ({_PRESENT_VERDICT} = ?)")
            values.append(self.verdict)
        if self.gpu_differs:
            parts.append("i.decoded = 'gpu' AND i.state = 'done'")
            parts.append("i.kind IN (SELECT k.id FROM kinds k WHERE k.gpu_differs)")
        if self.host == HERE:
            parts.append("i.host = ''")
        elif self.host is not None:
            parts.append("i.host = ? AND i.host <> ''")
            values.append(self.host)
        if self.until_event is not None:
            parts.append("NOT EXISTS (SELECT 1 FROM events e WHERE e.image = i.id AND e.id > ?)")
            values.append(self.until_event)
        return " AND ".join(parts) or "TRUE", values


def _literal(text: str) -> str:
    """As a part of a LIKE that stands for itself."""
    return text.replace("!", "!!").replace("%", "!%").replace("_", "!_")


ALL_IMAGES = ImageFilter()


class Selection(Struct, frozen=True, forbid_unknown_fields=True):
    """Failed images to requeue or accept: those with these ids, or all that meet every other condition.

    Ids to requeue may be of accepted images too, to take an acceptance back. An empty selection selects nothing.
    """

    ids: tuple[int, ...] = ()
    batch: str | None = None
    cause: str | None = None
    all: bool = False
    text: str | None = None
    until_event: int | None = None
    """Of these, only images that are as they were when a person saw them: without an event after this one."""

    @property
    def is_empty(self) -> bool:
        return not (self.ids or self.batch or self.cause or self.all or self.text)

    @property
    def filter(self) -> ImageFilter:
        """Its conditions but the ids."""
        return ImageFilter(self.batch, cause=self.cause, text=self.text, until_event=self.until_event)

    def condition(self) -> Condition:
        if self.is_empty:
            return "FALSE", []
        where, values = self.filter.condition()
        if not self.ids:
            return f"i.state = 'failed' AND {where}", values
        return with_ids(self.ids, (f"i.state IN ('failed', 'accepted') AND {where}", values))
