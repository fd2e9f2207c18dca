"""The header's lines: what people have ordered about many images, and how far it is."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec import structs

from engine.control.snapshot import BatchSnapshot, OrderSnapshot
from engine.ledger.account import Account
from engine.ledger.states import OrderKind
from tests.support.app_pilot import opened
from tests.support.statuses import NOW, engine_status, running
from tui.state.view import View
from tui.widgets.account_bar import account_bar
from tui.widgets.header import figures_line, progress_line


def order(kind: OrderKind, number: int = 1) -> OrderSnapshot:
    return OrderSnapshot(number, kind, NOW - 5, images=12_000, seen=3_200, changed=3_000)


def figures(*orders: OrderSnapshot, columns: int = 120) -> str:
    return figures_line(
        View(engine_status(structs.replace(running(), orders=orders)), NOW), columns
    ).plain.rstrip()


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        (OrderKind.REQUEUE, "requeue"),
        (OrderKind.REQUEUE_MISSING, "requeue missing"),
        (OrderKind.ACCEPT, "accept"),
        (OrderKind.ADD, "add"),
    ],
)
def test_the_order_in_hand_comes_first_with_how_far_it_is(kind: OrderKind, name: str) -> None:
    assert figures(order(kind)).startswith(f"{name} 3,200 / 12,000   ▒ 477 failed   ")


def test_orders_that_wait_are_counted() -> None:
    orders = [order(OrderKind.ADD, number) for number in (1, 2, 3)]
    assert figures(*orders).startswith("add 3,200 / 12,000 (+2)   ▒ 477 failed")


def test_without_orders_nothing_is_said_of_them() -> None:
    assert figures().startswith("▒ 477 failed   ")


def test_what_needs_a_person_comes_first_and_the_times_stay_at_the_right_edge() -> None:
    for columns in (80, 120, 200):
        line = figures(columns=columns)
        assert line.startswith("▒ 477 failed   ▓ 14 accepted   ░ 8 in flight ")
        assert "ETA 3 d 04 h (Thu 04:16)" in line
        assert len(line) == columns


def test_the_bar_shows_every_state_that_has_an_image() -> None:
    account = Account(rows=430_057, pending=430_053, in_flight=1, done=1, failed=1, accepted=1)
    bar = account_bar(account, 40)
    assert [(text[:1], len(text)) for text, _ in bar] == [("█", 1), ("▓", 1), ("▒", 1), ("░", 1), ("·", 36)]
    assert len({style for _, style in bar}) == 5


def test_one_image_that_waits_can_be_seen_at_the_end() -> None:
    account = Account(rows=430_057, pending=1, in_flight=0, done=430_056, failed=0, accepted=0)
    assert "".join(text for text, _ in account_bar(account, 40)) == "█" * 39 + "·"


def test_without_images_the_bar_is_empty() -> None:
    assert "".join(text for text, _ in account_bar(Account(), 10)) == "·" * 10


def test_a_narrow_terminal_keeps_the_order_and_leaves_out_other_figures() -> None:
    assert figures(order(OrderKind.REQUEUE), columns=30) == "requeue 3,200 / 12,000"


async def test_the_app_shows_an_order_while_it_is_in_hand(root: Path) -> None:
    async with opened(root) as session:
        assert "requeue" not in session.text
        snapshot = structs.replace(running(), orders=(order(OrderKind.REQUEUE), order(OrderKind.ADD, 2)))
        session.poller.show(engine_status(snapshot))
        await session.until(lambda: "requeue 3,200 / 12,000 (+1)" in session.text, "the order")
        session.poller.show(engine_status(running()))
        await session.until(lambda: "3,200 / 12,000" not in session.text, "its end")


def test_the_bar_stays_where_it_is_while_the_figures_before_it_change() -> None:
    def bar_begins(done: int) -> int:
        batches = (BatchSnapshot.of("maps", Account(rows=12_000, pending=12_000 - done, done=done)),)
        status = engine_status(structs.replace(running(), batches=batches))
        drawn = progress_line(View(status, NOW), 80).plain
        assert len(drawn) == 80
        return min(drawn.index(mark) for mark in "█·" if mark in drawn)

    assert {bar_begins(done) for done in (0, 1, 9, 999, 11_999, 12_000)} == {bar_begins(500)}
