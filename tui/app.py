"""The app: takes pictures as they arrive, keeps what it knows of them in one view, and sends orders."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any, ClassVar

from textual import work
from textual.app import App
from textual.binding import BindingType
from textual.command import Provider
from textual.screen import Screen
from textual.timer import Timer

from engine.control.requests import SetWorkers, WorkersReply
from engine.control.snapshot import State
from engine.failures import UserError
from engine.ledger.reader import LedgerReader
from engine.workspace import Workspace
from tui.actions.registry import Scope, bindings
from tui.connection import engine_commands
from tui.connection.engine_commands import EngineCommand
from tui.connection.ledger_thread import ImageQuery, LedgerThread
from tui.connection.poller import CommandAnswered, Poller, StatusArrived, WorkspacePoller
from tui.crash import fault_of, kept_from_the_terminal
from tui.screens.base import BaseScreen
from tui.screens.command_palette import ActionProvider
from tui.screens.dashboard import Dashboard
from tui.screens.dialogs import ConfirmDialog
from tui.screens.event_list import EventList
from tui.screens.failed_list import FailedList
from tui.screens.help import Help
from tui.screens.image_list import ImageList
from tui.state.history import History
from tui.state.notifications import Notifications
from tui.state.refusals import nothing_to_start, stop_facts, without_engine
from tui.state.status import ConnectionState, EngineStatus, is_urgent
from tui.state.view import ActionResult, View
from tui.state.worker_target import WorkerTarget
from tui.terminal import HangUpWatch, TerminalDriver, require_terminal
from tui.theme import THEME

_MESSAGE_S = 15.0
"""How long the result of an action stays on its line."""
_BRIEF_MESSAGE_S = 5.0
"""How long where it may cover what a person has to know: why the engine holds, or that it does not answer."""
_RETRY_S = 0.2
"""A terminal that does not drain is looked at again so soon."""
Clock = Callable[[], float]


class PhotostatApp(App[int]):
    TITLE = "photostat"
    CSS_PATH = "photostat.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [*bindings(Scope.ANYWHERE)]
    COMMANDS: ClassVar[set[type[Provider] | Callable[[], type[Provider]]]] = {ActionProvider}
    COMMAND_PALETTE_BINDING = "f2"
    ENABLE_COMMAND_PALETTE = True

    def __init__(
        self,
        poller: Poller,
        ledger: LedgerThread,
        *,
        read_only: bool = False,
        bell: bool = False,
        clock: Clock = time.time,
    ) -> None:
        super().__init__(driver_class=TerminalDriver, ansi_color=True)
        self._poller = poller
        self._ledger = ledger
        self._read_only = read_only
        self._bell_wanted = bell
        self._clock = clock
        self._history = History()
        self._view = View(EngineStatus(), clock(), read_only=read_only)
        self._waiting: EngineStatus | None = None
        """A picture the terminal had no room for yet."""
        self._latest = EngineStatus()
        self._wanted = WorkerTarget()
        self._bell = Notifications()
        self._message_timer: Timer | None = None
        self.animation_level = "none"
        self.register_theme(THEME)
        self.theme = THEME.name

    # -- what the screens ask ----

    @property
    def view(self) -> View:
        return self._view

    @property
    def ledger(self) -> LedgerThread:
        return self._ledger

    @property
    def read_only(self) -> bool:
        return self._read_only

    def show_message(self, text: str, *, good: bool = True) -> None:
        self._view = replace(self._view, result=ActionResult(text, good))
        if self._message_timer is not None:
            self._message_timer.stop()
        seconds = _BRIEF_MESSAGE_S if is_urgent(self._view.status) else _MESSAGE_S
        self._message_timer = self.set_timer(seconds, self._forget)
        self._show_message()

    def _forget(self) -> None:
        self._view = replace(self._view, result=None)
        self._show_message()

    def _show_message(self) -> None:
        """On the page in sight, whichever that is by now; another one gets it when it comes to sight."""
        page = self._page()
        if page is not None and page.is_mounted:
            page.show_message(self._view)

    def may_change(self) -> bool:
        if self._read_only:
            self.show_message("This is --read-only: looking, not steering.", good=False)
        return not self._read_only

    def send_command(self, command: EngineCommand) -> None:
        if self.may_change():
            self._poller.send(command)

    # -- pictures ----

    def get_default_screen(self) -> Screen[Any]:
        return Dashboard()

    def on_mount(self) -> None:
        self._poller.open(self.post_message)

    def on_unmount(self) -> None:
        self._poller.close()
        self._ledger.close()

    def on_status_arrived(self, message: StatusArrived) -> None:
        self._latest = message.status
        if message.status.snapshot is not None and message.status.connection is ConnectionState.ENGINE:
            self._history.begin(message.status.converted, message.status.snapshot.time)
            self._history.add(message.status.snapshot)
        if self._waiting is None:
            self._waiting = message.status
            self._draw_waiting()
        else:
            self._waiting = message.status

    def _draw_waiting(self) -> None:
        """Draws when the terminal has taken what it was given; until then no other picture is asked for."""
        status = self._waiting
        if status is None:
            return
        if isinstance(self._driver, TerminalDriver) and self._driver.backlog:
            self.set_timer(_RETRY_S, self._draw_waiting)
            return
        self._waiting = None
        self._ring(status)
        if self._view.frozen_at is None:
            self._take(status)
        self._poller.drawn()

    def _take(self, status: EngineStatus) -> None:
        snapshot = status.snapshot
        if snapshot is not None:
            self._wanted.seen(snapshot)
        self._view = replace(
            self._view,
            status=status,
            now=self._clock(),
            images_per_s=tuple(self._history.images_per_s()),
            used_bytes=tuple(self._history.used_bytes()),
        )
        self._show()

    def _show(self) -> None:
        page = self._page()
        if page is not None and page.is_mounted:
            page.show(self._view)

    def _page(self) -> BaseScreen | None:
        """The page in sight, be it under a question."""
        pages = (screen for screen in reversed(self.screen_stack) if isinstance(screen, BaseScreen))
        return next(pages, None)

    def _ring(self, status: EngineStatus) -> None:
        """A bell and a notice of the terminal, if wanted."""
        notice = self._bell.notice(status.snapshot) if status.snapshot is not None else None
        if notice and self._bell_wanted and self._driver is not None and not self.is_headless:
            self._driver.write(f"\x1b]9;photostat: {notice}\x07\x07")

    def on_command_answered(self, answer: CommandAnswered) -> None:
        if isinstance(answer.command.request, SetWorkers):
            count = answer.reply.count if isinstance(answer.reply, WorkersReply) else None
            self._wanted.answered(count, self._clock())
        self.show_message(answer.result.text, good=answer.result.good)
        for page in self.screen_stack:
            if isinstance(page, BaseScreen) and page.is_mounted:
                page.answered(answer)

    # -- when something goes wrong ----

    def _handle_exception(self, error: Exception) -> None:
        """Textual's hook for what nobody caught: it would draw a traceback; here `run` tells it in one line."""
        self._return_code = 1
        if self._exception is None:
            self._exception = error
            self._exception_event.set()
        self._close_messages_no_wait()

    @property
    def fault(self) -> Exception | None:
        """Why the app has left although nobody asked it to."""
        return self._exception

    # -- what the keys do ----

    def action_pause(self) -> None:
        if self._has_engine():
            snapshot, paused = self._latest.snapshot, self._latest.state is State.PAUSED
            self.send_command(
                engine_commands.resume(snapshot.hold if snapshot else None)
                if paused
                else engine_commands.pause()
            )

    def action_drain(self) -> None:
        if self._has_engine():
            self.send_command(engine_commands.drain())

    def action_more_workers(self) -> None:
        self._change_workers(1)

    def action_fewer_workers(self) -> None:
        self._change_workers(-1)

    def _change_workers(self, by: int) -> None:
        if not self._has_engine() or not self.may_change():
            return
        snapshot = self._latest.snapshot
        now = self._wanted.now(snapshot)
        if now + by < 1:
            self.show_message("One worker is the fewest. p pauses.", good=False)
            return
        self._wanted.asked(now + by)
        self.send_command(engine_commands.set_workers(now + by))

    @work(exclusive=True, group="question")
    async def action_stop(self) -> None:
        if not self._has_engine() or not self.may_change():
            return
        in_flight = self._latest.snapshot.totals.in_flight if self._latest.snapshot else 0
        facts = stop_facts(in_flight, draining=self._latest.state is State.DRAINING)
        if await self.push_screen_wait(ConfirmDialog("Stop the engine?", facts, "stop it")):
            self.send_command(engine_commands.stop())

    def action_start(self) -> None:
        if self._latest.connection is ConnectionState.ENGINE:
            self.show_message("The engine runs already.", good=False)
        elif self._latest.connection is not ConnectionState.LEDGER:
            self.show_message("The engine does not answer; it may be running still.", good=False)
        elif (nothing := nothing_to_start(self._latest)) is not None:
            self.show_message(nothing, good=False)
        elif self.may_change():
            self.show_message("Starting the engine …")
            self.send_command(engine_commands.start())

    def action_freeze(self) -> None:
        if self._view.frozen_at is None:
            self._view = replace(self._view, frozen_at=self._clock())
            self.show_message("This picture stands still; the engine goes on. z lets it live again.")
            self._show()
        else:
            self._view = replace(self._view, frozen_at=None)
            self.show_message("Live again.")
            self._take(self._latest)

    def action_failures(self) -> None:
        self._open(FailedList(ImageQuery(state="failed")))

    def action_images(self) -> None:
        self._open(ImageList(ImageQuery()))

    def action_events(self) -> None:
        self._open(EventList())

    def on_dashboard_show_cause(self, message: Dashboard.ShowCause) -> None:
        self._open(FailedList(ImageQuery(state="failed", cause=message.cause)))

    def on_dashboard_show_batch(self, message: Dashboard.ShowBatch) -> None:
        self._open(ImageList(ImageQuery(batch=message.batch)))

    def action_help(self) -> None:
        if not isinstance(self.screen, Help):
            self.push_screen(Help())

    def action_palette(self) -> None:
        self.action_command_palette()

    def _open(self, page: BaseScreen) -> None:
        """A list replaces whatever was opened from the dashboard before: esc is never far from it."""
        while len(self.screen_stack) > 2:
            self.pop_screen()
        if len(self.screen_stack) > 1:
            self.switch_screen(page)
        else:
            self.push_screen(page)

    def action_leave(self) -> None:
        self.exit(0)

    def action_help_quit(self) -> None:
        """Ctrl-C: a reflex; it says how to do what may have been meant."""
        stop = "" if self._read_only else " S stops the engine."
        self.show_message(f"Ctrl-C does nothing here: q leaves and the engine goes on.{stop}", good=False)

    def _has_engine(self) -> bool:
        if self._latest.connection is ConnectionState.ENGINE:
            return True
        self.show_message(without_engine(self._latest, read_only=self._read_only), good=False)
        return False

    @property
    def farewell(self) -> str:
        """What to say on the shell's line after leaving."""
        engine = self._latest.snapshot.engine if self._latest.snapshot else None
        if self._latest.connection is ConnectionState.ENGINE and engine is not None:
            return f"The engine goes on (pid {engine.pid}). `photostat` shows it again, `photostat stop` ends it."
        return ""


def run(
    workspace: Workspace, *, read_only: bool = False, bell: bool | None = None, farewell: bool = True
) -> int:
    """Shows the app until the person leaves; 0. Raises UserError where there is no terminal to show it on,
    AppCrash when it could not go on.

    `bell` None is what the settings say; `farewell` False leaves the last word to the caller."""
    require_terminal()
    poller, ledger = WorkspacePoller(workspace), LedgerThread(lambda: LedgerReader(workspace))
    ring = _wants_bell(workspace) if bell is None else bell
    app = PhotostatApp(poller, ledger, read_only=read_only, bell=ring)
    with HangUpWatch(), kept_from_the_terminal(workspace.logs_dir / "app.log") as log:
        code = app.run(mouse=False)
        if app.fault is not None:
            raise fault_of(app.fault, log)
    if farewell and app.farewell:
        print(app.farewell)
    return code if code is not None else app.return_code or 0


def _wants_bell(workspace: Workspace) -> bool:
    """Settings with a fault are for the engine to refuse; looking needs none."""
    try:
        return workspace.config().notify.bell
    except UserError:
        return False
