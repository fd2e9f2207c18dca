"""An order about many images, and how far it is."""

from __future__ import annotations

import sqlite3

from msgspec import Struct, structs

from engine.formatting import counted
from engine.ledger.states import EventKind, OrderKind


class Order(Struct, frozen=True):
    """What a person has ordered, and how far it is."""

    id: int
    kind: OrderKind
    taken: float
    """Unix time, s, as `ended`."""
    images: int
    """To be looked at; of these, `seen` and `changed` so far."""
    seen: int
    changed: int
    ended: float | None
    """None while it is in hand."""
    problem: str | None
    """Why it ended early."""
    reason: str
    person: str = ""
    """Who has ordered it; empty in an order that an earlier photostat took."""

    @classmethod
    def of(cls, row: sqlite3.Row) -> Order:
        named = {field.name: row[field.name] for field in structs.fields(cls)}
        return cls(**{**named, "kind": OrderKind(named["kind"])})

    @property
    def event_kind(self) -> EventKind:
        kinds = {OrderKind.ACCEPT: EventKind.ACCEPT, OrderKind.ADD: EventKind.ADD}
        return kinds.get(self.kind, EventKind.REQUEUE)

    @property
    def summary(self) -> str:
        """What has come of it, in words: `5 images requeued`; empty if an import has changed nothing."""
        if self.kind is OrderKind.ADD:
            return self.reason and self.reason + self.by
        what = "accepted" if self.kind is OrderKind.ACCEPT else "requeued"
        return (
            f"{counted(self.changed, 'image')} {what}" + (f": {self.reason}" if self.reason else "") + self.by
        )

    @property
    def by(self) -> str:
        """`, by anna (pts/3, reading-room)`; empty if it is not known."""
        return f", by {self.person}" if self.person else ""
