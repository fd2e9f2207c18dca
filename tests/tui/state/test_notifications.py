"""The notices that the terminal gets: one for each hold, and one at the end of the run."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from msgspec import structs

from engine.control.snapshot import Hold, HoldReason, State
from tests.support.app_pilot import opened
from tests.support.statuses import NOW, STATUSES, running
from tui.state.notifications import OVER_S, Notifier


def hold(reason: HoldReason = HoldReason.MEMORY, since: float = NOW) -> Hold:
    return Hold(reason, "why", since, None)


Step = tuple[State, Hold | None, float]


@pytest.mark.parametrize(
    ("steps", "expected"),
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
        ([(State.RUNNING, None, 0), (State.HOLDING, hold(HoldReason.HOURS), 1)], 0),
        ([(State.RUNNING, None, 0), (State.HOLDING, hold(HoldReason.BATCH), 1)], 1),
        ([(State.RUNNING, None, 0), (State.FINISHED, None, 1), (State.FINISHED, None, 2)], 1),
    ],
)
def test_one_notice_for_a_hold_and_one_at_the_end(steps: list[Step], expected: int) -> None:
    notifier = Notifier()
    notices = [
        notifier.notice(structs.replace(running(), state=state, hold=why, time=NOW + at))
        for state, why, at in steps
    ]
    assert sum(notice is not None for notice in notices) == expected


async def test_a_hold_that_is_paused_and_resumed_gives_one_notice(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[str | None] = []
    notice: Callable[..., str | None] = Notifier.notice
    monkeypatch.setattr(
        Notifier, "notice", lambda notifier, snapshot: given.append(notice(notifier, snapshot))
    )
    async with opened(root) as session:
        for name in ("holding", "paused", "holding"):
            session.poller.show(STATUSES[name]())
            await session.settle()
    assert [text for text in given if text] == ["the engine is holding"]
