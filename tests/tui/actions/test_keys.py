"""Every key that works anywhere, and the commands that it sends to the engine."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec import UNSET, structs

from engine.control.requests import Drain, Pause, Resume, ResumeReply, SetWorkers, Stop, WorkersReply
from engine.control.snapshot import BatchSnapshot, Hold, HoldReason, HostSnapshot, State, StoreSnapshot
from engine.ledger.account import Account
from tests.support.app_pilot import opened
from tests.support.cluster_statuses import host
from tests.support.statuses import NOW, STATUSES, engine_status, running
from tui.actions.registry import ACTIONS, Precondition
from tui.connection.engine_commands import StartEngine
from tui.screens.dashboard import Dashboard
from tui.screens.dialogs import ConfirmDialog
from tui.screens.help import Help
from tui.widgets.footer import Footer
from tui.widgets.line_widget import LineWidget

# -- commands to the engine ----


async def test_p_pauses_and_resumes(root: Path) -> None:
    async with opened(root) as session:
        await session.press("p")
        assert session.sent == [Pause()]
        assert session.message.startswith("Paused")
        session.poller.show(STATUSES["paused"]())
        await session.settle()
        await session.press("p")
        assert session.sent[1:] == [Resume()]


async def test_d_asks_and_drains(root: Path) -> None:
    async with opened(root) as session:
        for answer in ("enter", "escape", "n"):
            await session.press("d")
            assert "Drain and end the engine?" in session.text
            assert "8 images in flight will be finished" in " ".join(session.text.split())
            await session.press(answer)
            assert session.sent == []
        await session.press("d", "y")
        assert session.sent == [Drain()]
        assert "Draining" in session.message


async def test_plus_and_minus_change_the_workers_one_by_one(root: Path) -> None:
    async with opened(root) as session:
        await session.press("plus", "plus", "minus")
        assert session.sent == [SetWorkers(9), SetWorkers(10), SetWorkers(9)]


@pytest.mark.parametrize(
    ("key", "reply", "message", "then"),
    [
        ("plus", WorkersReply(before=8, count=9), "9 workers from now on.", 9),
        (
            "plus",
            WorkersReply(before=8, count=8, limited_by=HoldReason.MEMORY),
            "Still 8 workers: there is no memory for more.",
            8,
        ),
        (
            "minus",
            WorkersReply(before=8, count=2, limited_by=HoldReason.MEMORY),
            "2 workers, not 7: there is no memory for more.",
            2,
        ),
        ("plus", WorkersReply(before=8, count=8), "Still 8 workers: the engine takes no more.", 8),
        ("minus", "The engine is leaving.", "The engine is leaving.", 8),
    ],
)
async def test_plus_counts_from_the_workers_that_the_engine_accepted(
    root: Path, key: str, reply: WorkersReply | str, message: str, then: int
) -> None:
    async with opened(root) as session:
        session.poller.reply = lambda command: reply
        await session.press(key)
        assert session.message == message
        await session.press("plus")
        assert session.sent[1] == SetWorkers(then + 1)


async def test_plus_counts_from_workers_that_someone_else_set(root: Path) -> None:
    async with opened(root) as session:
        await session.press("plus")
        session.poller.show(engine_status(running(3, tick=60)))
        await session.settle()
        await session.press("plus")
        assert session.sent[1] == SetWorkers(4)


async def test_plus_counts_from_the_last_request_while_it_is_not_answered(root: Path) -> None:
    async with opened(root) as session:
        session.poller.answer = lambda command: None  # type: ignore[method-assign]
        await session.press("plus", "plus")
        session.poller.show(engine_status(running(8, tick=1)))
        await session.press("plus")
        assert session.sent == [SetWorkers(9), SetWorkers(10), SetWorkers(11)]


async def test_s_starts_an_engine_if_none_runs(root: Path) -> None:
    async with opened(root, STATUSES["stopped"]()) as session:
        assert "s starts it" in session.message
        await session.press("s")
        assert session.sent == [StartEngine()]


async def test_s_says_that_an_engine_is_running(root: Path) -> None:
    async with opened(root) as session:
        await session.press("s")
        assert session.sent == []
        assert "already running" in session.message


async def test_s_continues_outside_the_hours_and_says_until_when(root: Path) -> None:
    hold = Hold(HoldReason.HOURS, "outside its hours", 1.0, 2.0)
    status = engine_status(structs.replace(running(), state=State.HOLDING, hold=hold))
    async with opened(root, status) as session:
        session.poller.reply = lambda command: ResumeReply(outside_hours_until=NOW + 3600)
        await session.press("s")
        assert session.sent == [Resume()]
        assert "works outside its hours too, until" in session.message


async def test_s_says_that_there_is_nothing_to_convert(root: Path) -> None:
    async with opened(root, STATUSES["empty"]()) as session:
        await session.press("s")
        assert session.sent == []
        assert session.message.startswith("There is nothing to convert: photostat add")
    async with opened(root, STATUSES["finished"]()) as session:
        await session.press("s")
        assert session.sent == []
        assert session.message.startswith("Nothing is waiting to be converted. 6 images failed")


async def test_p_in_a_hold_does_not_promise_that_it_continues(root: Path) -> None:
    held = STATUSES["holding"]().snapshot
    assert held is not None
    async with opened(root, engine_status(structs.replace(held, state=State.PAUSED))) as session:
        await session.press("p")
        assert session.sent == [Resume()]
        assert session.message.startswith(
            "Resumed; the engine continues by itself when the hold ends: 3.9 GiB"
        )


@pytest.mark.parametrize(
    ("in_flight", "on_scratch", "state", "fact"),
    [
        (0, 0, State.RUNNING, "Nothing is in flight"),
        (
            1,
            0,
            State.RUNNING,
            "1 image in flight starts over with the next run; nothing that is done is lost",
        ),
        (
            9,
            8,
            State.RUNNING,
            "1 image in flight starts over with the next run; 8 JPEGs on scratch wait for it",
        ),
        (1, 1, State.HOLDING, "? 1 JPEG on scratch waits for the next run; nothing"),
        (8, 0, State.RUNNING, "press d to drain"),
        (8, 0, State.DRAINING, "Choose No to let the engine finish"),
    ],
)
async def test_the_question_before_stopping_says_what_it_means(
    root: Path, in_flight: int, on_scratch: int, state: State, fact: str
) -> None:
    batch = BatchSnapshot.of("maps", Account(100, 60, in_flight, 40 - in_flight))
    store = StoreSnapshot(waiting=on_scratch)
    snapshot = structs.replace(running(), state=state, batches=(batch,), store=store)
    async with opened(root, engine_status(snapshot)) as session:
        await session.press("S")
        assert fact in " ".join(session.text.split())
        assert ("press d" in session.text) is (in_flight > 0 and state is not State.DRAINING)


@pytest.mark.parametrize("size", [(40, 10), (60, 20), (80, 24)])
@pytest.mark.parametrize("key", ["S", "a"])
async def test_a_question_fits_the_terminal_with_its_answers(
    root: Path, size: tuple[int, int], key: str
) -> None:
    async with opened(root, size=size) as session:
        await session.press("f", key)
        screen = session.app.screen
        for part in screen.query("#dialog, #dialog > *"):
            assert screen.region.contains_region(part.region), part
        words = " ".join(session.text.split())
        assert ("nothing that is done is lost" if key == "S" else "without a JPEG") in words
        assert ("Yes, stop it" if key == "S" else "enter accepts") in words


async def test_stopping_asks_first_and_no_is_the_default(root: Path) -> None:
    async with opened(root) as session:
        for answer in ("enter", "escape", "n"):
            await session.press("S")
            assert isinstance(session.app.screen, ConfirmDialog)
            await session.press(answer)
            assert session.sent == []
        await session.press("S", "y")
        assert session.sent == [Stop()]


async def test_yes_can_be_chosen_with_the_arrows(root: Path) -> None:
    async with opened(root) as session:
        await session.press("S", "right", "enter")
        assert session.sent == [Stop()]


async def test_q_leaves_and_sends_the_engine_nothing(root: Path) -> None:
    async with opened(root) as session:
        await session.press("q")
        assert session.app.return_value == 0
        assert session.sent == []
        assert "The engine keeps running (pid 4711)" in session.app.farewell
    assert session.poller.closed


async def test_control_c_only_says_how_to_leave(root: Path) -> None:
    async with opened(root) as session:
        await session.press("ctrl+c")
        assert session.app.is_running
        assert session.sent == []
        assert "q leaves" in session.message


async def test_a_refusal_of_the_engine_is_one_line(root: Path) -> None:
    async with opened(root) as session:
        session.poller.reply = lambda command: "The engine is leaving."
        await session.press("p")
        assert session.message == "The engine is leaving."


@pytest.mark.parametrize("key", ["p", "d", "plus", "minus", "S"])
async def test_keys_for_the_engine_say_that_none_is_running(root: Path, key: str) -> None:
    async with opened(root, STATUSES["stopped"]()) as session:
        await session.press(key)
        assert session.sent == []
        assert session.message == "No engine is running here. s starts it."


async def test_read_only_changes_nothing_whatever_is_pressed(root: Path) -> None:
    async with opened(root, read_only=True) as session:
        for key in ("p", "d", "plus", "minus", "S", "f", "r", "R", "a", "space", "r", "enter", "r", "a"):
            await session.press(key)
        assert session.sent == []
        assert "--read-only" in session.message
    async with opened(root, STATUSES["stopped"](), read_only=True) as session:
        await session.press("s")
        assert session.sent == []


# -- the display ----


async def test_z_freezes_the_display_and_unfreezes_it(root: Path) -> None:
    async with opened(root) as session:
        await session.press("z")
        assert "FROZEN" in session.text
        session.poller.show(STATUSES["paused"]())
        await session.settle()
        assert "RUNNING" in session.text
        assert session.poller.drawn == 2, "the poller continues"
        await session.press("z")
        assert "PAUSED" in session.text
        assert "FROZEN" not in session.text


async def test_a_lost_connection_keeps_the_last_status_in_sight(root: Path) -> None:
    async with opened(root) as session:
        session.poller.show(STATUSES["disconnected"]())
        await session.settle()
        assert "DISCONNECTED" in session.text
        assert "128,415 / 430,057" in session.text
        await session.press("p")
        assert session.sent == []
        assert session.message == "The engine does not answer."


async def test_read_only_names_no_key_that_it_refuses(root: Path) -> None:
    async with opened(root, STATUSES["stopped"](), read_only=True) as session:
        await session.press("p")
        assert session.message == "No engine is running here."
        await session.press("ctrl+c")
        assert "stops the engine" not in session.message


async def test_the_same_status_again_paints_nothing(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with opened(root) as session:
        painted: list[LineWidget] = []
        monkeypatch.setattr(LineWidget, "refresh", lambda self, *regions, **options: painted.append(self))
        session.poller.show(STATUSES["running"]())
        await session.settle()
        assert painted == []


@pytest.mark.parametrize("hosts", [(), (host("here"),)])
async def test_question_mark_shows_every_key_that_there_is(
    root: Path, hosts: tuple[HostSnapshot, ...]
) -> None:
    status = engine_status(structs.replace(running(), hosts=hosts or UNSET))
    async with opened(root, status, size=(120, 110)) as session:
        await session.press("question_mark")
        assert isinstance(session.app.screen, Help)
        for action in ACTIONS:
            is_there = bool(hosts) or action.requires is not Precondition.HOSTS
            assert (action.tooltip.split(":")[0] in session.text) is is_there, action
        await session.press("escape")
        assert isinstance(session.app.screen, Dashboard)


async def test_the_palette_does_what_the_keys_do(root: Path) -> None:
    async with opened(root) as session:
        await session.press("ctrl+p")
        await session.press(*"drain")
        await session.pilot.pause(0.5)
        await session.press("down", "enter")
        await session.until(lambda: isinstance(session.app.screen, ConfirmDialog), "the question")
        await session.press("y")
        assert session.sent == [Drain()]


@pytest.mark.parametrize("size", [(60, 20), (80, 24), (120, 40), (200, 60)])
async def test_the_footer_is_on_the_last_line_whole(root: Path, size: tuple[int, int]) -> None:
    async with opened(root, size=size) as session:
        for keys in ([], ["f"], ["enter"], ["question_mark"]):
            await session.press(*keys)
            footer = session.app.screen.query_one(Footer)
            assert footer.region.bottom == size[1]
            assert footer._painted[0].text.rstrip().endswith("? help  q leave")
