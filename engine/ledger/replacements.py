"""Delivered JPEGs that are replaced because a person says so; until another one is in its place, the old one stays.

While an image waits for that, its row is as that of any image which is converted again. The object in the store may
only be replaced if it has one of the MD5s that are known to be photostat's: that of the delivered JPEG, or of one that
was converted since and may have been put there before the ledger knew.
"""

from __future__ import annotations

import json
import os
import sqlite3
import time
from collections.abc import Callable, Sequence
from typing import Any

from msgspec import Struct

from engine.failures import UserError
from engine.ledger import chosen
from engine.ledger.events import add_event
from engine.ledger.statements import statements
from engine.ledger.states import EventKind, EventLevel, ImageState
from engine.ledger.verdicts import VerdictsTaken

_SQL = statements("replacements")

Select = Callable[[str, dict[str, Any]], list[sqlite3.Row]]


class DeliveredJpeg(Struct, frozen=True, forbid_unknown_fields=True):
    """The object that a person wants to have replaced, as they saw it in the ledger."""

    image: int
    md5: str


class Replacement(Struct, frozen=True):
    """A line of an image's history."""

    md5: str
    """Of the object that was delivered before."""
    jpeg_bytes: int
    person: str
    asked: float
    """Unix time, s, as `replaced`."""
    new_md5: str | None
    replaced: float | None
    """None while the old object is to stay."""


class WaitingObject(Struct, frozen=True):
    """The object in the store that stays until another one is in its place."""

    md5: str
    jpeg_bytes: int
    may_be_there: tuple[str, ...]
    """MD5s."""


def replace_delivered(
    db: sqlite3.Connection,
    delivered: Sequence[DeliveredJpeg],
    quality: int | None,
    subsampling: str | None,
    person: str,
) -> VerdictsTaken:
    """done → pending for those that are as the person saw them; None is the setting that the image has. Those that are
    pending for this already only get the settings.

    Raises UserError for unknown images, and then nothing was changed."""
    chosen.check_known(db, [one.image for one in delivered])
    if len({one.image for one in delivered}) < len(delivered):
        raise UserError("an image is named twice; nothing was changed")
    now = time.time()
    chosen.clear(db)
    taken, again, changed = [], [], []
    for one in delivered:
        row = db.execute(_SQL["delivered"], {"image": one.image}).fetchone()
        if (row["state"], row["waiting"]) == (ImageState.PENDING, one.md5):
            again.append(one.image)
        elif (row["state"], row["md5"]) == (ImageState.DONE, one.md5):
            taken.append(one.image)
            values = {"image": one.image, "md5": one.md5, "jpeg_bytes": row["jpeg_bytes"], "person": person}
            db.execute(_SQL["ask"], {**values, "now": now})
        else:
            changed.append(one.image)
            continue
        db.execute(_SQL["set_own"], {"image": one.image, "quality": quality, "subsampling": subsampling})
    settings = [f"quality {quality}"] if quality is not None else []
    settings += [f"subsampling {subsampling}"] if subsampling is not None else []
    with_what = f" with {', '.join(settings)}" if settings else ""
    what = f"requeued{with_what} by {person}: its delivered JPEG is replaced once the new one is verified"
    chosen.choose_done(db, taken)
    chosen.add_events(db, EventKind.REQUEUE, what, now)
    chosen.start_another_round(db, now)
    for image in again:
        add_event(db, EventLevel.INFO, EventKind.REQUEUE, what, image, os.getpid(), now)
    return VerdictsTaken(recorded=(*taken, *again), changed=tuple(changed))


def on_its_way(db: sqlite3.Connection, image_id: int, md5: str) -> None:
    """A JPEG was converted that may be put in the place of a delivered one."""
    db.execute(_SQL["on_its_way"], {"image": image_id, "md5": md5})


def done(db: sqlite3.Connection, image_id: int, now: float) -> None:
    """The image's JPEG is in the store, in the place of a delivered one if it had one."""
    db.execute(_SQL["replaced"], {"image": image_id, "now": now})


def of_image(select: Select, image_id: int) -> list[Replacement]:
    """The oldest first."""
    return [Replacement(*row) for row in select(_SQL["of_image"], {"image": image_id})]


def waiting_object(select: Select, image_id: int) -> WaitingObject | None:
    rows = select(_SQL["waiting_object"], {"image": image_id})
    return WaitingObject(rows[0][0], rows[0][1], md5s(rows[0][2])) if rows else None


def counts(select: Select, batch: str | None) -> tuple[int, int]:
    """How many delivered JPEGs were replaced, and how many are to be."""
    replaced, waiting = select(_SQL["counted"], {"batch": batch})[0]
    return replaced, waiting


def md5s(may_be_there: str | None) -> tuple[str, ...]:
    """As the ledger's column has them; none without a replacement."""
    return tuple(json.loads(may_be_there)) if may_be_there else ()
