"""Lists of images: filter, order, states, paging."""

from __future__ import annotations

from pathlib import Path

from textual.widgets import Input

from tests.support.app_pilot import DONE, FAILED, ROWS, opened
from tests.support.ledgers import make_ledger
from tui.screens.dashboard import Dashboard
from tui.screens.failed_list import FailedList
from tui.screens.image_list import ImageList
from tui.widgets.paged_list import PagedList


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


async def test_slash_filters_and_escape_removes_the_filter(root: Path) -> None:
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


async def test_letters_in_the_filter_are_not_commands(root: Path) -> None:
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


async def test_escape_leads_from_any_list_to_the_dashboard(root: Path) -> None:
    async with opened(root) as session:
        await session.press("f", "enter", "u", "i", "e", "f")
        assert len(session.app.screen_stack) == 2
        await session.press("escape")
        assert isinstance(session.app.screen, Dashboard)


async def test_a_low_terminal_shows_rows_of_each_list_before_details(root: Path) -> None:
    async with opened(root, size=(40, 10)) as session:
        for key in ("i", "f", "e"):
            await session.press(key)
            for rows in (10, 6, 5, 24):
                await session.pilot.resize_terminal(40, rows)
                await session.settle()
                listed = session.app.screen.query_one(PagedList)
                assert listed.size.height >= 1 + (rows >= 6) + 2 * (rows >= 10), (key, rows)
            await session.pilot.resize_terminal(40, 10)
            await session.press("escape")
