"""Reads the account of the last run from a ledger: by an engine of its own, by any other process read-only."""

from __future__ import annotations

from engine.ledger.lock import find_engine
from engine.ledger.queries import LedgerQueries
from engine.ledger.reader import LedgerReader
from engine.run_account.account import RunAccount, account_of, new_from
from engine.run_account.words import text
from engine.workspace import Workspace


def read_account(ledger: LedgerQueries, *, is_running: bool) -> RunAccount | None:
    """Of the run under way or the last one; None if no engine has begun with work to do.

    `is_running`: an engine holds the ledger's lock, which matters if it has not said how it ended.
    Reads every failed image. Raises sqlite3.Error."""
    run = ledger.last_run()
    if run is None:
        return None
    since = new_from(run)
    return account_of(run, ledger.figures(), ledger.new_failures(since), since, is_running=is_running)


def account_in(workspace: Workspace, reader: LedgerReader) -> RunAccount | None:
    """Of the last run, all of it of one moment. Raises sqlite3.Error."""
    with reader.one_view():
        return read_account(reader, is_running=find_engine(workspace.lock_path) is not None)


def run_text(workspace: Workspace) -> str:
    """The account of the last run in words, several lines, for a notification; empty if there was none.

    Any process may ask, also the engine that has just ended the run, and one that finds an engine dead.

    Raises UserError and sqlite3.Error if the ledger cannot be read."""
    with LedgerReader(workspace) as reader:
        found = account_in(workspace, reader)
    return text(found) if found else ""
