"""The app with real engines: it starts one, controls it, survives its death, and can leave while it runs."""

from __future__ import annotations

import os
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from textual.pilot import Pilot

from engine.control.snapshot import State
from engine.ledger.reader import LedgerReader
from engine.workspace import Workspace
from tests.conftest import MakeWorkspace
from tests.support import engine_runs
from tests.support.engine_runs import (
    kill_engine,
    resume_worker,
    start_engine,
    suspend_busy_worker,
    wait_for_end,
)
from tests.support.waiting import wait_until_async
from tui.app import PhotostatApp
from tui.connection.ledger_thread import LedgerThread
from tui.connection.poller import WorkspacePoller
from tui.state.status import ConnectionState, EngineStatus, status_hint

ONE_WORKER = "[engine]\nworkers = 1\n"


@asynccontextmanager
async def watching(root: Path) -> AsyncIterator[tuple[PhotostatApp, Pilot[int]]]:
    workspace = Workspace(root)
    app = PhotostatApp(WorkspacePoller(workspace), LedgerThread(lambda: LedgerReader(workspace)))
    async with app.run_test(size=(80, 24)) as pilot:
        await until(app, pilot, lambda status: status.snapshot is not None)
        yield app, pilot


async def until(
    app: PhotostatApp, pilot: Pilot[int], condition: Callable[[EngineStatus], bool]
) -> EngineStatus:
    """The first status that meets the condition."""

    def met() -> EngineStatus | None:
        return app.view.status if condition(app.view.status) else None

    return await wait_until_async(met, lambda: f"another status than {app.view.status}", pilot.pause)


async def test_starts_controls_survives_and_sees_the_end(workspace: MakeWorkspace) -> None:
    root = workspace(images=20, width=600, height=500, settings=ONE_WORKER)
    async with watching(root) as (app, pilot):
        assert app.view.status.connection is ConnectionState.LEDGER
        assert app.view.status.state is State.STOPPED
        await pilot.press("s")
        await until(app, pilot, lambda status: status.connection is ConnectionState.ENGINE)
        await pilot.press("p")
        paused = await until(app, pilot, lambda status: status.state is State.PAUSED)
        assert engine_runs.status(root)["state"] == "paused"
        await pilot.press("plus")
        await until(app, pilot, lambda status: bool(status.snapshot and status.snapshot.workers_wanted == 2))

        assert paused.snapshot is not None
        assert paused.snapshot.engine is not None
        kill_engine(paused.snapshot.engine.pid)
        crashed = await until(app, pilot, lambda status: status.connection is ConnectionState.LEDGER)
        assert "was killed" in crashed.problem
        killed = f"the engine (pid {paused.snapshot.engine.pid}, since "
        assert "ended unexpectedly" in crashed.problem and killed in crashed.problem

        await pilot.press("s")
        await until(app, pilot, lambda status: status.connection is ConnectionState.ENGINE)
        await until(app, pilot, lambda status: status.state is State.FINISHED)
        last = await until(app, pilot, lambda status: status.connection is ConnectionState.LEDGER)
        assert last.state is State.FINISHED
        assert last.problem == ""
        assert last.snapshot is not None
        assert last.snapshot.totals.done == 20


async def test_an_engine_that_does_not_answer_is_shown_as_disconnected_with_its_last_status(
    workspace: MakeWorkspace,
) -> None:
    root = workspace(images=20, width=600, height=500, settings=ONE_WORKER)
    pid = start_engine(root)
    busy = suspend_busy_worker(root)
    async with watching(root) as (app, pilot):
        assert app.view.status.connection is ConnectionState.ENGINE
        os.kill(pid, signal.SIGSTOP)
        try:
            lost = await until(app, pilot, lambda status: status.connection is ConnectionState.LOST)
            assert lost.snapshot is not None
            assert lost.snapshot.engine is not None
            assert "last known state" in status_hint(lost, read_only=False)
        finally:
            os.kill(pid, signal.SIGCONT)
        await until(app, pilot, lambda status: status.connection is not ConnectionState.LOST)
    resume_worker(busy)
    assert wait_for_end(root)["totals"]["done"] == 20


async def test_the_engine_keeps_running_after_the_app_is_left(workspace: MakeWorkspace) -> None:
    root = workspace(images=10, width=900, height=700, settings=ONE_WORKER)
    pid = start_engine(root)
    busy = suspend_busy_worker(root)
    async with watching(root) as (app, pilot):
        await pilot.press("q")
        assert str(pid) in app.farewell
    resume_worker(busy)
    assert wait_for_end(root)["totals"]["done"] == 10


async def test_the_app_shows_why_an_engine_does_not_start(workspace: MakeWorkspace) -> None:
    root = workspace(images=2)
    (root / "photostat.toml").write_text("[engine]\nworkerz = 3\n", encoding="utf-8")
    async with watching(root) as (app, pilot):
        await pilot.press("s")
        screen = app._screen_in_sight()
        assert screen is not None
        await until(app, pilot, lambda status: "workerz" in screen.status_line.text)
        assert app.view.status.connection is ConnectionState.LEDGER
