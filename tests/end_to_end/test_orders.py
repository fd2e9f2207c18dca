"""Orders about thousands of images: taken at once, done beside everything else, and outliving client and engine."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from msgspec import structs

from engine.control.client import EngineClient
from engine.control.ordering import OrderInterrupted, order
from engine.control.requests import Accept, OrderReply, Requeue
from engine.ledger.account import Account
from engine.ledger.filters import Selection
from engine.ledger.orders import MOST_IDS
from engine.ledger.reader import LedgerReader
from engine.workspace import Workspace
from tests.conftest import end_engine
from tests.support.app_pilot import on_the_ledger
from tests.support.command_line import environment, photostat, start
from tests.support.engine_runs import kill_engine, start_engine, status, wait_for_end
from tests.support.jp2_files import Row, representation, write_export
from tests.support.ledgers import make_ledger
from tests.support.waiting import LONGEST_WAIT_S, wait_until

FAILED, ADDED = 12_000, 3_000
SLOW = "CREATE TRIGGER slow AFTER UPDATE ON images BEGIN SELECT length(randomblob(60000)); END"
"""An order takes seconds, so that the engine is in the middle of it when the test looks."""
INTERRUPTED = """
import os, signal, types
from engine.control import ordering
signal.signal(signal.SIGINT, signal.default_int_handler)
ordering.time = types.SimpleNamespace(sleep=lambda seconds: os.kill(os.getpid(), signal.SIGINT))
from tui.cli import main
main()
"""
"""A person presses Ctrl-C as soon as the command waits for the engine, which has taken the order."""


@pytest.fixture
def root(tmp_path: Path) -> Iterator[Path]:
    """Thousands of failed images, and a few that wait for a share that is away."""
    place = make_ledger(tmp_path / "ws", FAILED + 20, failed=FAILED).root
    yield place
    end_engine(place)


def change_ledger(root: Path, sql: str) -> None:
    with closing(sqlite3.connect(root / "ledger.sqlite")) as ledger, ledger:
        ledger.execute(sql)


def paused_engine(root: Path) -> int:
    change_ledger(root, SLOW)
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
        assert order(client, Accept(Selection(ids=(FAILED,)), "lost")).count == 0, "requeued before"
        assert order(client, Accept(Selection(ids=tuple(range(1, FAILED + 1))), "lost")).count == 0, (
            "as two orders"
        )
    assert status(root)["totals"]["pending"] == FAILED + 20


async def test_all_selected_in_the_app_are_an_order_like_any_other(root: Path) -> None:
    paused_engine(root)
    async with on_the_ledger(Workspace(root)) as session:
        await session.press("f", "A", "r")
        await session.until(lambda: "12,000 images requeued" in session.message, "the requeue")
        assert "selected" not in session.text
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


@pytest.mark.parametrize("command", [["requeue", "--all"], ["add", "more.csv"]])
def test_ctrl_c_says_that_the_engine_goes_on_with_the_order_and_it_does(
    root: Path, command: list[str]
) -> None:
    paused_engine(root)
    row = representation(0), "B1", "991", "maps"
    write_export(
        root / "more.csv", [Row(*row[:3], f"{n}.tif", row[3], f"/mnt/{n}.jp2") for n in range(ADDED)]
    )
    done = subprocess.run(
        [sys.executable, "-c", INTERRUPTED, "-C", str(root), *command],
        cwd=root,
        env=environment(None),
        capture_output=True,
        text=True,
        check=False,
    )
    images = "12,000" if command[0] == "requeue" else "3,000"
    assert done.stderr.strip() == (
        f"The engine goes on with the order (0 of {images} images looked at, 0 changed so far); "
        "`photostat status` shows how far it is."
    )
    assert (done.returncode, done.stdout) == (128 + signal.SIGINT, "")
    wait_until(lambda: not status(root)["orders"], "the order's end")
    expected = (0, 20 + FAILED) if command[0] == "requeue" else (FAILED, 20 + ADDED)
    totals = status(root)["totals"]
    assert (totals["failed"], totals["pending"]) == expected
    assert not list(root.glob("ledger.add-*"))


def test_ctrl_c_between_two_parts_of_an_order_says_that_the_rest_was_not_ordered(root: Path) -> None:
    paused_engine(root)
    with EngineClient.connect(Workspace(root), timeout_s=LONGEST_WAIT_S) as client:
        ask = client.ask

        def interrupted(request: Requeue) -> OrderReply:
            if request.selection.ids[-1] == FAILED:
                raise KeyboardInterrupt
            return ask(request)

        client.ask = interrupted  # type: ignore[method-assign, assignment]
        with pytest.raises(OrderInterrupted, match="the others were not ordered any more: give the command"):
            order(client, Requeue(Selection(ids=tuple(range(1, FAILED + 1)))))
    wait_until(lambda: not status(root)["orders"], "the order's end")
    assert status(root)["totals"]["failed"] == FAILED - MOST_IDS


def test_missing_images_are_requeued_in_slices_beside_everything_else(tmp_path: Path) -> None:
    root = make_ledger(tmp_path / "ws", FAILED + 20, done=FAILED).root
    (root / "out").mkdir()
    try:
        paused_engine(root)
        command = start("reconcile", "--requeue", "--lost", workspace=root)
        seen = set()
        with EngineClient.connect(Workspace(root), timeout_s=LONGEST_WAIT_S) as client:
            wait_until(lambda: client.snapshot().orders or command.poll() is not None, "the order")
            while orders := client.snapshot().orders:
                assert orders[0].kind == "requeue_missing" and orders[0].images <= MOST_IDS
                seen.add((orders[0].id, orders[0].seen))
        printed, told = command.communicate(timeout=LONGEST_WAIT_S)
        assert told == "12,000 missing images requeued.\n" and command.returncode == 1
        assert "and more; --json lists them all" in printed
        assert len({number for number, _ in seen}) == 2, "of so many, two orders were made"
        assert len(seen) > 3, "the engine answered in the middle of them"
        assert status(root)["totals"]["pending"] == FAILED + 20
        with LedgerReader(Workspace(root)) as reader:
            (event,) = [event for event in reader.events(image_id=FAILED) if event.kind == "requeue"]
        assert event.message == "requeued: not in the store any more"
    finally:
        end_engine(root)


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
        return structs.asdict(taken)
