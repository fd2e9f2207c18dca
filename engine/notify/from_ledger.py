"""What the ledger adds to a notification, and what it knows of an engine that has died. Reads only."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Sequence

from engine.control.snapshot import State
from engine.control.without_engine import why_ended
from engine.failures import UserError
from engine.formatting import duration
from engine.ledger.account import Account
from engine.ledger.lock import find_ended_engine, find_holder
from engine.ledger.reader import LedgerReader
from engine.notify.message import FromLedger
from engine.notify.protocol import Hello, Notice, Occasion
from engine.run_account.reading import run_text
from engine.workspace import Workspace

_LOCK_FREE_WITHIN_S = 10.0
"""After the engine's end: the kernel has closed its pipe, and closes its other files in the same moment."""
_LOOK_EVERY_S = 0.05


def read(workspace: Workspace) -> FromLedger:
    """Empty if the ledger cannot be read: a notification is sent all the same."""
    try:
        with LedgerReader(workspace) as reader:
            return FromLedger(dict(reader.figures().failures_by_cause), run_text(workspace))
    except (UserError, OSError, sqlite3.Error):
        return FromLedger()


def account(workspace: Workspace, batches: Sequence[str] | None) -> Account:
    """Of these batches; raises UserError, OSError or sqlite3.Error if the ledger cannot be read."""
    with LedgerReader(workspace) as reader:
        accounts = reader.account()
    return sum((a for name, a in accounts.items() if batches is None or name in batches), Account())


def notice_of_death(workspace: Workspace, engine: Hello) -> Notice | None:
    """The engine has ended without a goodbye; None if the lock's file says that all was well."""
    deadline = time.monotonic() + _LOCK_FREE_WITHIN_S
    while (holder := find_holder(workspace.lock_path)) is not None and time.monotonic() < deadline:
        if holder.pid != engine.pid:
            break
        time.sleep(_LOOK_EVERY_S)
    now = time.time()
    left = find_ended_engine(workspace.lock_path)
    if holder is None and left is None:
        return None
    if left is not None and left.pid == engine.pid:
        why = why_ended(workspace) or ""
    else:
        why = f"the engine (pid {engine.pid}) was killed; nothing is lost"
    does = (
        f"another engine (pid {holder.pid}) runs already"
        if holder is not None and holder.is_engine
        else "`photostat run` continues"
    )
    try:
        known = account(workspace, engine.batches)
    except (UserError, OSError, sqlite3.Error):
        known = Account()
    text = f"{why}. It ran for {duration(now - engine.started)}; {does}"
    return Notice(Occasion.DIED, text, State.STOPPED, now, known)
