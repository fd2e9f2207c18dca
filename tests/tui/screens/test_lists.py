"""The lists and details: every key in them, the orders it gave, and what is in the ledger then."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from textual.widgets import Input

from engine.control.requests import Accept, Requeue
from engine.ledger.filters import Selection
from engine.ledger.models import ImageRow
from engine.ledger.reader import LedgerReader
from engine.ledger.writer import Ledger
from tests.support.app_pilot import DONE, FAILED, ROWS, on_the_ledger, opened
from tests.support.fake_poller import taken
from tests.support.ledgers import make_ledger, representation
from tui.screens.dashboard import Dashboard
from tui.screens.dialogs import ConfirmDialog, ReasonDialog
from tui.screens.failed_list import FailedList
from tui.screens.image_detail import ImageDetail
from tui.screens.image_list import ImageList
from tui.screens.representation import RepresentationScreen


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A ledger that the tests only read."""
    return make_ledger(tmp_path_factory.mktemp("tui") / "workspace", ROWS, failed=FAILED, done=DONE).root


# -- lists ----


async def test_f_lists_the_failures(root: Path) -> None:
    async with opened(root) as session:
        await session.press("f")
        assert isinstance(session.app.screen, FailedList)
        assert session.app.screen.paged_list.total == FAILED
        assert "NB_00000_p0001.jpg" in session.text
        await session.press("escape")
        assert isinstance(session.app.screen, Dashboard)


async def test_enter_on_a_cause_lists_its_images(root: Path) -> None:
    async with opened(root) as session:
        await session.press("down", "enter")
        screen = session.app.screen
        assert isinstance(screen, FailedList)
        assert screen.image_query.cause == "source-missing"
        assert screen.paged_list.total == FAILED // 5


async def test_tab_and_enter_on_a_batch_lists_its_images(root: Path) -> None:
    async with opened(root) as session:
        await session.press("tab", "enter")
        screen = session.app.screen
        assert isinstance(screen, ImageList)
        assert screen.image_query.batch == "newspapers"
        assert screen.paged_list.total == ROWS


async def test_r_requeues_the_image_under_the_cursor(root: Path) -> None:
    async with opened(root) as session:
        await session.press("f", "down", "down", "r")
        assert session.sent == [Requeue(Selection(ids=(3,)))]
        assert session.message == "1 image requeued."


async def test_space_selects_and_r_requeues_the_selected(root: Path) -> None:
    async with opened(root) as session:
        await session.press("f", "space", "space", "down", "space", "r")
        assert session.sent == [Requeue(Selection(ids=(1, 2, 4)))]


async def test_capital_a_selects_all_shown_and_none_again(root: Path) -> None:
    async with opened(root) as session:
        await session.press("f", "A")
        assert "30 selected" in session.text
        await session.press("r")
        assert session.sent == [Requeue(Selection(ids=tuple(range(1, FAILED + 1))))]
        await session.press("A", "A")
        assert "selected" not in session.text


async def test_capital_r_requeues_all_shown_after_a_question_with_the_count(root: Path) -> None:
    async with opened(root) as session:
        await session.press("f", "R")
        assert "Requeue 30 images?" in session.text
        await session.press("enter")
        assert session.sent == []
        await session.press("R", "y")
        assert session.sent == [Requeue(Selection(all=True))]


async def test_capital_r_requeues_no_more_than_is_shown(root: Path) -> None:
    async with opened(root) as session:
        await session.press("down", "enter", "slash", "p", "0", "0", "0", "3", "enter")
        await session.press("R")
        assert "with “p0003”" in session.text
        await session.press("y")
        wanted = Selection(cause="source-missing", text="p0003")
        assert session.sent == [Requeue(wanted)]


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
        assert session.sent == [Accept((1,), "gone [b]1944[/b]")]


@pytest.mark.parametrize("keys", [["r"], ["a", "x", "enter"], ["R", "y"]], ids=["r", "a", "R"])
async def test_a_selection_is_kept_until_the_order_was_taken(root: Path, keys: list[str]) -> None:
    async with opened(root) as session:
        session.poller.reply = lambda command: "No engine answers."
        await session.press("f", "space", "space", "space", *keys)
        assert session.message == "No engine answers."
        assert "3 selected" in session.text
        session.poller.reply = taken
        await session.press(*keys)
        assert len(session.sent) == 2
        assert session.sent[0] == session.sent[1]
        assert "selected" not in session.text


async def test_an_order_is_not_given_again_before_it_is_answered(root: Path) -> None:
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


async def test_selected_images_that_the_filter_hides_are_told_and_asked_for(root: Path) -> None:
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
        assert session.sent == [Requeue(Selection(ids=(1, 2, 3)))]


async def test_hidden_images_are_requeued_after_a_yes(root: Path) -> None:
    async with opened(root) as session:
        await session.press("f", "space", "space", "space", "slash", *"p0002", "enter", "r", "y")
        assert session.sent == [Requeue(Selection(ids=(1, 2, 3)))]


async def test_images_that_have_failed_no_more_leave_the_selection(tmp_path: Path) -> None:
    workspace = make_ledger(tmp_path / "workspace", ROWS, failed=FAILED)
    async with opened(workspace.root) as session:
        await session.press("f", "space", "space", "space")
        with Ledger.open(workspace, "requeue") as ledger:
            ledger.requeue(Selection(ids=(1, 2)))
        await session.press("r")
        assert session.sent == [Requeue(Selection(ids=(3,)))]


async def test_two_images_are_accepted_as_they_are(root: Path) -> None:
    async with opened(root) as session:
        await session.press("f", "space", "space", "a")
        assert "Accept 2 images as they are, without JPEGs?" in session.text


async def test_slash_filters_and_escape_takes_it_back(root: Path) -> None:
    async with opened(root) as session:
        await session.press("f", "slash", *"p0011", "enter")
        screen = session.app.screen
        assert isinstance(screen, FailedList)
        assert screen.paged_list.total == 2
        assert not isinstance(session.app.focused, Input)
        await session.press("escape")
        assert screen.paged_list.total == FAILED
        await session.press("escape")
        assert isinstance(session.app.screen, Dashboard)


async def test_letters_typed_into_the_filter_are_no_commands(root: Path) -> None:
    async with opened(root) as session:
        await session.press("f", "slash", *"pdSqrRaz", "enter")
        assert session.sent == []
        assert session.app.is_running
        assert "No failed image here." in session.text


async def test_o_sorts_and_capital_o_reverses(root: Path) -> None:
    async with opened(root) as session:
        await session.press("f", "O")
        screen = session.app.screen
        assert isinstance(screen, FailedList)
        assert screen.paged_list.current is not None
        assert screen.paged_list.current.id == FAILED
        await session.press("o", "o")
        assert "by cause" in session.text
        assert screen.paged_list.current is not None
        assert screen.paged_list.current.cause == "corrupt"


async def test_i_lists_all_images_and_t_goes_through_the_states(root: Path) -> None:
    async with opened(root) as session:
        await session.press("i")
        screen = session.app.screen
        assert isinstance(screen, ImageList)
        assert screen.paged_list.total == ROWS
        await session.press("t", "t", "t")
        assert screen.image_query.state == "done"
        assert screen.paged_list.total == DONE
        assert "41.2 dB" not in session.text, "80 columns have no room for it"


async def test_the_cursor_goes_to_the_end_and_rows_come_as_they_are_needed(tmp_path: Path) -> None:
    root = make_ledger(tmp_path / "workspace", 1500, failed=1200).root
    async with opened(root) as session:
        await session.press("f", "end")
        screen = session.app.screen
        assert isinstance(screen, FailedList)
        await session.until(lambda: screen.paged_list.current is not None, "the last page")
        assert screen.paged_list.current is not None
        assert screen.paged_list.current.id == 1200
        await session.press("pageup", "home", "pagedown", "up")
        await session.until(lambda: screen.paged_list.current is not None, "the first page")
        assert screen.paged_list.current is not None
        assert screen.paged_list.current.id == screen.paged_list.cursor + 1


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


async def test_enter_shows_everything_known_of_an_image(root: Path) -> None:
    async with opened(root, size=(80, 50)) as session:
        await session.press("f", "down", "down", "down", "enter")
        assert isinstance(session.app.screen, ImageDetail)
        assert r"[bold]markup[/bold] and \x1b[31mcolour\x1b[0m are only text" in session.text
        assert "Restore the file from a backup" in session.text
        await session.press("r")
        assert session.sent == [Requeue(Selection(ids=(4,)))]
        await session.press("a", *"lost", "enter")
        assert session.sent[1:] == [Accept((4,), "lost")]


async def test_the_detail_of_an_image_that_is_done(root: Path) -> None:
    async with opened(root, size=(80, 50)) as session:
        await session.press("i", "t", "t", "t", "enter")
        for fact in (
            "✓ done",
            "7,216 × 5,412",
            "1024 × 1024",
            "PSNR 41.2 dB",
            "e4d909c2",
            "612M of 667M predicted",
        ):
            assert fact in session.text
        await session.press("r")
        assert session.sent == []
        assert "Only failed images" in session.message


@pytest.mark.parametrize("size", [(80, 24), (60, 20), (120, 30)])
async def test_u_shows_the_representation_and_whether_it_is_complete(
    root: Path, size: tuple[int, int]
) -> None:
    async with opened(root, size=size) as session:
        await session.press("f", "u")
        screen = session.app.screen
        assert isinstance(screen, RepresentationScreen)
        assert screen.paged_list.total == 12
        assert size[0] < 80 or "✗ not complete: 0 of 12, 12 failed" in session.text
        assert representation(0) in session.text


async def test_from_one_list_to_another_escape_is_never_far_from_the_dashboard(root: Path) -> None:
    async with opened(root) as session:
        await session.press("f", "enter", "u", "i", "e", "f")
        assert len(session.app.screen_stack) == 2
        await session.press("escape")
        assert isinstance(session.app.screen, Dashboard)


# -- what the keys do to a real ledger where no engine runs ----


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
        accepted = next(image for image in reader.images(state="accepted"))
        assert accepted.reason == "burnt"


async def test_a_ledger_in_use_is_told(tmp_path: Path) -> None:
    workspace = make_ledger(tmp_path / "workspace", ROWS, failed=FAILED)
    with Ledger.open(workspace, "check"):
        async with on_the_ledger(workspace) as session:
            await session.press("f", "r")
            await session.until(lambda: "check" in session.message, "the refusal")
