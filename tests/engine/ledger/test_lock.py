"""One process writes the ledger, and the others learn which."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from engine.ledger.lock import Holder, LedgerLocked, find_holder
from engine.ledger.writer import Ledger
from engine.workspace import Workspace
from tests.support.waiting import LONGEST_WAIT_S, wait_until


def test_one_process_writes_and_the_others_learn_which(workspace: Workspace) -> None:
    with Ledger.open(workspace, "run"):
        with pytest.raises(LedgerLocked) as caught:
            Ledger.open(workspace, "add")
        holder = find_holder(workspace.lock_path)
    assert holder is not None and holder.is_engine
    assert f"`photostat run` (process {holder.pid}, since " in str(caught.value)
    assert find_holder(workspace.lock_path) is None


def test_a_command_that_holds_the_lock_for_a_moment_is_waited_for(workspace: Workspace) -> None:
    child = hold_lock(workspace, "requeue", seconds=0.3)
    Ledger.open(workspace, "add").close()
    child.wait(LONGEST_WAIT_S)


def test_a_dead_holder_s_lock_is_free(workspace: Workspace) -> None:
    child = hold_lock(workspace, "run", seconds=600)
    child.kill()
    child.wait(LONGEST_WAIT_S)
    assert json.loads(workspace.lock_path.read_text())["command"] == "run"
    Ledger.open(workspace, "run").close()


def test_a_holder_on_another_host_is_named_with_it() -> None:
    assert " on elsewhere, since " in str(Holder(7, "elsewhere", "run", 0.0))


def hold_lock(workspace: Workspace, command: str, seconds: float) -> subprocess.Popen[bytes]:
    script = (
        "import sys, time\nfrom pathlib import Path\nfrom engine.ledger.lock import Lock\n"
        "Lock.acquire(Path(sys.argv[1]), sys.argv[2])\ntime.sleep(float(sys.argv[3]))"
    )
    child = subprocess.Popen([sys.executable, "-c", script, str(workspace.lock_path), command, str(seconds)])
    wait_until(lambda: find_holder(workspace.lock_path), "the lock to be held")
    return child
