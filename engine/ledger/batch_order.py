"""In which order batches are converted, and which of them people hold: asked and changed by the ledger's writer."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Mapping, Sequence
from enum import StrEnum

from msgspec import Struct

from engine.failures import UserError, nearest, one_line
from engine.formatting import counted
from engine.ledger.statements import statements

_SQL = statements("batches")
_MOST_NAMES = 5


class BatchMove(StrEnum):
    """Where a batch goes in the order."""

    FIRST = "first"
    UP = "up"
    """Before the one that is before it."""
    DOWN = "down"
    LAST = "last"


class BatchHold(Struct, frozen=True):
    """A person wants nothing of a batch to start."""

    since: float
    """Unix time, s."""
    by: str
    """Who, as a JSON object."""
    reason: str
    """Empty if none was given."""

    @classmethod
    def of(cls, row: sqlite3.Row) -> tuple[str, BatchHold]:
        """With the name of the batch."""
        name, since, by, reason = row
        return name, cls(since, by, reason)


def move(db: sqlite3.Connection, name: str, to: BatchMove) -> bool:
    """False if it is there already. Raises UserError for a batch that is not in the ledger."""
    found = [(row["id"], row["name"], row["place"]) for row in db.execute(_SQL["places"])]
    names = [each for _, each, _ in found]
    check_known(name, names)
    at = names.index(name)
    wanted = {
        BatchMove.FIRST: 0,
        BatchMove.UP: max(0, at - 1),
        BatchMove.DOWN: min(at + 1, len(names) - 1),
        BatchMove.LAST: len(names) - 1,
    }[to]
    ids = [number for number, _, _ in found]
    ids.insert(wanted, ids.pop(at))
    for number, (before, _, place) in zip(ids, found, strict=True):
        if number != before:
            db.execute(_SQL["put"], {"place": place, "batch": number})
    return wanted != at


def hold(db: sqlite3.Connection, name: str, by: str, reason: str) -> bool:
    """False if it is held already, and then nothing is changed. Raises UserError for an unknown batch."""
    _check_in_ledger(db, name)
    values = {"name": name, "by": by, "reason": one_line(reason), "now": time.time()}
    return db.execute(_SQL["hold"], values).rowcount == 1


def release(db: sqlite3.Connection, name: str) -> bool:
    """False if it is not held. Raises UserError for an unknown batch."""
    _check_in_ledger(db, name)
    return db.execute(_SQL["release"], {"name": name}).rowcount == 1


def check_known(name: str, names: list[str]) -> None:
    """Raises UserError for a batch that is not among these, with the one that was probably meant."""
    if name in names:
        return
    meant = nearest(name, names)
    if meant:
        advice = f"did you mean {meant}?"
    elif not names:
        advice = "there are none yet: `photostat add CSV` adds images"
    else:
        advice = f"there {'is' if len(names) == 1 else 'are'} {', '.join(names)}"
    raise UserError(f"no batch {one_line(name)!r} in the ledger; {advice}")


def _check_in_ledger(db: sqlite3.Connection, name: str) -> None:
    check_known(name, [row["name"] for row in db.execute(_SQL["places"])])


def only_held(waiting: Mapping[str, int]) -> str:
    """For people: nothing is left to do but so many images of each of these batches, which people hold."""
    names = list(waiting)
    return (
        f"only held batches are left: {_listed(names)}, {counted(sum(waiting.values()), 'image')}; "
        f"`photostat batches release {names[0]}` continues"
    )


def _listed(names: Sequence[str]) -> str:
    more = len(names) - _MOST_NAMES
    return ", ".join(names[:_MOST_NAMES]) + (f" and {more} more" if more > 0 else "")
