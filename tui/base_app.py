"""How the app takes each status, keeps one view of what it knows, draws it, and sends commands."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

from textual.app import App
from textual.timer import Timer

from engine.control.requests import SetWorkers, WorkersReply
from tui.connection.engine_commands import EngineCommand
from tui.connection.ledger_thread import LedgerThread
from tui.connection.poller import CommandAnswered, Poller, StatusArrived
from tui.screens.base import BaseScreen
from tui.state.history import History
from tui.state.notifications import Notifier
from tui.state.status import ConnectionState, EngineStatus, is_urgent
from tui.state.view import ActionResult, View
from tui.state.worker_target import WorkerTarget
from tui.terminal import TerminalDriver
from tui.theme import THEME

_MESSAGE_S = 15.0
"""How long a message stays on the status line."""
_BRIEF_MESSAGE_S = 5.0
"""How long if it may cover something urgent: why the engine is holding, or that it does not answer."""
_RETRY_S = 0.2
"""How soon a terminal that is still busy with the last output is tried again."""
Clock = Callable[[], float]


class BaseApp(App[int]):
    """Has what screens may ask of the app (AppProtocol); a subclass adds the keys and opens the screens."""

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
        self._bell = bell
        self._clock = clock
        self._history = History()
        self._view = View(EngineStatus(), clock(), read_only=read_only)
        self._undrawn: EngineStatus | None = None
        """A status that waits until the terminal has taken the last output."""
        self._latest = EngineStatus()
        self._worker_target = WorkerTarget()
        self._notifier = Notifier()
        self._message_timer: Timer | None = None
        self.animation_level = "none"
        self.register_theme(THEME)
        self.theme = THEME.name

    # -- what screens may ask: AppProtocol ----

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
        self._message_timer = self.set_timer(seconds, self._clear_message)
        self._draw_message()

    def _clear_message(self) -> None:
        self._view = replace(self._view, result=None)
        self._draw_message()

    def may_change(self) -> bool:
        if self._read_only:
            self.show_message("Nothing was changed: the app is open with --read-only.", good=False)
        return not self._read_only

    def send_command(self, command: EngineCommand) -> None:
        if self.may_change():
            self._poller.send(command)

    # -- each status ----

    def on_mount(self) -> None:
        self._poller.open(self.post_message)

    def on_unmount(self) -> None:
        self._poller.close()
        self._ledger.close()

    def on_status_arrived(self, message: StatusArrived) -> None:
        status = self._latest = message.status
        if status.snapshot is not None and status.connection is ConnectionState.ENGINE:
            self._history.begin(status.converted, status.snapshot.time)
            self._history.add(status.snapshot)
        is_waiting = self._undrawn is not None
        self._undrawn = status
        if not is_waiting:
            self._draw_when_ready()

    def _draw_when_ready(self) -> None:
        """Draws once the terminal has taken the last output; only then another status is requested."""
        status = self._undrawn
        if status is None:
            return
        if isinstance(self._driver, TerminalDriver) and self._driver.backlog:
            self.set_timer(_RETRY_S, self._draw_when_ready)
            return
        self._undrawn = None
        self._notify_of(status)
        if self._view.frozen_at is None:
            self._update_view(status)
        self._poller.status_drawn()

    def _update_view(self, status: EngineStatus) -> None:
        if status.snapshot is not None:
            self._worker_target.snapshot_arrived(status.snapshot)
        self._view = replace(
            self._view,
            status=status,
            now=self._clock(),
            images_per_s=tuple(self._history.images_per_s()),
            used_bytes=tuple(self._history.used_bytes()),
        )
        self._draw_view()

    def _draw_view(self) -> None:
        screen = self._screen_in_sight()
        if screen is not None and screen.is_mounted:
            screen.show(self._view)

    def _draw_message(self) -> None:
        """On the screen in sight only: the others draw it when they come into sight."""
        screen = self._screen_in_sight()
        if screen is not None and screen.is_mounted:
            screen.show_message(self._view)

    def _screen_in_sight(self) -> BaseScreen | None:
        """The uppermost screen that is not a dialog."""
        screens = (screen for screen in reversed(self.screen_stack) if isinstance(screen, BaseScreen))
        return next(screens, None)

    def _notify_of(self, status: EngineStatus) -> None:
        """Rings the terminal's bell and gives it a notice (OSC 9), if the settings ask for it."""
        notice = self._notifier.notice(status.snapshot) if status.snapshot is not None else None
        if notice and self._bell and self._driver is not None and not self.is_headless:
            self._driver.write(f"\x1b]9;photostat: {notice}\x07\x07")

    def on_command_answered(self, answer: CommandAnswered) -> None:
        if isinstance(answer.command.request, SetWorkers):
            count = answer.reply.count if isinstance(answer.reply, WorkersReply) else None
            self._worker_target.answered(count, self._clock())
        self.show_message(answer.result.text, good=answer.result.good)
        for screen in self.screen_stack:
            if isinstance(screen, BaseScreen) and screen.is_mounted:
                screen.answered(answer)

    # -- when something goes wrong ----

    def _handle_exception(self, error: Exception) -> None:
        """Textual's hook for uncaught errors. Textual draws a traceback; here `run` reports the error in one line."""
        self._return_code = 1
        if self._exception is None:
            self._exception = error
            self._exception_event.set()
        self._close_messages_no_wait()

    @property
    def crash(self) -> Exception | None:
        """The error that ended the app."""
        return self._exception
