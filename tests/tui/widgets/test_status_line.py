"""The line above the footer: results come, go, and do not hide what stands in the way; and when the bell rings."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from msgspec import structs

from engine.control.snapshot import Hold, HoldReason, State
from tests.support.app_pilot import DONE, FAILED, ROWS, AppSession, opened
from tests.support.ledgers import make_ledger
from tests.support.statuses import NOW, STATUSES, running
from tui import base_app
from tui.screens.dashboard import Dashboard
from tui.state.notifications import OVER_S, Notifier

BRIEFLY_S = 2.5
"""Long enough to be seen on a busy machine."""


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A ledger that the tests only read."""
    return make_ledger(tmp_path_factory.mktemp("tui") / "workspace", ROWS, failed=FAILED, done=DONE).root


@pytest.fixture
def soon_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(base_app, "_MESSAGE_S", BRIEFLY_S)
    monkeypatch.setattr(base_app, "_BRIEF_MESSAGE_S", BRIEFLY_S)


async def forgotten(session: AppSession) -> None:
    await session.until(lambda: session.app.view.result is None, "the result to go")
    await session.settle()


@pytest.mark.usefixtures("soon_forgotten")
@pytest.mark.parametrize("keys", [["r"], ["a", "x", "enter"], ["ctrl+c"], ["enter", "ctrl+c", "escape"]])
async def test_a_result_is_forgotten_after_its_page_has_gone(root: Path, keys: list[str]) -> None:
    async with opened(root) as session:
        await session.press("f", *keys, "escape")
        assert isinstance(session.app.screen, Dashboard)
        await forgotten(session)
        assert session.app.is_running
        assert session.message == ""


@pytest.mark.usefixtures("soon_forgotten")
async def test_a_result_goes_from_every_page(root: Path) -> None:
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
        assert session.message == ""
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
async def test_the_reason_of_a_hold_stays_in_sight_where_there_is_room(
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


def test_a_result_covers_a_hold_for_a_shorter_time() -> None:
    assert base_app._BRIEF_MESSAGE_S <= 5 < base_app._MESSAGE_S


# -- the bell ----


def hold(reason: HoldReason = HoldReason.MEMORY, since: float = NOW) -> Hold:
    return Hold(reason, "why", since, None)


Step = tuple[State, Hold | None, float]


@pytest.mark.parametrize(
    ("steps", "rung"),
    [
        ([(State.RUNNING, None, 0), (State.HOLDING, hold(), 1), (State.HOLDING, hold(), 2)], 1),
        ([(State.HOLDING, hold(), 0), (State.HOLDING, hold(), 1)], 0),
        (
            [
                (State.RUNNING, None, 0),
                (State.HOLDING, hold(), 1),
                (State.PAUSED, None, 60),
                (State.RUNNING, None, 120),
                (State.HOLDING, hold(since=NOW + 121), 121),
            ],
            1,
        ),
        (
            [
                (State.RUNNING, None, 0),
                (State.HOLDING, hold(), 1),
                (State.RUNNING, None, 2),
                (State.RUNNING, None, 2 + OVER_S),
                (State.HOLDING, hold(), 30),
            ],
            2,
        ),
        (
            [
                (State.RUNNING, None, 0),
                (State.HOLDING, hold(), 1),
                (State.HOLDING, hold(HoldReason.STORE), 2),
            ],
            2,
        ),
        ([(State.RUNNING, None, 0), (State.FINISHED, None, 1), (State.FINISHED, None, 2)], 1),
    ],
)
def test_it_rings_once_for_a_hold_and_once_at_the_end(steps: list[Step], rung: int) -> None:
    bell = Notifier()
    notices = [
        bell.notice(structs.replace(running(), state=state, hold=why, time=NOW + at))
        for state, why, at in steps
    ]
    assert sum(notice is not None for notice in notices) == rung


async def test_the_app_rings_once_when_a_hold_is_paused_and_resumed(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rung: list[str | None] = []
    notice: Callable[..., str | None] = Notifier.notice
    monkeypatch.setattr(Notifier, "notice", lambda bell, snapshot: rung.append(notice(bell, snapshot)))
    async with opened(root) as session:
        for name in ("holding", "paused", "holding"):
            session.poller.show(STATUSES[name]())
            await session.settle()
    assert [text for text in rung if text] == ["the engine is holding"]
