"""The workers of the dashboard: reached, scrolled, opened, and their images skipped or stopped."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec import structs
from textual.strip import Strip

from engine.control.requests import Skip
from tests.support.app_pilot import STANDING, AppSession, opened
from tests.support.statuses import NOW, engine_status, running
from tui.screens.image_detail import ImageDetail
from tui.widgets.selectable_panel import SelectablePanel
from tui.widgets.workers import Workers

TO_THE_WORKERS = "shift+tab"
NAME = "NB_0001_1887-03-14_0005.jpg"


async def test_a_worker_s_image_is_skipped_or_stopped_after_a_question_that_names_it(root: Path) -> None:
    async with opened(root) as session:
        await session.press(TO_THE_WORKERS, "down", "x")
        for fact in (
            f"Skip image 1001, {NAME}?",
            "Worker 2 has had it for 5 s",
            "of about 14 s",
            "behind all",
        ):
            assert fact in session.text
        await session.press("enter")
        assert session.sent == [], "No is the answer unless another one is chosen"
        await session.press("x", "y")
        assert session.sent == [Skip(1001, NOW - 60, False)]
        assert session.message == f"Skipped: image 1001 ({NAME}) waits behind all others."
        await session.press("up", "X")
        assert "It fails (timed-out, stopped by you)" in session.text
        session.poller.reply = lambda command: "Image 1000 is done already: nothing was changed."
        await session.press("y")
        assert session.sent[1:] == [Skip(1000, NOW, True)]
        assert session.message == "Image 1000 is done already: nothing was changed."


async def test_what_was_asked_about_is_what_is_sent_whatever_the_worker_has_then(root: Path) -> None:
    async with opened(root) as session:
        await session.press(TO_THE_WORKERS, "x")
        other = [structs.replace(w, image_id=w.image_id and w.image_id + 500) for w in running().workers]
        session.poller.show(engine_status(structs.replace(running(), workers=tuple(other))))
        await session.settle()
        await session.press("y")
        assert session.sent == [Skip(1000, NOW, False)]


async def test_enter_opens_the_image_of_a_worker(root: Path) -> None:
    async with opened(root) as session:
        workers = tuple(structs.replace(w, image_id=w.slot) for w in running().workers)
        session.poller.show(engine_status(structs.replace(running(), workers=workers)))
        await session.settle()
        await session.press(TO_THE_WORKERS, "down", "down", "enter")
        assert isinstance(session.app.screen, ImageDetail)
        assert session.app.screen.image_id == 3


def _shown(session: AppSession) -> list[str]:
    panel = session.app.screen.query_one(Workers)
    return [strip.text[:3].strip() for strip in panel._painted[1:]]


async def test_any_number_of_workers_can_be_scrolled(root: Path) -> None:
    for count in (1, 256):
        async with opened(root, engine_status(running(count)), size=(80, 24)) as session:
            await session.press(TO_THE_WORKERS, "end")
            assert str(count) in _shown(session)
            await session.press("home", "pagedown")
            below = session.app.screen.query_one(Workers).current
            assert below == "1" if count == 1 else below in _shown(session)[1:]
            await session.press("pageup")
            assert session.app.screen.query_one(Workers).current == "1"


async def test_the_keys_of_a_worker_are_refused_where_they_cannot_be_obeyed(root: Path) -> None:
    idle = tuple(structs.replace(w, image_id=None) for w in running().workers)
    async with opened(root, engine_status(structs.replace(running(), workers=idle))) as session:
        await session.press("x")
        assert session.message == STANDING, "the failures have the keys"
        for key, says in (("x", "nothing to skip"), ("X", "nothing to stop"), ("enter", "has no image now")):
            await session.press(TO_THE_WORKERS if key == "x" else "home", key)
            assert says in session.message
    async with opened(root, read_only=True) as session:
        await session.press(TO_THE_WORKERS, "x")
        assert "read-only" in session.message and session.sent == []


@pytest.mark.parametrize("size", [(80, 24), (120, 40)])
async def test_the_footer_has_the_keys_of_the_workers_while_they_have_the_focus(
    root: Path, size: tuple[int, int]
) -> None:
    async with opened(root, size=size) as session:
        assert "x skip" not in session.text
        await session.press(TO_THE_WORKERS)
        assert "x skip" in session.text and "X let it fail" in session.text


async def test_only_the_panel_that_has_the_keys_shows_its_cursor_also_before_the_next_status(
    root: Path,
) -> None:
    async with opened(root) as session:
        panels = list(session.app.screen.query(SelectablePanel))
        assert len(panels) == 3
        for _ in panels:
            await session.press("tab")
            shown = [panel for panel in panels if any(_is_cursor(strip) for strip in panel._painted)]
            assert shown == [session.app.focused]


def _is_cursor(strip: Strip) -> bool:
    return any(segment.style is not None and segment.style.reverse for segment in strip)


async def test_the_keys_of_a_panel_that_has_no_room_are_no_other_panel_s(root: Path) -> None:
    async with opened(root, size=(80, 24)) as session:
        of_failures = session.app.focused
        await session.press("tab")
        of_batches = session.app.focused
        assert of_batches is not of_failures
        await session.pilot.resize_terminal(40, 10)
        await session.settle()
        assert session.app.focused is None and "x skip" not in session.text
        await session.press("x", "h", "r", "K")
        assert session.sent == [] and not session.app.screen.is_modal
        await session.pilot.resize_terminal(80, 24)
        await session.settle()
        assert session.app.focused is of_batches and "h hold" in session.text
