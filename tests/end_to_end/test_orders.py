"""Orders about thousands of images: taken at once, done beside everything else, and outliving client and engine."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from engine.control.client import EngineClient
from engine.control.ordering import order
from engine.control.requests import Accept, Requeue
from engine.ledger.account import Account
from engine.ledger.filters import Selection
from engine.ledger.reader import LedgerReader
from engine.workspace import Workspace
from tests.conftest import end_engine
from tests.support.command_line import photostat, start
from tests.support.engine_runs import kill_engine, start_engine, status, wait_for_end
from tests.support.ledgers import make_ledger
from tests.support.waiting import LONGEST_WAIT_S, wait_until

FAILED = 12_000


@pytest.fixture
def root(tmp_path: Path) -> Iterator[Path]:
    """Thousands of failed images, and a few that wait for a share that is away."""
    place = make_ledger(tmp_path / "ws", FAILED + 20, failed=FAILED).root
    yield place
    end_engine(place)


def paused_engine(root: Path) -> int:
    pid = start_engine(root)
    photostat("pause", workspace=root)
    return pid


def test_a_large_order_is_done_beside_everything_else(root: Path) -> None:
    paused_engine(root)
    command = start("requeue", "--all", workspace=root)
    seen = set()
    with EngineClient.connect(Workspace(root), timeout_s=LONGEST_WAIT_S) as client:
        wait_until(lambda: client.snapshot().orders or command.poll() is not None, "the order to be taken")
        while orders := client.snapshot().orders:
            assert (orders[0].kind, orders[0].images) == ("requeue", FAILED)
            seen.add(orders[0].seen)
    printed, warned = command.communicate(timeout=LONGEST_WAIT_S)
    assert (printed, warned, command.returncode) == ("12,000 images requeued.\n", "", 0)
    assert len(seen) > 3, "the engine answered in the middle of it"
    document = status(root)
    assert not document["orders"] and document["totals"]["pending"] == FAILED + 20
    assert photostat("requeue", "--all", "--json", workspace=root).json == {
        "requeued": 0,
        "still_colliding": 0,
        "not_failed": 0,
    }


def test_two_orders_at_once_are_done_one_after_the_other(root: Path) -> None:
    paused_engine(root)
    with EngineClient.connect(Workspace(root), timeout_s=LONGEST_WAIT_S) as client:
        first = client.ask(Requeue(Selection(all=True))).order
        assert first.ended is None, "it is taken, not done"
        assert order(client, Accept((FAILED,), "lost")).count == 0, "requeued before"
        assert order(client, Accept(tuple(range(1, FAILED + 1)), "lost")).count == 0, "as two orders"
    assert status(root)["totals"]["pending"] == FAILED + 20


def test_a_taken_order_outlives_its_client_and_its_engine(root: Path) -> None:
    pid = paused_engine(root)
    command = start("requeue", "--all", workspace=root)
    suspended = _suspend_with_an_order(root, pid)
    text = photostat("status", workspace=root).stdout
    assert "Orders in hand:" in text and "12,000" in text
    assert suspended["seen"] < FAILED
    kill_engine(pid)
    _, told = command.communicate(timeout=LONGEST_WAIT_S)
    assert command.returncode == 3
    assert (
        told.count("\n") == 1
        and "The order is taken (" in told
        and "the engine that runs next goes on" in told
    )
    document = photostat("status", "--json", workspace=root).json
    assert [waiting["kind"] for waiting in document["orders"]] == ["requeue"]
    assert "Orders in hand, waits for the next engine:" in photostat("status", workspace=root).stdout
    second = start_engine(root)
    wait_until(lambda: not status(root)["orders"], "the order's end")
    photostat("stop", workspace=root)
    wait_for_end(root)
    assert second != pid
    with LedgerReader(Workspace(root)) as reader:
        assert reader.figures().totals == Account(rows=FAILED + 20, pending=FAILED + 20)
        for image_id in (1, FAILED // 2, FAILED):
            requeued = [event for event in reader.events(image_id=image_id) if event.kind == "requeue"]
            assert len(requeued) == 1
    assert "12,000 images requeued" in "".join(path.read_text() for path in (root / "logs").glob("run-*"))


def test_without_an_engine_the_next_command_finishes_what_was_taken_first(root: Path) -> None:
    pid = paused_engine(root)
    with EngineClient.connect(Workspace(root), timeout_s=LONGEST_WAIT_S) as client:
        client.ask(Requeue(Selection(all=True)))
        photostat("stop", workspace=root)
    wait_for_end(root)
    del pid
    printed = photostat("accept", str(FAILED), "--reason", "lost", workspace=root, expect=1)
    assert printed.stdout == "0 images accepted.\n"
    assert status(root)["totals"]["pending"] == FAILED + 20


def test_a_drain_finishes_the_orders_and_so_does_an_engine_with_nothing_else_to_do(tmp_path: Path) -> None:
    root = make_ledger(tmp_path / "ws", FAILED, failed=FAILED - 1).root
    paused_engine(root)
    with EngineClient.connect(Workspace(root), timeout_s=LONGEST_WAIT_S) as client:
        client.ask(Requeue(Selection(cause="truncated")))
        photostat("drain", workspace=root)
    wait_for_end(root)
    with LedgerReader(Workspace(root)) as reader:
        assert reader.open_orders() == () and reader.count() == FAILED
        assert not [group for group in reader.failure_groups() if group.cause == "truncated"]


def _suspend_with_an_order(root: Path, pid: int) -> dict[str, Any]:
    """SIGSTOP to the engine once it has an order in hand; returns how far that is."""
    with LedgerReader(Workspace(root)) as reader:
        wait_until(reader.open_orders, "the order to be taken")
        os.kill(pid, signal.SIGSTOP)
        (taken,) = reader.open_orders()
        return vars(taken)
