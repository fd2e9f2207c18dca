"""The failed images: selecting, requeueing and accepting them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from engine.control.requests import Accept, Requeue
from engine.failures import Cause, Failure, Stage
from engine.ledger.filters import ImageFilter, Selection
from engine.ledger.models import ImageRow
from engine.ledger.reader import LedgerReader
from engine.ledger.states import EventKind, EventLevel
from engine.ledger.writer import Ledger
from tests.support.app_pilot import FAILED, ROWS, on_the_ledger, opened
from tests.support.fake_poller import obeyed
from tests.support.ledgers import make_ledger
from tui.screens.dashboard import Dashboard
from tui.screens.dialogs import ConfirmDialog, ReasonDialog
from tui.screens.failed_list import FailedList


async def test_f_lists_the_failures(root: Path) -> None:
    async with opened(root) as session:
        await session.press("f")
        assert isinstance(session.app.screen, FailedList)
        assert session.app.screen.paged_list.total == FAILED
        assert "NB_00000_p0001.jpg" in session.text
        await session.press("escape")
        assert isinstance(session.app.screen, Dashboard)


async def test_r_requeues_the_image_under_the_cursor(root: Path) -> None:
    async with opened(root) as session:
        await session.press("f", "down", "down", "r")
        assert session.sent_unbounded == [Requeue(Selection(ids=(3,)))]
        assert session.message == "1 image requeued."


async def test_space_selects_and_r_requeues_the_selected(root: Path) -> None:
    async with opened(root) as session:
        await session.press("f", "space", "space", "down", "space", "r")
        assert session.sent_unbounded == [Requeue(Selection(ids=(1, 2, 4)))]


async def test_capital_a_selects_all_shown_and_none_again(root: Path) -> None:
    async with opened(root) as session:
        await session.press("f", "A")
        assert "30 selected" in session.text
        await session.press("r")
        assert session.sent_unbounded == [Requeue(Selection(ids=tuple(range(1, FAILED + 1))))]
        await session.press("A", "A")
        assert "selected" not in session.text


async def test_capital_r_requeues_all_shown_after_a_question_with_the_count(root: Path) -> None:
    async with opened(root) as session:
        await session.press("f", "R")
        assert "Requeue 30 images?" in session.text
        await session.press("enter")
        assert session.sent == []
        await session.press("R", "y")
        assert session.sent_unbounded == [Requeue(Selection(all=True))]


async def test_capital_r_requeues_no_more_than_is_shown(root: Path) -> None:
    async with opened(root) as session:
        await session.press("down", "enter", "slash", "p", "0", "0", "0", "3", "enter")
        await session.press("R")
        assert "with “p0003”" in session.text
        await session.press("y")
        wanted = Selection(cause="source-missing", text="p0003")
        assert session.sent_unbounded == [Requeue(wanted)]


async def test_a_accepts_with_a_reason_and_not_without(root: Path) -> None:
    async with opened(root) as session:
        await session.press("f", "a")
        assert isinstance(session.app.screen, ReasonDialog)
        await session.press("enter")
        assert isinstance(session.app.screen, ReasonDialog), "no reason, no acceptance"
        await session.press("escape")
        assert session.sent == []
        await session.press("a", "enter")
        assert "Give a reason first" in session.text
        await session.press("escape")
        await session.press("a", *"gone", "space", *"[b]1944[/b]", "enter")
        assert session.sent_unbounded == [Accept(Selection(ids=(1,)), "gone [b]1944[/b]")]


@pytest.mark.parametrize("keys", [["r"], ["a", "x", "enter"], ["R", "y"]], ids=["r", "a", "R"])
async def test_a_selection_is_kept_until_the_engine_has_answered(root: Path, keys: list[str]) -> None:
    async with opened(root) as session:
        session.poller.reply = lambda command: "No engine answers."
        await session.press("f", "space", "space", "space", *keys)
        assert session.message == "No engine answers."
        assert "3 selected" in session.text
        session.poller.reply = obeyed
        await session.press(*keys)
        assert len(session.sent) == 2
        assert session.sent[0] == session.sent[1]
        assert "selected" not in session.text


async def test_a_command_is_not_sent_again_before_it_is_answered(root: Path) -> None:
    async with opened(root) as session:
        answer = session.poller.answer
        session.poller.answer = lambda command: None  # type: ignore[method-assign]
        await session.press("f", "space", "r", "r", "R", "a")
        assert len(session.sent) == 1
        assert session.message == "The engine has not answered the last command yet."
        answer(session.poller.sent[0])
        await session.settle()
        await session.press("r")
        assert len(session.sent) == 2


async def test_selected_images_that_the_filter_hides_are_counted_and_asked_about(root: Path) -> None:
    async with opened(root) as session:
        await session.press("f", "space", "space", "space", "slash", *"p0002", "enter")
        assert "3 selected, 2 of them not shown" in session.text
        await session.press("r")
        assert isinstance(session.app.screen, ConfirmDialog)
        assert "2 of them are selected but not shown" in " ".join(session.text.split())
        await session.press("enter")
        assert session.sent == []
        await session.press("a")
        assert "2 of them are selected but not shown" in " ".join(session.text.split())
        await session.press("escape", "escape")
        assert "3 selected" in session.text
        assert "not shown" not in session.text
        await session.press("r")
        assert session.sent_unbounded == [Requeue(Selection(ids=(1, 2, 3)))]


async def test_hidden_images_are_requeued_after_a_yes(root: Path) -> None:
    async with opened(root) as session:
        await session.press("f", "space", "space", "space", "slash", *"p0002", "enter", "r", "y")
        assert session.sent_unbounded == [Requeue(Selection(ids=(1, 2, 3)))]


async def test_images_that_are_no_longer_failed_leave_the_selection(tmp_path: Path) -> None:
    workspace = make_ledger(tmp_path / "workspace", ROWS, failed=FAILED)
    async with opened(workspace.root) as session:
        await session.press("f", "space", "space", "space")
        with Ledger.open(workspace, "requeue") as ledger:
            ledger.requeue(Selection(ids=(1, 2)))
        await session.press("r")
        assert session.sent_unbounded == [Requeue(Selection(ids=(3,)))]


async def test_two_images_are_accepted_as_they_are(root: Path) -> None:
    async with opened(root) as session:
        await session.press("f", "space", "space", "a")
        assert "Accept 2 images as they are, without JPEGs?" in session.text


async def test_ten_thousand_failures_open_by_reading_a_page_of_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What keeps the list quick to open, however many there are; bench/README.md has the time."""
    root = make_ledger(tmp_path / "workspace", 12_000, failed=10_000).root
    read: list[int] = []
    read_page = LedgerReader.images

    def counted(self: LedgerReader, *args: Any, **options: Any) -> list[ImageRow]:
        rows = read_page(self, *args, **options)
        read.append(len(rows))
        return rows

    monkeypatch.setattr(LedgerReader, "images", counted)
    async with opened(root) as session:
        await session.pilot.press("f")
        await session.until(lambda: "of 10,000" in session.text, "the list")
    assert 0 < sum(read) < 1000


async def test_requeue_and_accept_reach_the_ledger(tmp_path: Path) -> None:
    workspace = make_ledger(tmp_path / "workspace", ROWS, failed=FAILED)
    async with on_the_ledger(workspace) as session:
        assert "STOPPED" in session.text
        await session.press("f", "space", "space", "r")
        await session.until(lambda: "2 images requeued" in session.message, "the requeue")
        await session.press("a", *"burnt", "enter")
        await session.until(lambda: "1 image accepted" in session.message, "the acceptance")
        await session.press("R", "y")
        await session.until(lambda: "27 images requeued" in session.message, "the requeue of the rest")
    with LedgerReader(workspace) as reader:
        account = reader.account()["newspapers"]
        assert (account.failed, account.accepted, account.pending) == (0, 1, ROWS - 1)
        accepted = next(image for image in reader.images(ImageFilter(state="accepted")))
        assert accepted.reason == "burnt"


async def test_a_ledger_in_use_is_reported(tmp_path: Path) -> None:
    workspace = make_ledger(tmp_path / "workspace", ROWS, failed=FAILED)
    with Ledger.open(workspace, "check"):
        async with on_the_ledger(workspace) as session:
            await session.press("f", "r")
            await session.until(lambda: "check" in session.message, "the refusal")


async def test_capital_r_requeues_what_the_question_was_about_and_nothing_that_came_later(
    tmp_path: Path,
) -> None:
    """While the question stands, other images fail, one is requeued, and one is requeued and fails again."""
    workspace = make_ledger(tmp_path / "workspace", ROWS, failed=FAILED)
    async with on_the_ledger(workspace) as session:
        await session.press("f", "R")
        assert f"Requeue {FAILED} images?" in session.text
        with Ledger.open(workspace, "other") as ledger:
            ledger.requeue(Selection(ids=(1, 2)))
            for number in (2, ROWS - 1, ROWS):
                failure = Failure(Cause.CORRUPT, Stage.DECODING, "later")
                with ledger.transaction():
                    ledger.failed(number, failure)
                    ledger.event(EventLevel.ERROR, EventKind.FAILED, "later", number)
        await session.press("y")
        await session.until(lambda: "requeued" in session.message, "the requeue")
        assert session.message.startswith(f"{FAILED - 2} images requeued, 2 left as they are")
    with LedgerReader(workspace) as reader:
        assert reader.ids(ImageFilter(state="failed")) == [2, ROWS - 1, ROWS]


async def test_a_accepts_what_the_question_was_about_and_nothing_that_came_later(tmp_path: Path) -> None:
    """While the reason is typed, one of three selected images is requeued and fails again."""
    workspace = make_ledger(tmp_path / "workspace", ROWS, failed=FAILED)
    async with on_the_ledger(workspace) as session:
        await session.press("f", "space", "space", "space", "a", *"lost")
        with Ledger.open(workspace, "other") as ledger:
            ledger.requeue(Selection(ids=(2,)))
            with ledger.transaction():
                ledger.failed(2, Failure(Cause.CORRUPT, Stage.DECODING, "later"))
        await session.press("enter")
        await session.until(lambda: "accepted" in session.message, "the acceptance")
        assert session.message.startswith("2 images accepted, 1 left as it is")
    with LedgerReader(workspace) as reader:
        assert reader.ids(ImageFilter(state="accepted")) == [1, 3]


async def test_all_of_a_long_list_are_one_order_and_the_rest_of_it_are_ids(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`A` selects more images than one order names."""
    monkeypatch.setattr("tui.screens.failed_list.MOST_IDS", FAILED - 10)
    async with opened(root) as session:
        session.poller.reply = lambda command: "No engine answers."
        await session.press("f", "A", "r", "a", *"lost", "enter")
        everything = Selection(all=True)
        assert session.sent_unbounded == [Requeue(everything), Accept(everything, "lost")]
        await session.press("space", "r")  # all but the first
        assert session.sent_unbounded[2] == Requeue(Selection(ids=tuple(range(2, FAILED + 1))))
