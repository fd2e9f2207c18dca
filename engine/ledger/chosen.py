"""A set of images in a temporary table, and what is done with all of them at once."""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Sequence

from engine.failures import UserError
from engine.ledger.statements import statements
from engine.ledger.states import EventKind

_SQL = statements("chosen")
_MOST_SHOWN = 20
"""Unknown ids that an error names."""


def clear(db: sqlite3.Connection) -> None:
    db.execute(_SQL["create_chosen"])
    db.execute(_SQL["clear_chosen"])


def choose(db: sqlite3.Connection, where: str, values: Sequence[object]) -> None:
    """`where` is a condition over `images i`."""
    clear(db)
    db.execute(f"INSERT INTO temp.chosen SELECT i.id FROM images i WHERE {where}", values)  # noqa: S608 (our own words)


def choose_among(db: sqlite3.Connection, ids: Sequence[int], where: str, values: Sequence[object]) -> None:
    """Those of these images that meet the condition over `images i`. CROSS JOIN: an index on a part of the condition is
    no way to so few images."""
    clear(db)
    among = "json_each(?) AS j CROSS JOIN images i ON i.id = j.value"
    db.execute(
        f"INSERT INTO temp.chosen SELECT i.id FROM {among} WHERE {where}",  # noqa: S608 (our own words)
        [json.dumps(list(ids)), *values],
    )


def choose_done(db: sqlite3.Connection, ids: Sequence[int]) -> None:
    """Those of these images that are done. UserError if one of them is not in the ledger."""
    check_known(db, ids)
    clear(db)
    db.execute(_SQL["choose_done"], {"ids": json.dumps(list(ids))})


def leave_out_taken_targets(db: sqlite3.Connection) -> None:
    """Images stay as they are if another image that is not accepted has their target."""
    db.execute(_SQL["leave_out_taken_targets"])


def leave_out_shared_targets(db: sqlite3.Connection) -> None:
    """Images stay as they are if they share a target with another one that is chosen."""
    db.execute(_SQL["leave_out_shared_targets"])


def leave_out_targets_shared_among(db: sqlite3.Connection, ids: Sequence[int]) -> None:
    """Accepted images stay as they are if they share a target with another accepted one of these."""
    db.execute(_SQL["leave_out_targets_shared_among"], {"ids": json.dumps(list(ids))})


def add_events(db: sqlite3.Connection, kind: EventKind, message: str, now: float) -> None:
    """The same event for each of them."""
    db.execute(_SQL["add_events"], {"kind": kind, "message": message, "now": now, "pid": os.getpid()})


def start_another_round(db: sqlite3.Connection, now: float) -> int:
    """The images become pending, as if none of their attempts had been made; returns how many there are."""
    return db.execute(_SQL["start_another_round"], {"now": now}).rowcount


def accept(db: sqlite3.Connection, reason: str, now: float) -> int:
    """The images become accepted; returns how many there are."""
    return db.execute(_SQL["accept"], {"reason": reason, "now": now}).rowcount


def check_known(db: sqlite3.Connection, ids: Sequence[int]) -> None:
    """Raises UserError if one of these is no image of the ledger."""
    known = {row[0] for row in db.execute(_SQL["known"], {"ids": json.dumps(list(ids))})}
    unknown = [str(number) for number in ids if number not in known]
    if unknown:
        shown = ", ".join(unknown[:_MOST_SHOWN]) + (" …" if len(unknown) > _MOST_SHOWN else "")
        raise UserError(
            f"no image{'s' if len(unknown) > 1 else ''} {shown} in the ledger; nothing was changed"
        )
