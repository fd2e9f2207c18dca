"""What a person decides about failures: another round of attempts, or out of the account with a reason."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Sequence

from engine.failures import UserError, one_line
from engine.ledger import chosen
from engine.ledger.filters import Selection
from engine.ledger.states import EventKind


def requeue(db: sqlite3.Connection, selection: Selection) -> int:
    """See Ledger.requeue."""
    chosen.check_known(db, selection.ids)
    now = time.time()
    chosen.choose(db, *selection.condition())
    chosen.leave_out_taken_targets(db)
    chosen.leave_out_shared_targets(db)
    chosen.add_events(db, EventKind.REQUEUE, "requeued", now)
    return chosen.start_another_round(db, now)


def accept(db: sqlite3.Connection, selection: Selection, reason: str) -> int:
    """See Ledger.accept_selected."""
    if not reason.strip():
        raise UserError("accepting needs a reason")
    chosen.check_known(db, selection.ids)
    now = time.time()
    where, values = selection.condition()
    chosen.choose(db, f"i.state = 'failed' AND {where}", values)
    chosen.add_events(db, EventKind.ACCEPT, f"accepted: {one_line(reason)}", now)
    return chosen.accept(db, reason.strip(), now)


def convert_again(db: sqlite3.Connection, ids: Sequence[int], reason: str) -> int:
    """See Ledger.convert_again."""
    now = time.time()
    chosen.choose_done(db, ids)
    chosen.add_events(db, EventKind.REQUEUE, f"requeued: {one_line(reason)}", now)
    return chosen.start_another_round(db, now)
