"""The app under a pilot, with a poller that records its commands or on a real ledger; for tests."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from msgspec import structs
from textual.pilot import Pilot

from engine.control.requests import Accept, Request, Requeue
from engine.ledger.reader import LedgerReader
from engine.workspace import Workspace
from tests.support.fake_poller import FakePoller
from tests.support.statuses import NOW, STATUSES, running
from tests.support.waiting import LONGEST_WAIT_S, wait_until_async
from tui.app import PhotostatApp
from tui.connection.engine_commands import StartEngine
from tui.connection.ledger_thread import LedgerThread
from tui.connection.poller import WorkspacePoller
from tui.screens.base import BaseScreen
from tui.state.status import EngineStatus, what_needs_you
from tui.widgets.line_widget import LineWidget

FAILED, DONE, ROWS = 30, 6, 60
STANDING = what_needs_you(running())
"""What the dashboard of a run says while there is no message."""


@dataclass
class AppSession:
    """The app under a pilot, what it shows and what it has sent."""

    app: PhotostatApp
    pilot: Pilot[int]
    poller: FakePoller
    workspace: Workspace

    async def press(self, *keys: str) -> None:
        await self.pilot.press(*keys)
        await self.until(
            lambda: self.app.typed_keys_are_done or not self.app.is_running, "the keys to be taken"
        )
        await self.settle()

    async def settle(self) -> None:
        """Until every query is answered and drawn."""
        await self.pilot.pause()
        waiting = [worker for worker in self.app.workers if worker.group not in ("question",)]
        if waiting:
            await asyncio.wait_for(self.app.workers.wait_for_complete(waiting), LONGEST_WAIT_S)
        await self.pilot.pause()

    async def until(self, condition: Callable[[], bool], what: str) -> None:
        await wait_until_async(condition, lambda: f"{what}; the app says {self.message!r}", self.pilot.pause)

    @property
    def sent(self) -> list[Request[Any] | StartEngine]:
        return [command.request for command in self.poller.sent]

    @property
    def sent_unbounded(self) -> list[Request[Any] | StartEngine]:
        """What was sent, without the event up to which a selection is meant."""
        return [_unbounded(request) for request in self.sent]

    @property
    def message(self) -> str:
        """Of the uppermost page; empty while that is not composed yet."""
        screen = next(s for s in reversed(self.app.screen_stack) if isinstance(s, BaseScreen))
        return screen.status_line.text if screen.query("#status_line") else ""

    @property
    def text(self) -> str:
        """The text of the screen in sight, dialogs included."""
        widgets = self.app.screen.query(LineWidget)
        return "\n".join("\n".join(strip.text for strip in widget._painted) for widget in widgets)


def _unbounded(request: Request[Any] | StartEngine) -> Request[Any] | StartEngine:
    if isinstance(request, Requeue | Accept):
        assert request.selection.until_event is not None, "it is about the images as the person saw them"
        return structs.replace(request, selection=structs.replace(request.selection, until_event=None))
    return request


@asynccontextmanager
async def opened(
    root: Path,
    status: EngineStatus | None = None,
    *,
    size: tuple[int, int] = (80, 24),
    read_only: bool = False,
) -> AsyncIterator[AppSession]:
    workspace = Workspace(root)
    poller = FakePoller(status or STATUSES["running"]())
    ledger = LedgerThread(lambda: LedgerReader(workspace))
    app = PhotostatApp(poller, ledger, read_only=read_only, clock=lambda: NOW)
    async with app.run_test(size=size) as pilot:
        session = AppSession(app, pilot, poller, workspace)
        await session.settle()
        yield session


@asynccontextmanager
async def on_the_ledger(workspace: Workspace, size: tuple[int, int] = (80, 24)) -> AsyncIterator[AppSession]:
    poller = WorkspacePoller(workspace)
    app = PhotostatApp(poller, LedgerThread(lambda: LedgerReader(workspace)))
    async with app.run_test(size=size) as pilot:
        session = AppSession(app, pilot, FakePoller(EngineStatus()), workspace)
        await session.until(lambda: app.view.snapshot is not None, "the first status")
        yield session
