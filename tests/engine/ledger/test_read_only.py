"""A reader that may not write into the workspace sees the ledger all the same, and follows its changes."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.ledger.reader import LedgerReader
from engine.ledger.writer import Ledger
from engine.workspace import Workspace
from tests.support.ledgers import finish, make_ledger

_NOBODY = 65534


@pytest.fixture
def workspace() -> Iterator[Workspace]:
    """In a directory that others may enter."""
    with tempfile.TemporaryDirectory() as directory:
        Path(directory).chmod(0o755)
        yield make_ledger(Path(directory) / "ws", 3)


def seen_by_a_bystander(workspace: Workspace, steps: int) -> Iterator[int]:
    """Images done, as one reader of a process that may not write sees them at each step."""
    to_child, from_child = os.pipe(), os.pipe()
    child = os.fork()
    if child == 0:
        status = 1
        try:
            if os.getuid() == 0:
                os.setgid(_NOBODY)
                os.setuid(_NOBODY)
            with LedgerReader(workspace) as reader:
                for _ in range(steps):
                    os.read(to_child[0], 1)
                    os.write(from_child[1], bytes([reader.figures().totals.done]))
            status = 0
        finally:
            os._exit(status)
    os.close(from_child[1])
    for _ in range(steps):
        os.write(to_child[1], b".")
        answer = os.read(from_child[0], 1)
        if not answer:
            break
        yield answer[0]
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    for descriptor in (*to_child, from_child[0]):
        os.close(descriptor)


def lock_out(workspace: Workspace, *, out: bool) -> None:
    """Takes away our own right to write; root is locked out by becoming nobody instead."""
    if os.getuid() != 0:
        workspace.root.chmod(0o555 if out else 0o755)


def test_a_closed_ledger_can_be_read_and_is_followed(workspace: Workspace) -> None:
    lock_out(workspace, out=True)
    seen = seen_by_a_bystander(workspace, 4)
    try:
        assert next(seen) == 0
        lock_out(workspace, out=False)
        with Ledger.open(workspace) as ledger:
            finish(ledger, 1)
            assert next(seen) == 1
            finish(ledger, 2)
            assert next(seen) == 2
        assert next(seen) == 2
        assert list(seen) == []
    finally:
        lock_out(workspace, out=False)


def test_a_ledger_in_use_can_be_read(workspace: Workspace) -> None:
    with Ledger.open(workspace) as ledger:
        finish(ledger, 1)
        lock_out(workspace, out=True)
        try:
            assert list(seen_by_a_bystander(workspace, 2)) == [1, 1]
        finally:
            lock_out(workspace, out=False)
