"""The event log: its lines, its filter, and new events while it is open."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

from engine.ledger.reader import LedgerReader
from engine.ledger.states import EventKind, EventLevel
from engine.ledger.writer import Ledger
from tests.support.app_pilot import DONE, FAILED, ROWS, AppSession, opened
from tests.support.ledgers import make_ledger
from tui.screens.dashboard import Dashboard
from tui.screens.event_list import EventList


async def test_e_shows_the_events_and_filters_them(tmp_path: Path) -> None:
    root = make_ledger(tmp_path / "workspace", ROWS, failed=FAILED, done=DONE).root
    async with opened(root) as session:
        await session.press("e")
        screen = session.app.screen
        assert isinstance(screen, EventList)
        everything = screen.paged_list.total
        await session.press("slash", *"no such thing".replace(" ", "_"), "enter")
        assert screen.paged_list.total < everything or everything == 0
        await session.press("escape", "escape")
        assert isinstance(session.app.screen, Dashboard)


async def test_an_event_names_its_kind_and_its_image(tmp_path: Path) -> None:
    workspace = make_ledger(tmp_path / "workspace", ROWS, failed=1)
    with Ledger.open(workspace, "run") as ledger:
        ledger.event(EventLevel.INFO, EventKind.PUT_BACK, "its worker was stopped to free memory", 2)
        ledger.event(EventLevel.INFO, EventKind.STARTED, "attempt 1", 3)
        ledger.event(EventLevel.WARNING, EventKind.HOLD, "there is no memory")
    async with opened(workspace.root) as session:
        await session.press("e")
        assert "put-back  NB_00000_p0002.jpg: its worker was stopped" in session.text
        assert "started   NB_00000_p0003.jpg: attempt 1" in session.text
        assert "! hold      there is no memory" in session.text
        await session.press("slash", *"p0002", "enter")
        assert "put-back" in session.text
        assert "started" not in session.text
        await session.press("enter")
        assert "put-back" in session.text, "and so does the image's own list of them"


async def test_the_event_log_follows_from_the_top_and_stays_below(tmp_path: Path) -> None:
    workspace = make_ledger(tmp_path / "workspace", ROWS)

    def happen(first: int, count: int) -> None:
        with Ledger.open(workspace, "run") as ledger:
            for number in range(first, first + count):
                ledger.event(EventLevel.INFO, EventKind.STARTED, f"event {number}.")

    async def look(session: AppSession) -> None:
        with LedgerReader(workspace) as reader:
            newest = tuple(reader.events(limit=1, newest_first=True))
        session.poller.show(replace(session.poller.status, events=newest))
        await session.settle()

    happen(0, 50)
    async with opened(workspace.root) as session:
        await session.press("e")
        assert "event 49." in session.text
        happen(50, 300)
        await look(session)
        assert "event 349." in session.text, "it follows"
        await session.press("down", "down")
        happen(350, 300)
        await look(session)
        screen = session.app.screen
        assert isinstance(screen, EventList)
        assert screen.paged_list.current is not None
        assert screen.paged_list.current.message == "event 347.", "the cursor stays on its event"
        assert "event 649." not in session.text
        await session.press("home")
        assert "event 649." in session.text


async def test_the_event_log_goes_back_over_the_whole_run_and_n_shows_what_is_notable(tmp_path: Path) -> None:
    workspace = make_ledger(tmp_path / "workspace", ROWS)
    with Ledger.open(workspace, "run") as ledger, ledger.transaction():
        ledger.event(
            EventLevel.WARNING, EventKind.HOLD, "the share went away at two", at=time.time() - 6 * 3600
        )
        for number in range(9000):
            ledger.event(EventLevel.INFO, EventKind.CONVERTED, f"routine {number}.", number % ROWS + 1)
            if number % 3 == 0:
                why = f"corrupt: no. {number}"
                ledger.event(EventLevel.ERROR, EventKind.FAILED, why, number % ROWS + 1, fold="corrupt")
    async with opened(workspace.root) as session:
        await session.press("e")
        screen = session.app.screen
        assert isinstance(screen, EventList)
        assert "corrupt ×3,000, " in session.text
        assert screen.paged_list.total == 9002
        await session.press("end")
        assert "! hold      the share went away at two" in session.text
        assert "home: the newest" in session.text
        await session.press("home", *"nn")
        assert screen.paged_list.total == 9002, "twice is as before, also in one write"
        await session.press("n")
        assert screen.paged_list.total == 2
        assert "notable only" in session.text and "the share went away" in session.text
        assert "routine" not in session.text
        await session.press("slash", *"share", "enter")
        assert screen.paged_list.total == 1
        await session.press("escape", "n", "slash", *"routine_88".replace("_", " "), "enter")
        assert screen.paged_list.total == 111, "the filter looks at all of it"
        await session.press("n")
        assert "No events." in session.text


async def test_the_event_under_the_cursor_stands_in_full_below(tmp_path: Path) -> None:
    workspace = make_ledger(tmp_path / "workspace", ROWS)
    long = f"the share is away: {'/mnt/scans' * 12}: it is probed again"
    with Ledger.open(workspace, "run") as ledger:
        ledger.event(EventLevel.WARNING, EventKind.HOLD, long)
        ledger.event(EventLevel.INFO, EventKind.ENGINE, "short")
    async with opened(workspace.root) as session:
        await session.press("e")
        assert "it is probed again" not in session.text
        await session.press("down")
        assert "it is probed again" in session.text
        with Ledger.open(workspace, "run") as ledger:
            for number in range(700):
                ledger.event(EventLevel.INFO, EventKind.STARTED, f"event {number}.")
        await session.press("escape", "e", "end")
        assert "it is probed again" in session.text, "its page has come"
