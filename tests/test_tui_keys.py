"""Every key, and what it did: to the engine by the orders it got, to the ledger by what is in it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from textual.pilot import Pilot
from textual.widgets import Input

from engine.ledger.reader import LedgerReader
from engine.ledger.selection import Selection
from engine.workspace import Workspace
from tests.fake_link import NOW, PICTURES, FakeLink
from tests.ledgers import make_ledger, representation
from tui.actions import ACTIONS
from tui.app import PhotostatApp
from tui.link import WorkspaceLink
from tui.picture import Picture
from tui.screens.dashboard import Dashboard
from tui.screens.detail import Detail
from tui.screens.gallery import Failed, Gallery
from tui.screens.help import Help
from tui.screens.log import EventLog
from tui.screens.page import Page
from tui.screens.question import Confirm, Reason
from tui.screens.representation import Representation
from tui.shelf import Shelf
from tui.widgets.keys import Keys
from tui.widgets.lines import Lines

FAILED, DONE, ROWS = 30, 6, 60


@dataclass
class Session:
    """The app under a pilot, and what it has done."""

    app: PhotostatApp
    pilot: Pilot[int]
    link: FakeLink
    workspace: Workspace

    async def press(self, *keys: str) -> None:
        await self.pilot.press(*keys)
        await self.settle()

    async def settle(self) -> None:
        """Until every query is answered and drawn."""
        await self.pilot.pause()
        waiting = [worker for worker in self.app.workers if worker.group not in ("question",)]
        if waiting:
            await asyncio.wait_for(self.app.workers.wait_for_complete(waiting), 10)
        await self.pilot.pause()

    async def until(self, condition: Callable[[], bool], what: str) -> None:
        end = time.monotonic() + 10
        while not condition():
            assert time.monotonic() < end, f"waited for {what}; told: {self.told!r}"
            await self.pilot.pause(0.02)

    @property
    def sent(self) -> list[tuple[str, dict[str, object]]]:
        return [(order.command, dict(order.arguments)) for order in self.link.sent]

    @property
    def told(self) -> str:
        page = next(s for s in reversed(self.app.screen_stack) if isinstance(s, Page))
        return page.told.text

    @property
    def text(self) -> str:
        """What is on the screen in sight."""
        widgets = self.app.screen.query(Lines)
        return "\n".join("\n".join(strip.text for strip in widget._painted) for widget in widgets)


Open = Callable[..., "asyncio.Future[Session]"]


@asynccontextmanager
async def opened(
    root: Path, picture: Picture | None = None, *, size: tuple[int, int] = (80, 24), read_only: bool = False
) -> AsyncIterator[Session]:
    workspace = Workspace(root)
    link = FakeLink(picture or PICTURES["running"]())
    shelf = Shelf(lambda: LedgerReader(workspace))
    app = PhotostatApp(link, shelf, read_only=read_only, clock=lambda: NOW)
    async with app.run_test(size=size) as pilot:
        session = Session(app, pilot, link, workspace)
        await session.settle()
        yield session


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A ledger that the tests only read."""
    return make_ledger(tmp_path_factory.mktemp("tui") / "workspace", ROWS, failed=FAILED, done=DONE).root


# -- what the engine is told ----


async def test_p_pauses_and_resumes(root: Path) -> None:
    async with opened(root) as session:
        await session.press("p")
        assert session.sent == [("pause", {})]
        assert session.told.startswith("Paused")
        session.link.show(PICTURES["paused"]())
        await session.settle()
        await session.press("p")
        assert session.sent[1:] == [("resume", {})]


async def test_d_drains(root: Path) -> None:
    async with opened(root) as session:
        await session.press("d")
        assert session.sent == [("drain", {})]
        assert "Draining" in session.told


async def test_plus_and_minus_change_the_workers_one_by_one(root: Path) -> None:
    async with opened(root) as session:
        await session.press("plus", "plus", "minus")
        assert session.sent == [
            ("workers", {"count": 9}),
            ("workers", {"count": 10}),
            ("workers", {"count": 9}),
        ]


async def test_s_starts_where_no_engine_runs(root: Path) -> None:
    async with opened(root, PICTURES["stopped"]()) as session:
        assert "s starts it" in session.told
        await session.press("s")
        assert session.sent == [("start", {})]


async def test_s_says_so_where_one_runs(root: Path) -> None:
    async with opened(root) as session:
        await session.press("s")
        assert session.sent == []
        assert "runs already" in session.told


async def test_stopping_the_engine_is_asked_and_no_is_the_default(root: Path) -> None:
    async with opened(root) as session:
        for answer in ("enter", "escape", "n"):
            await session.press("S")
            assert isinstance(session.app.screen, Confirm)
            await session.press(answer)
            assert session.sent == []
        await session.press("S", "y")
        assert session.sent == [("stop", {})]


async def test_yes_can_be_chosen_with_the_arrows(root: Path) -> None:
    async with opened(root) as session:
        await session.press("S", "right", "enter")
        assert session.sent == [("stop", {})]


async def test_q_leaves_and_tells_the_engine_nothing(root: Path) -> None:
    async with opened(root) as session:
        await session.press("q")
        assert session.app.return_value == 0
        assert session.sent == []
        assert "The engine goes on (pid 4711)" in session.app.farewell
    assert session.link.closed


async def test_control_c_only_says_how_to_leave(root: Path) -> None:
    async with opened(root) as session:
        await session.press("ctrl+c")
        assert session.app.is_running
        assert session.sent == []
        assert "q leaves" in session.told


async def test_what_the_engine_refuses_is_told_in_one_line(root: Path) -> None:
    async with opened(root) as session:
        session.link.answer = lambda order: ("The engine is leaving.", False)
        await session.press("p")
        assert session.told == "The engine is leaving."


@pytest.mark.parametrize("key", ["p", "d", "plus", "minus", "S"])
async def test_without_an_engine_its_keys_say_so(root: Path, key: str) -> None:
    async with opened(root, PICTURES["stopped"]()) as session:
        await session.press(key)
        assert session.sent == []
        assert session.told == "No engine runs here. s starts it."


async def test_read_only_changes_nothing_whatever_is_pressed(root: Path) -> None:
    async with opened(root, read_only=True) as session:
        for key in ("p", "d", "plus", "minus", "S", "f", "r", "R", "a", "space", "r", "enter", "r", "a"):
            await session.press(key)
        assert session.sent == []
        assert "--read-only" in session.told
    async with opened(root, PICTURES["stopped"](), read_only=True) as session:
        await session.press("s")
        assert session.sent == []


# -- the picture ----


async def test_z_keeps_the_picture_still_and_lets_it_live_again(root: Path) -> None:
    async with opened(root) as session:
        await session.press("z")
        assert "FROZEN" in session.text
        session.link.show(PICTURES["paused"]())
        await session.settle()
        assert "RUNNING" in session.text
        assert session.link.taken == 2, "the link goes on"
        await session.press("z")
        assert "PAUSED" in session.text
        assert "FROZEN" not in session.text


async def test_disconnected_keeps_the_last_picture(root: Path) -> None:
    async with opened(root) as session:
        session.link.show(PICTURES["disconnected"]())
        await session.settle()
        assert "DISCONNECTED" in session.text
        assert "128,415 / 430,057" in session.text
        await session.press("p")
        assert session.sent == []
        assert session.told == "The engine does not answer."


async def test_the_same_picture_again_paints_nothing(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with opened(root) as session:
        painted: list[Lines] = []
        monkeypatch.setattr(Lines, "refresh", lambda self, *regions, **options: painted.append(self))
        session.link.show(PICTURES["running"]())
        await session.settle()
        assert painted == []


# -- lists ----


async def test_f_lists_the_failures(root: Path) -> None:
    async with opened(root) as session:
        await session.press("f")
        assert isinstance(session.app.screen, Failed)
        assert session.app.screen.listing.total == FAILED
        assert "NB_00000_p0001.jpg" in session.text
        await session.press("escape")
        assert isinstance(session.app.screen, Dashboard)


async def test_enter_on_a_cause_lists_its_images(root: Path) -> None:
    async with opened(root) as session:
        await session.press("down", "enter")
        page = session.app.screen
        assert isinstance(page, Failed)
        assert page.images.cause == "source-missing"
        assert page.listing.total == FAILED // 5


async def test_tab_and_enter_on_a_batch_lists_its_images(root: Path) -> None:
    async with opened(root) as session:
        await session.press("tab", "enter")
        page = session.app.screen
        assert isinstance(page, Gallery)
        assert page.images.batch == "newspapers"
        assert page.listing.total == ROWS


async def test_r_requeues_the_image_under_the_cursor(root: Path) -> None:
    async with opened(root) as session:
        await session.press("f", "down", "down", "r")
        assert session.sent == [("requeue", {"selection": Selection(ids=(3,)).to_json()})]
        assert session.told == "1 image sent round again."


async def test_space_selects_and_r_requeues_the_selected(root: Path) -> None:
    async with opened(root) as session:
        await session.press("f", "space", "space", "down", "space", "r")
        assert session.sent == [("requeue", {"selection": Selection(ids=(1, 2, 4)).to_json()})]


async def test_capital_a_selects_all_shown_and_none_again(root: Path) -> None:
    async with opened(root) as session:
        await session.press("f", "A")
        assert "30 selected" in session.text
        await session.press("r")
        assert session.sent == [
            ("requeue", {"selection": Selection(ids=tuple(range(1, FAILED + 1))).to_json()})
        ]
        await session.press("A", "A")
        assert "selected" not in session.text


async def test_capital_r_requeues_all_shown_after_a_question_with_the_count(root: Path) -> None:
    async with opened(root) as session:
        await session.press("f", "R")
        assert "Send 30 images round again?" in session.text
        await session.press("enter")
        assert session.sent == []
        await session.press("R", "y")
        assert session.sent == [("requeue", {"selection": Selection(all=True).to_json()})]


async def test_capital_r_requeues_no_more_than_is_shown(root: Path) -> None:
    async with opened(root) as session:
        await session.press("down", "enter", "slash", "p", "0", "0", "0", "3", "enter")
        await session.press("R")
        assert "with “p0003”" in session.text
        await session.press("y")
        wanted = Selection(cause="source-missing", text="p0003")
        assert session.sent == [("requeue", {"selection": wanted.to_json()})]


async def test_a_accepts_with_a_reason_and_not_without(root: Path) -> None:
    async with opened(root) as session:
        await session.press("f", "a")
        assert isinstance(session.app.screen, Reason)
        await session.press("enter")
        assert isinstance(session.app.screen, Reason), "no reason, no acceptance"
        await session.press("escape")
        assert session.sent == []
        await session.press("a", *"gone", "space", *"[b]1944[/b]", "enter")
        assert session.sent == [("accept", {"ids": [1], "reason": "gone [b]1944[/b]"})]


async def test_slash_filters_and_escape_takes_it_back(root: Path) -> None:
    async with opened(root) as session:
        await session.press("f", "slash", *"p0011", "enter")
        page = session.app.screen
        assert isinstance(page, Failed)
        assert page.listing.total == 2
        assert not isinstance(session.app.focused, Input)
        await session.press("escape")
        assert page.listing.total == FAILED
        await session.press("escape")
        assert isinstance(session.app.screen, Dashboard)


async def test_letters_typed_into_the_filter_are_no_commands(root: Path) -> None:
    async with opened(root) as session:
        await session.press("f", "slash", *"pdSqrRaz", "enter")
        assert session.sent == []
        assert session.app.is_running
        assert "No image has failed here." in session.text


async def test_o_sorts_and_capital_o_reverses(root: Path) -> None:
    async with opened(root) as session:
        await session.press("f", "O")
        page = session.app.screen
        assert isinstance(page, Failed)
        assert page.listing.current is not None
        assert page.listing.current.id == FAILED
        await session.press("o", "o")
        assert "by cause" in session.text
        assert page.listing.current is not None
        assert page.listing.current.cause == "corrupt"


async def test_i_lists_all_images_and_t_goes_through_the_states(root: Path) -> None:
    async with opened(root) as session:
        await session.press("i")
        page = session.app.screen
        assert isinstance(page, Gallery)
        assert page.listing.total == ROWS
        await session.press("t", "t", "t")
        assert page.images.state == "done"
        assert page.listing.total == DONE
        assert "41.2 dB" not in session.text, "80 columns have no room for it"


async def test_the_cursor_goes_to_the_end_and_rows_come_as_they_are_needed(tmp_path: Path) -> None:
    root = make_ledger(tmp_path / "workspace", 1500, failed=1200).root
    async with opened(root) as session:
        await session.press("f", "end")
        page = session.app.screen
        assert isinstance(page, Failed)
        await session.until(lambda: page.listing.current is not None, "the last page")
        assert page.listing.current is not None
        assert page.listing.current.id == 1200
        await session.press("pageup", "home", "pagedown", "up")
        await session.until(lambda: page.listing.current is not None, "the first page")
        assert page.listing.current is not None
        assert page.listing.current.id == page.listing.cursor + 1


async def test_ten_thousand_failures_open_within_a_fifth_of_a_second(tmp_path: Path) -> None:
    root = make_ledger(tmp_path / "workspace", 12_000, failed=10_000).root
    async with opened(root) as session:
        began = time.perf_counter()
        await session.pilot.press("f")
        await session.until(lambda: "of 10,000" in session.text, "the list")
        assert time.perf_counter() - began < 0.2 + 0.2, "0.2 s, and as much for a machine that is busy"


async def test_enter_shows_everything_known_of_an_image(root: Path) -> None:
    async with opened(root, size=(80, 50)) as session:
        await session.press("f", "down", "down", "down", "enter")
        assert isinstance(session.app.screen, Detail)
        assert "[bold]markup[/bold] and ␛[31mcolour␛[0m are only text" in session.text
        assert "Restore the file from a backup" in session.text
        await session.press("r")
        assert session.sent == [("requeue", {"selection": Selection(ids=(4,)).to_json()})]
        await session.press("a", *"lost", "enter")
        assert session.sent[1:] == [("accept", {"ids": [4], "reason": "lost"})]


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
        assert "Only failed images" in session.told


async def test_u_shows_the_representation_and_whether_it_is_complete(root: Path) -> None:
    async with opened(root, size=(120, 30)) as session:
        await session.press("f", "u")
        page = session.app.screen
        assert isinstance(page, Representation)
        assert page.listing.total == 12
        assert "✗ not complete: 0 of 12, 12 failed" in session.text
        assert representation(0) in session.text


async def test_e_shows_the_events_and_filters_them(root: Path) -> None:
    async with opened(root) as session:
        await session.press("e")
        page = session.app.screen
        assert isinstance(page, EventLog)
        everything = page.listing.total
        await session.press("slash", *"no such thing".replace(" ", "_"), "enter")
        assert page.listing.total < everything or everything == 0
        await session.press("escape", "escape")
        assert isinstance(session.app.screen, Dashboard)


async def test_question_mark_shows_every_key(root: Path) -> None:
    async with opened(root, size=(120, 80)) as session:
        await session.press("question_mark")
        assert isinstance(session.app.screen, Help)
        for action in ACTIONS:
            assert action.tooltip.split(":")[0] in session.text
        await session.press("escape")
        assert isinstance(session.app.screen, Dashboard)


async def test_the_palette_does_what_the_keys_do(root: Path) -> None:
    async with opened(root) as session:
        await session.press("ctrl+p")
        await session.press(*"drain")
        await session.pilot.pause(0.5)
        await session.press("down", "enter")
        await session.until(lambda: bool(session.sent), "the order")
        assert session.sent == [("drain", {})]


async def test_from_one_list_to_another_escape_is_never_far_from_the_dashboard(root: Path) -> None:
    async with opened(root) as session:
        await session.press("f", "enter", "u", "i", "e", "f")
        assert len(session.app.screen_stack) == 2
        await session.press("escape")
        assert isinstance(session.app.screen, Dashboard)


@pytest.mark.parametrize("size", [(60, 20), (80, 24), (120, 40), (200, 60)])
async def test_the_footer_is_on_the_last_line_whole(root: Path, size: tuple[int, int]) -> None:
    async with opened(root, size=size) as session:
        for keys in ([], ["f"], ["enter"], ["question_mark"]):
            await session.press(*keys)
            footer = session.app.screen.query_one(Keys)
            assert footer.region.bottom == size[1]
            assert footer._painted[0].text.rstrip().endswith("? help  q leave")


# -- what the keys do to a real ledger where no engine runs ----


@asynccontextmanager
async def on_the_ledger(workspace: Workspace) -> AsyncIterator[Session]:
    link = WorkspaceLink(workspace)
    app = PhotostatApp(link, Shelf(lambda: LedgerReader(workspace)))
    async with app.run_test(size=(80, 24)) as pilot:
        session = Session(app, pilot, FakeLink(Picture()), workspace)
        await session.until(lambda: app.view.snapshot is not None, "the first picture")
        yield session


async def test_requeue_and_accept_reach_the_ledger(tmp_path: Path) -> None:
    workspace = make_ledger(tmp_path / "workspace", ROWS, failed=FAILED)
    async with on_the_ledger(workspace) as session:
        assert "STOPPED" in session.text
        await session.press("f", "space", "space", "r")
        await session.until(lambda: "2 images sent round again" in session.told, "the requeue")
        await session.press("a", *"burnt", "enter")
        await session.until(lambda: "1 image accepted" in session.told, "the acceptance")
        await session.press("R", "y")
        await session.until(lambda: "27 images sent round again" in session.told, "the requeue of the rest")
    with LedgerReader(workspace) as reader:
        account = reader.account()["newspapers"]
        assert (account.failed, account.accepted, account.pending) == (0, 1, ROWS - 1)
        accepted = next(image for image in reader.images(state="accepted"))
        assert accepted.reason == "burnt"


async def test_a_ledger_in_use_is_told(tmp_path: Path) -> None:
    from engine.ledger.writer import Ledger

    workspace = make_ledger(tmp_path / "workspace", ROWS, failed=FAILED)
    with Ledger.open(workspace, "check"):
        async with on_the_ledger(workspace) as session:
            await session.press("f", "r")
            await session.until(lambda: "check" in session.told, "the refusal")
