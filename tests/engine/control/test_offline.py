"""Decisions about images without an engine: this process writes the ledger, unless another one does."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.control.client import EngineSilent, running_engine, running_pid
from engine.control.offline import engine_or_ledger
from engine.control.requests import Accept, Requeue, RequeueMissing
from engine.failures import UserError
from engine.ledger.account import Account
from engine.ledger.filters import ImageFilter, Selection
from engine.ledger.lock import ENGINE_COMMAND, Lock, find_holder
from engine.ledger.reader import LedgerReader
from engine.workspace import Workspace
from tests.support.ledgers import make_ledger


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """Five images, of which two have failed and one is done."""
    return make_ledger(tmp_path / "workspace", 5, failed=2, done=1)


def account(workspace: Workspace) -> Account:
    with LedgerReader(workspace) as reader:
        return reader.figures().totals


def test_the_ledger_is_written_when_no_engine_runs(workspace: Workspace) -> None:
    with LedgerReader(workspace) as reader:
        done, failed = reader.ids(ImageFilter(state="done")), reader.ids(ImageFilter(state="failed"))
    with engine_or_ledger(workspace, "requeue") as carry_out:
        holder = find_holder(workspace.lock_path)
        assert holder is not None and holder.command == "requeue"
        assert carry_out(Accept(Selection(ids=(failed[0],)), "lost")).count == 1
        assert carry_out(RequeueMissing(tuple(done))).count == 1
        assert carry_out(Requeue(Selection(all=True))).count == 1
    assert account(workspace) == Account(rows=5, pending=4, accepted=1)
    assert find_holder(workspace.lock_path) is None


def test_what_is_refused_changes_nothing(workspace: Workspace) -> None:
    before = account(workspace)
    with engine_or_ledger(workspace, "accept") as carry_out:
        for request in (
            Accept(Selection(ids=(1,)), " \n "),
            Accept(Selection(ids=(99,)), "lost"),
            Requeue(Selection(ids=(99,))),
        ):
            with pytest.raises(UserError):
                carry_out(request)
    assert account(workspace) == before


def test_an_engine_that_does_not_answer_keeps_the_ledger(workspace: Workspace) -> None:
    lock = Lock.acquire(workspace.lock_path, ENGINE_COMMAND)
    with pytest.raises(EngineSilent), engine_or_ledger(workspace, "accept", timeout_s=0.2):
        raise AssertionError("nothing is carried out")
    with pytest.raises(EngineSilent):
        running_engine(workspace, timeout_s=0.2)
    lock.release()


def test_no_engine_is_no_fault_where_none_is_needed(workspace: Workspace) -> None:
    assert running_engine(workspace) is None
    assert running_pid(workspace) is None
