"""What people say of delivered images and of batches goes into the ledger: nothing that they have not seen."""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Sequence

from engine.failures import UserError, one_line
from engine.formatting import counted
from engine.ledger import chosen, verdicts
from engine.ledger.events import add_event
from engine.ledger.statements import statements
from engine.ledger.states import EventKind, EventLevel, ImageState
from engine.ledger.verdicts import GivenVerdict, Standing, Verdict, VerdictsTaken

_SQL = statements("verdicts")
_MOST_CHARACTERS = 2000
"""Of a reason or a note."""


def give_verdicts(db: sqlite3.Connection, given: Sequence[GivenVerdict], person: str) -> VerdictsTaken:
    """Records each of them once, whenever it was given; the one that was given last counts.

    Raises UserError, and then nothing was changed, for an unknown image and for an image that is not fine without a
    reason."""
    chosen.check_known(db, [one.image for one in given])
    recorded, known, older, changed = [], [], [], []
    now = time.time()
    for one in given:
        why = _text(one.why, "a reason")
        if one.verdict is Verdict.NOT_FINE and not why:
            raise UserError(f"image {one.image}: not fine needs a reason; nothing was changed")
        row = db.execute(_SQL["delivered"], {"image": one.image}).fetchone()
        values = {
            "image": one.image,
            "verdict": one.verdict,
            "why": why,
            "md5": one.md5,
            "person": person,
            "given": now if one.given is None else min(one.given, now),
            "now": now,
        }
        if row["state"] != ImageState.DONE or row["md5"] != one.md5:
            changed.append(one.image)
        elif _is_known(db, row, values):
            known.append(one.image)
        else:
            db.execute(_SQL["give"], values)
            db.execute(_SQL["point_to_last"], {"image": one.image})
            said = one.verdict.replace("-", " ") + (f": {why}" if why else "")
            add_event(
                db, EventLevel.INFO, EventKind.VERDICT, f"{said}, by {person}", one.image, os.getpid(), now
            )
            recorded.append(one.image)
            if db.execute(_SQL["is_older"], values).fetchone()[0]:
                older.append(one.image)
    return VerdictsTaken(tuple(recorded), tuple(known), tuple(older), tuple(changed))


def _is_known(db: sqlite3.Connection, row: sqlite3.Row, values: dict[str, object]) -> bool:
    if db.execute(_SQL["was_given"], values).fetchone()[0]:
        return True
    present = row["verdict"] if row["seen"] == row["md5"] else None
    if values["verdict"] == Verdict.WITHDRAWN:
        return present in (None, Verdict.WITHDRAWN)
    return (present, row["why"]) == (values["verdict"], values["why"])


def approve(
    db: sqlite3.Connection, batch: str, note: str, person: str, given: float | None, seen: tuple[int, int]
) -> bool:
    """`seen` is the `changes` and `not_fine` of the batch's Standing that the person saw.

    False if the batch was approved as it is already, by the same person with the same note, or at the same time. Raises
    UserError if the batch is not as the person saw it, or if nothing of it is delivered."""
    now = verdicts.standing(_select(db), batch)
    note = _text(note, "a note")
    if given is not None and any(one.given == given and one.note == note for one in now.approvals):
        return False  # the same file, imported again
    if (now.changes, now.not_fine) != seen:
        raise UserError(
            f"batch {one_line(batch)} was not approved: {_how_changed(now, seen)}; look at it again"
        )
    if not now.account.done:
        raise UserError(f"batch {one_line(batch)} was not approved: none of its images is delivered yet")
    before = now.approval
    if before is not None and (before.person, before.note, before.changes, before.not_fine) == (
        person,
        note,
        now.changes,
        now.not_fine,
    ):
        return False
    _add(db, now, True, note, person, given)
    return True


def withdraw(db: sqlite3.Connection, batch: str, note: str, person: str) -> bool:
    """False if the batch is not approved. Raises UserError if there is no such batch."""
    now = verdicts.standing(_select(db), batch)
    if now.approval is None:
        return False
    _add(db, now, False, _text(note, "a note"), person, None)
    return True


def _how_changed(now: Standing, seen: tuple[int, int]) -> str:
    changes = now.changes - seen[0]
    if changes > 0:
        return f"{counted(changes, 'change')} of its images came after it was shown"
    return f"{counted(now.not_fine, 'image is', 'images are')} not fine now, and {seen[1]} when it was shown"


def _add(
    db: sqlite3.Connection, now: Standing, approved: bool, note: str, person: str, given: float | None
) -> None:
    at = time.time()
    account = now.account
    values = {
        "batch": db.execute(_SQL["standing"], {"batch": now.batch}).fetchone()["id"],
        "approved": int(approved),
        "note": note,
        "person": person,
        "given": at if given is None else min(given, at),
        "now": at,
        "changes": now.changes,
        "done": account.done,
        "failed": account.failed,
        "accepted": account.accepted,
        "waiting": now.waiting,
        "fine": now.fine,
        "not_fine": now.not_fine,
    }
    db.execute(_SQL["approve"], values)
    said = "approved" if approved else "is not approved any more"
    what = f"batch {one_line(now.batch)} {said}, by {person}" + (f": {note}" if note else "")
    still = f" ({now.open_items})" if approved and now.open_items else ""
    add_event(db, EventLevel.INFO, EventKind.APPROVAL, what + still, None, os.getpid(), at)


def _text(text: str, what: str) -> str:
    text = one_line(text).strip()
    if len(text) > _MOST_CHARACTERS:
        raise UserError(f"{what} has at most {_MOST_CHARACTERS} characters; nothing was changed")
    return text


def _select(db: sqlite3.Connection) -> verdicts.Select:
    return lambda sql, values: db.execute(sql, values).fetchall()
