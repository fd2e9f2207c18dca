"""A message is on the page where it was said, as long as it is true; an order that cannot be given yet is kept."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from msgspec import structs

from engine.control.requests import CountReply, Drain, Pause, Resume, SetWorkers, Stop
from engine.ledger.filters import Selection
from tests.support.app_pilot import STANDING, AppSession, opened
from tests.support.statuses import NOW, STATUSES, engine_status, running
from tui import typed_keys
from tui.connection import engine_commands
from tui.connection.engine_commands import StartEngine
from tui.state.status import EngineStatus

WAITING = EngineStatus()


async def show(session: AppSession, status: EngineStatus) -> None:
    session.poller.show(status)
    await session.settle()


async def test_a_message_does_not_follow_to_another_page(root: Path) -> None:
    async with opened(root) as session:
        session.poller.reply = lambda command: "The engine is leaving."
        await session.press("p")
        assert session.message == "The engine is leaving."
        await session.press("f")
        assert session.message == ""
        await session.press("escape")
        assert session.message == STANDING


async def test_a_message_stays_beside_a_question_on_its_page(root: Path) -> None:
    async with opened(root) as session:
        await session.press("p", "S", "n")
        assert session.message.startswith("Paused")


async def test_a_refusal_leaves_with_the_state_it_was_about(root: Path) -> None:
    async with opened(root, STATUSES["stopped"]()) as session:
        await session.press("p")
        assert session.message.startswith("No engine is running")
        await show(session, STATUSES["running"]())
        assert session.message == STANDING


async def test_the_start_is_no_news_once_all_is_finished(root: Path) -> None:
    async with opened(root, STATUSES["stopped"]()) as session:
        await session.press("s")
        assert session.message == "The engine has started."
        await show(session, STATUSES["running"]())
        assert session.message == "The engine has started."
        await show(session, STATUSES["finished"]())
        assert "has started" not in session.message


async def test_paused_leaves_when_somebody_resumes(root: Path) -> None:
    async with opened(root) as session:
        await session.press("p")
        await show(session, STATUSES["paused"]())
        assert session.message.startswith("Paused")
        await show(session, STATUSES["running"]())
        assert session.message == STANDING


async def test_orders_before_the_first_status_are_kept_and_given(root: Path) -> None:
    async with opened(root, WAITING) as session:
        await session.press("p", "plus", "p", "d")
        assert session.sent == []
        assert session.message == "drain: kept until the engine answers."
        await show(session, STATUSES["running"]())
        await session.until(lambda: "Drain and end the engine?" in session.text, "the question")
        await session.press("y")
        assert session.sent == [Pause(), SetWorkers(9), Resume(), Drain()]


async def test_orders_before_the_first_status_are_refused_by_name_without_an_engine(root: Path) -> None:
    async with opened(root, WAITING) as session:
        await session.press("p")
        await show(session, STATUSES["stopped"]())
        assert session.sent == []
        assert session.message.startswith("No engine is running here.")


async def test_a_start_before_the_first_status_is_kept(root: Path) -> None:
    async with opened(root, WAITING) as session:
        await session.press("s")
        await show(session, STATUSES["stopped"]())
        assert session.sent == [StartEngine()]


async def test_orders_while_the_engine_starts_are_given_when_it_answers(root: Path) -> None:
    async with opened(root, STATUSES["stopped"]()) as session:
        answer = session.poller.answer
        session.poller.answer = lambda command: None  # type: ignore[method-assign]
        await session.press("s", "p", "S")
        assert session.sent == [StartEngine()]
        session.poller.answer = answer  # type: ignore[method-assign]
        answer(session.poller.sent[0])
        await show(session, STATUSES["stopped"]())  # was under way when the engine started
        assert session.sent == [StartEngine()]
        await show(session, STATUSES["running"]())
        await session.until(lambda: "Stop the engine?" in session.text, "the question")
        await session.press("y")
        assert session.sent == [StartEngine(), Pause(), Stop()]


async def test_orders_for_an_engine_that_does_not_start_are_named(root: Path) -> None:
    async with opened(root, STATUSES["stopped"]()) as session:
        answer = session.poller.answer
        session.poller.answer = lambda command: None  # type: ignore[method-assign]
        await session.press("s", "s", "p", "plus")
        session.poller.reply = lambda command: "The engine did not start."
        answer(session.poller.sent[0])
        await session.settle()
        assert session.message == "The engine did not start. Not given: pause, one more worker."


async def test_p_twice_pauses_and_resumes_before_a_status_shows_it(root: Path) -> None:
    async with opened(root) as session:
        await session.press("p", "p", "p")
        assert session.sent == [Pause(), Resume(), Pause()]
        session.poller.show(replace(engine_status(structs.replace(running(), time=NOW + 5))))
        await session.settle()
        await session.press("p")
        assert session.sent[3:] == [Pause()], "somebody else has resumed it"


async def test_a_question_that_the_ledger_does_not_answer_is_not_asked(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with opened(root) as session:
        await session.press("f")
        monkeypatch.setattr(typed_keys, "_QUESTION_S", 0.1)
        monkeypatch.setattr(type(session.app), "is_preparing_a_question", lambda app: app._questions() != [])
        await session.press("a", "S", "d", "q")
        assert session.app.is_running
        assert session.sent == []
        assert "nothing was done" in session.message


@pytest.mark.parametrize(
    ("asked", "count", "good", "text"),
    [
        (3, 3, True, "3 images requeued."),
        (3, 1, False, "1 image requeued, 2 left as they are: they have changed meanwhile"),
        (3, 0, False, "All 3 images are left as they are: they have changed meanwhile"),
        (1, 0, False, "The image is left as it is: it has changed meanwhile"),
    ],
)
def test_fewer_images_than_were_named_is_said(asked: int, count: int, good: bool, text: str) -> None:
    command = engine_commands.requeue(Selection(all=True), asked)
    result = command.result_of(CountReply(count=count))
    assert result.good is good
    assert result.text.startswith(text)
