"""The status line: messages come, go, and do not hide an urgent hint."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from msgspec import structs

from engine.control.snapshot import State
from tests.support.app_pilot import STANDING, AppSession, opened
from tests.support.statuses import STATUSES
from tui import base_app
from tui.screens.dashboard import Dashboard
from tui.state.view import ActionResult

BRIEFLY_S = 2.5
"""Long enough to be seen on a busy machine."""


@pytest.fixture
def soon_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(base_app, "_MESSAGE_S", BRIEFLY_S)
    monkeypatch.setattr(base_app, "_BRIEF_MESSAGE_S", BRIEFLY_S)


async def forgotten(session: AppSession) -> None:
    await session.until(lambda: session.app.view.result is None, "the result to go")
    await session.settle()


@pytest.mark.usefixtures("soon_forgotten")
@pytest.mark.parametrize("keys", [["r"], ["a", "x", "enter"], ["ctrl+c"], ["enter", "ctrl+c", "escape"]])
async def test_a_message_goes_after_its_screen_is_closed(root: Path, keys: list[str]) -> None:
    async with opened(root) as session:
        await session.press("f", *keys, "escape")
        assert isinstance(session.app.screen, Dashboard)
        await forgotten(session)
        assert session.app.is_running
        assert session.message == STANDING


@pytest.mark.usefixtures("soon_forgotten")
async def test_a_message_goes_from_every_screen(root: Path) -> None:
    async with opened(root, STATUSES["paused"]()) as session:
        await session.press("z", "z")
        assert session.message == "The display is live again."
        await session.press("f", "p")
        await session.press("escape")
        await forgotten(session)
        assert session.message == "Nothing new starts; what is in flight finishes. p resumes."


async def test_a_result_is_shown_on_the_screen_that_is_open_by_then(root: Path) -> None:
    async with opened(root) as session:
        session.poller.send = session.poller.sent.append  # type: ignore[method-assign, assignment]
        await session.press("f", "r", "escape")
        assert session.message == STANDING
        session.poller.answer(session.poller.sent[0])
        await session.settle()
        assert session.message == "1 image requeued."


async def test_an_answer_while_a_screen_is_opened_is_shown(root: Path) -> None:
    async with opened(root) as session:
        session.app.action_failures()
        session.app.show_message("Here it is.")
        await session.settle()
        assert session.message == "Here it is."


@pytest.mark.usefixtures("soon_forgotten")
@pytest.mark.parametrize(("size", "both"), [((80, 24), True), ((60, 20), False)])
async def test_the_reason_of_a_hold_stays_in_sight_if_there_is_room(
    root: Path, size: tuple[int, int], both: bool
) -> None:
    async with opened(root, STATUSES["holding"](), size=size) as session:
        assert "3.9 GiB of memory are available" in session.text
        await session.press("z")
        assert "display is frozen" in session.text
        assert ("3.9 GiB of memory are available" in session.text) is both
        await forgotten(session)
        assert "3.9 GiB of memory are available" in session.text
        assert "display is frozen" not in session.text


async def test_a_hold_that_begins_under_a_message_is_soon_in_sight(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(base_app, "_MESSAGE_S", 3600.0)
    monkeypatch.setattr(base_app, "_BRIEF_MESSAGE_S", 0.1)
    async with opened(root) as session:
        session.app.show_result(ActionResult("Resumed.", true_in=frozenset({State.RUNNING, State.HOLDING})))
        await session.pilot.pause(0.3)
        assert session.message == "Resumed."
        session.poller.show(STATUSES["holding"]())
        await forgotten(session)
        assert "3.9 GiB of memory are available" in session.message


async def test_a_long_reason_has_five_rows_and_says_that_there_is_more(root: Path) -> None:
    status = STATUSES["holding"]()
    assert status.snapshot is not None and status.snapshot.hold is not None
    hold = structs.replace(status.snapshot.hold, detail=" ".join(["the share is away"] * 40))
    status = replace(status, snapshot=structs.replace(status.snapshot, hold=hold))
    async with opened(root, status) as session:
        rows = [strip.text.rstrip() for strip in session.app.screen.status_line._painted]  # type: ignore[attr-defined]
        assert len(rows) == 5
        assert rows[0].startswith("the share is away the share")
        assert rows[-1].endswith(" …")


def test_a_message_covers_a_hold_for_a_shorter_time() -> None:
    assert base_app._BRIEF_MESSAGE_S <= 5 < base_app._MESSAGE_S
