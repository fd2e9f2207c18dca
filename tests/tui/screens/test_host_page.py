"""The page of a host: all that is known of it, also of one that holds or has gone."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec import structs

from engine.control.requests import DrainHost, ForgetHost, HostReply, SetWorkers
from engine.ledger.reader import LedgerReader
from engine.ledger.states import EventKind, EventLevel
from engine.ledger.writer import Ledger
from tests.support.app_pilot import AppSession, opened
from tests.support.cluster_statuses import SHARE_AWAY, host, on_hosts, three_hosts
from tests.support.fake_poller import obeyed
from tests.support.ledgers import make_ledger
from tests.support.statuses import NOW, STATUSES, engine_status, running, with_gpu
from tui.connection.engine_commands import EngineCommand
from tui.screens.dashboard import Dashboard
from tui.screens.dialogs import ConfirmDialog
from tui.screens.host_page import HostScreen
from tui.screens.host_text import events_of
from tui.screens.image_record import detail_text, read_record
from tui.state.gpus import gpus_of
from tui.state.status import EngineStatus

THREE = engine_status(three_hosts())
LARGE = (120, 60)


def on_page(session: AppSession) -> str:
    screen = session.app.screen
    assert isinstance(screen, HostScreen)
    return screen.host


async def test_h_opens_the_host_that_the_cursor_is_at(root: Path) -> None:
    async with opened(root, THREE, size=(120, 40)) as session:
        await session.press("h")
        assert on_page(session) == "here"
        await session.press("escape", "shift+tab", "down", "h")
        assert on_page(session) == "here", "the cursor is at a worker of it"
        await session.press("escape", "end", "h")
        assert on_page(session) == "reading-room-4"
        await session.press("escape")
        assert isinstance(session.app.screen, Dashboard)


async def test_with_a_batch_h_holds_it_and_upper_case_h_opens_the_host(root: Path) -> None:
    async with opened(root, THREE, size=(120, 40)) as session:
        await session.press("tab", "h")
        assert isinstance(session.app.screen, ConfirmDialog) and "Hold newspapers?" in session.text
        await session.press("n", "H")
        assert on_page(session) == "here"


async def test_its_page_says_all_that_is_known(root: Path) -> None:
    async with opened(root, THREE, size=LARGE) as session:
        await session.press("shift+tab", "end", "h", "shift+tab")
        text = " ".join(session.text.split())
        for fact in (
            "Host conv2 ▲ holding: source",
            "state ▲ holding: source, since",
            f"why {SHARE_AWAY}",
            "looks again at",
            "none of its images has failed for this",
            "machine conv2.library.example",
            "1 h 54 min ago",
            "clock 7 s ahead of the engine's",
            "version 0.1.0",
            "workers 0 of 3 busy",
            "pace 0 images/min",
            "Memory of 64.0 GiB",
            "nothing in flight",
            "2 of 3",
        ):
            assert fact in text, fact
        assert "64.0G│" in session.text and "now" in session.text, "the curve of its memory"
        await session.press("n", "n")
        text = " ".join(session.text.split())
        assert on_page(session) == "here"
        assert "4 images in flight" in text and "NB_0001_1887-03-14_0005.jpg" in text
        assert "3 JPEGs for the store" in text and "18.0 images/min" in text
        assert "clock as the engine's" in text


async def test_its_page_has_its_own_gpus(root: Path) -> None:
    card, closed = gpus_of(with_gpu())
    gpus = tuple(structs.replace(gpu, host=name) for gpu in (card, closed) for name in ("conv2", "here"))
    three = engine_status(structs.replace(on_hosts(host("here"), host("conv2")), gpus=gpus))
    async with opened(root, three, size=LARGE) as session:
        await session.press("h", "n")
        assert on_page(session) == "conv2"
        text = " ".join(session.text.split())
        assert "GPU NVIDIA H200 0: 612 megapixels/s, 81,204 images, 94.0 % busy" in text
        assert "NVIDIA H200 1: not used any more in this run: its process was killed" in text
        assert text.count("NVIDIA H200") == 2


async def test_a_host_that_was_lost_says_since_when_what_becomes_of_its_images_and_what_to_do(
    root: Path,
) -> None:
    async with opened(root, THREE, size=LARGE) as session:
        await session.press("shift+tab", "end", "h")
        text = " ".join(session.text.split())
        for fact in (
            "Host reading-room-4 ╳ lost ",
            "why no sign of life for 30 s",
            "20 s ago",
            "its images 4 images that it had not stored: others convert them, and no attempt counts.",
            "2 JPEGs on its scratch: stored if it is back by ",
            "It comes back by itself if",
            "F forgets it",
            "3 of 3",
        ):
            assert fact in text, fact
        assert "Memory" not in text and "busy" not in text
        await session.press("D", "plus")
        assert session.sent == [] and "reading-room-4 is not there: nothing was changed" in session.message
        await session.press("D")
        assert "it is not there" in session.message
        await session.press("F")
        text = " ".join(session.text.split())
        assert "Forget reading-room-4?" in text
        assert "It is not there. 2 JPEGs on its scratch: others convert these images again." in text
        await session.press("y")
        assert session.sent == [ForgetHost("reading-room-4")]


async def test_a_host_that_has_gone_is_told_with_what_was_known_last(root: Path) -> None:
    async with opened(root, THREE, size=LARGE) as session:
        await session.press("h", "tab")
        session.poller.show(engine_status(on_hosts(host("here", 2))))
        await session.settle()
        text = " ".join(session.text.split())
        assert "conv2 is not there" in text and "no attempt counts" in text
        assert "`photostat host invite conv2` invites it anew" in text and "Events of this host" in text
        assert "When it was last seen:" in text and "conv2.library.example" in text
        session.poller.show(STATUSES["stopped"]())
        await session.settle()
        text = " ".join(session.text.split())
        assert "nothing is known of conv2: no engine runs" in text and "no attempt counts" not in text
        session.poller.show(engine_status(on_hosts(host("here", 2))))
        await session.settle()
        await session.press("n")
        assert on_page(session) == "here"


@pytest.mark.parametrize(
    ("status", "says"),
    [
        (engine_status(running()), "This machine converts alone"),
        (engine_status(structs.replace(running(), hosts=())), "No host has joined yet"),
        (STATUSES["stopped"](), "No engine is running here."),
    ],
)
async def test_without_hosts_h_says_why_there_is_no_page(root: Path, status: EngineStatus, says: str) -> None:
    async with opened(root, status) as session:
        await session.press("h")
        assert says in session.message
        assert isinstance(session.app.screen, Dashboard)


def test_its_events_are_those_of_its_processes_and_those_that_name_it(tmp_path: Path) -> None:
    workspace = make_ledger(tmp_path / "workspace", 1)
    with Ledger.open(workspace, "run") as ledger, ledger.transaction():
        ledger.event(EventLevel.INFO, EventKind.CONVERTED, "a", pid=7, host="conv2")
        ledger.event(EventLevel.INFO, EventKind.CONVERTED, "b", pid=8, host="conv21")
        ledger.event(EventLevel.WARNING, EventKind.HOLD, "conv2: the share is away")
        ledger.event(EventLevel.WARNING, EventKind.HOLD, "conv21: the share is away")
    with LedgerReader(workspace) as reader:
        assert [event.message for event in events_of(reader, "conv2")] == ["conv2: the share is away", "a"]
        assert events_of(reader, "here") == []


def test_an_attempt_says_on_which_other_machine_it_was(tmp_path: Path) -> None:
    workspace = make_ledger(tmp_path / "workspace", 2)
    with Ledger.open(workspace, "run") as ledger:
        ledger.start(1, 77, 1 << 20, "whole", host="conv2")
        ledger.start(2, 78, 1 << 20, "whole")
    with LedgerReader(workspace) as reader:
        there, here = (
            "\n".join(row.plain for row in detail_text(read_record(reader, image), NOW)) for image in (1, 2)
        )
    assert "pid 77 on conv2" in there
    assert "pid 78" in here and " on conv2" not in here


async def test_a_host_is_drained_or_forgotten_after_a_question_that_says_what_follows(root: Path) -> None:
    async with opened(
        root, engine_status(on_hosts(host("here"), host("conv2", 3, waiting=2))), size=LARGE
    ) as session:
        await session.press("h", "D")
        assert session.sent == [] and "d drains the engine" in session.message
        await session.press("F")
        assert session.sent == [] and "cannot be forgotten" in session.message
        await session.press("tab", "D")
        text = " ".join(session.text.split())
        assert "Drain conv2?" in text and "5 images that it has will be finished and stored" in text
        await session.press("enter")
        assert session.sent == [], "No is the answer unless another one is chosen"
        await session.press("D", "y")
        assert session.sent == [DrainHost("conv2")] and "conv2 gets nothing new" in session.message
        await session.press("F")
        text = " ".join(session.text.split())
        assert "Forget conv2?" in text and "5 images that it has and has not stored" in text
        await session.press("n", "F", "y")
        assert session.sent[1:] == [ForgetHost("conv2")]
        session.poller.show(engine_status(on_hosts(host("here"))))
        await session.settle()
        await session.press("D")
        assert "it is not there" in session.message
        await session.press("F", "y")
        assert session.sent[2:] == [ForgetHost("conv2")]

        def at_a_cluster_of_others(command: EngineCommand) -> HostReply:
            reply = obeyed(command)
            assert isinstance(reply, HostReply)
            return structs.replace(reply, still_connects_to="tls://dask:8786")

        session.poller.reply = at_a_cluster_of_others
        await session.press("F", "y")
        assert "conv2 is forgotten, but its certificates still hold at tls://dask:8786" in session.message


async def test_plus_and_minus_are_about_the_host_of_the_page(root: Path) -> None:
    two = on_hosts(host("here", 4), host("conv2", 2, number=1))
    async with opened(root, engine_status(two), size=LARGE) as session:
        await session.press("plus", "h", "plus", "tab", "plus", "plus", "minus", "minus", "minus")
        assert session.sent == [
            SetWorkers(5),
            SetWorkers(6),
            SetWorkers(3, "conv2"),
            SetWorkers(4, "conv2"),
            SetWorkers(3, "conv2"),
            SetWorkers(2, "conv2"),
            SetWorkers(1, "conv2"),
        ]
        assert session.message == "1 worker on conv2 from now on."
        await session.press("minus")
        assert "D drains it" in session.message and len(session.sent) == 7
    async with opened(root, engine_status(on_hosts(host("conv2", 2)))) as session:
        await session.press("plus")
        assert "This machine converts nothing" in session.message and session.sent == []
