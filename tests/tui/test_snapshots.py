"""Snapshots of the app, at four sizes and in every state, at a fixed time.

After a change that is meant: `pytest tests/tui/test_snapshots.py --snapshot-update`, and look at what has changed.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from msgspec import structs
from textual.pilot import Pilot

from engine.control.snapshot import BatchSnapshot
from engine.ledger.account import Account
from engine.ledger.reader import LedgerReader
from engine.workspace import Workspace
from tests.support.cluster_statuses import CLUSTERS
from tests.support.fake_poller import FakePoller
from tests.support.ledgers import make_ledger
from tests.support.statuses import NOW, STATUSES, engine_status, running, with_gpu
from tests.support.waiting import wait_until_async
from tui.app import PhotostatApp
from tui.connection.ledger_thread import LedgerThread
from tui.screens.failed_list import FailedList
from tui.state.status import EngineStatus

SIZES = [(80, 24), (60, 20), (120, 40), (200, 60)]
STATES = ["running", "paused", "holding", "disconnected", "finished", "empty"]
Compare = Callable[..., bool]


@pytest.fixture(autouse=True)
def still(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same time zone and colours on every machine."""
    monkeypatch.setenv("TZ", "UTC")
    monkeypatch.delenv("NO_COLOR", raising=False)
    time.tzset()


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A ledger with ten thousand failures."""
    return make_ledger(tmp_path_factory.mktemp("many") / "workspace", 12_000, failed=10_000).root


def app_on(root: Path, status: EngineStatus, *, read_only: bool = False) -> PhotostatApp:
    workspace = Workspace(root)
    return PhotostatApp(
        FakePoller(status),
        LedgerThread(lambda: LedgerReader(workspace)),
        read_only=read_only,
        clock=lambda: NOW,
    )


def typed(*keys: str) -> Callable[[Pilot[int]], Awaitable[None]]:
    """Types the keys and waits until they are taken."""

    async def run(pilot: Pilot[int]) -> None:
        await pilot.press(*keys)
        app = pilot.app
        assert isinstance(app, PhotostatApp)
        await wait_until_async(lambda: app.typed_keys_are_done, "the keys to be taken", pilot.pause)
        await pilot.pause()

    return run


def sized(size: tuple[int, int]) -> str:
    return f"{size[0]}x{size[1]}"


@pytest.mark.parametrize("size", SIZES, ids=sized)
@pytest.mark.parametrize("state", STATES)
def test_the_dashboard(snap_compare: Compare, many: Path, state: str, size: tuple[int, int]) -> None:
    assert snap_compare(app_on(many, STATUSES[state]()), terminal_size=size)


@pytest.mark.parametrize("size", [(80, 24), (120, 40)], ids=sized)
@pytest.mark.parametrize("cluster", CLUSTERS)
def test_several_hosts(snap_compare: Compare, many: Path, cluster: str, size: tuple[int, int]) -> None:
    assert snap_compare(app_on(many, CLUSTERS[cluster]()), terminal_size=size, run_before=typed("shift+tab"))


@pytest.mark.parametrize("size", [(80, 24), (120, 40)], ids=sized)
def test_the_page_of_a_host(snap_compare: Compare, many: Path, size: tuple[int, int]) -> None:
    keys = typed("shift+tab", "down", "h")
    status = CLUSTERS["three-hosts"]()
    if size == (120, 40):
        keys = typed("shift+tab", "h")
    assert snap_compare(app_on(many, status), terminal_size=size, run_before=keys)


@pytest.mark.parametrize("size", SIZES, ids=sized)
def test_ten_thousand_failures(snap_compare: Compare, many: Path, size: tuple[int, int]) -> None:
    snapshot = structs.replace(
        running(),
        batches=(BatchSnapshot.of("newspapers", Account(12_000, 1992, 8, 0, 10_000)),),
        failures_by_cause={"truncated": 6000, "corrupt": 2000, "source-missing": 2000},
    )

    async def opened(pilot: Pilot[int]) -> None:
        await typed("f")(pilot)
        screen = pilot.app.screen
        assert isinstance(screen, FailedList)
        await wait_until_async(lambda: screen.paged_list.current is not None, "the list", pilot.pause)
        await typed("down", "space", "down")(pilot)

    assert snap_compare(app_on(many, engine_status(snapshot)), terminal_size=size, run_before=opened)


def test_help(snap_compare: Compare, many: Path) -> None:
    assert snap_compare(app_on(many, STATUSES["running"]()), run_before=typed("question_mark"))


def test_the_question_before_stopping(snap_compare: Compare, many: Path) -> None:
    assert snap_compare(app_on(many, STATUSES["running"]()), run_before=typed("S"))


def test_read_only_and_frozen(snap_compare: Compare, many: Path) -> None:
    assert snap_compare(app_on(many, STATUSES["running"](), read_only=True), run_before=typed("z"))


def test_no_colour(snap_compare: Compare, many: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Words and glyphs show everything: nothing is lost without colour."""
    monkeypatch.setenv("NO_COLOR", "1")
    assert snap_compare(app_on(many, STATUSES["disconnected"]()))


@pytest.mark.parametrize("size", [(80, 24), (120, 40)], ids=sized)
def test_the_dashboard_of_a_run_with_gpus(snap_compare: Compare, many: Path, size: tuple[int, int]) -> None:
    assert snap_compare(app_on(many, engine_status(with_gpu())), terminal_size=size)
