"""How the app takes each status and key, keeps one view of what it knows, draws it, and sends commands."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from textual.app import App
from textual.command import CommandPalette
from textual.events import Event, Key, Paste
from textual.message_pump import MessagePump
from textual.timer import Timer
from textual.worker import Worker

from engine.control.requests import Pause, Resume, SetWorkers, WorkersReply
from tui.connection.engine_commands import EngineCommand, StartEngine
from tui.connection.ledger_thread import LedgerThread
from tui.connection.poller import CommandAnswered, Poller, StatusArrived
from tui.screens.base import BaseScreen
from tui.screens.dialogs import QUESTIONS
from tui.state.hosts import HERE
from tui.state.kept_orders import KeptOrders
from tui.state.notifications import Notifier
from tui.state.pause_target import PauseTarget
from tui.state.status import EngineStatus, is_urgent
from tui.state.view import ActionResult, View
from tui.state.worker_target import WorkerTarget
from tui.terminal.tty import TerminalDriver
from tui.theme import TERMINAL, THEMES, sixteen_colours
from tui.theme_choice import OWN_COLOURS, ThemeChoice
from tui.typed_keys import TypedKeys

_MESSAGE_S = 15.0
"""How long a message stays on the status line, if it is true so long and its page is in sight."""
_BRIEF_MESSAGE_S = 5.0
"""How long a refusal stays, and what may cover something urgent: a hold, or an engine that does not answer."""
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
        theme: ThemeChoice = OWN_COLOURS,
        clock: Clock = time.time,
    ) -> None:
        super().__init__(driver_class=TerminalDriver, ansi_color=True)
        self._poller = poller
        self._ledger = ledger
        self._read_only = read_only
        self._bell = bell
        self._clock = clock
        self._view = View(EngineStatus(), clock(), read_only=read_only)
        self._undrawn: EngineStatus | None = None
        """A status that waits until the terminal has taken the last output."""
        self._latest = EngineStatus()
        self._worker_targets = {HERE: WorkerTarget()}
        """By host."""
        self._pause_target = PauseTarget()
        self._kept = KeptOrders()
        self._typed = TypedKeys(self)
        self._typing: asyncio.Task[None] | None = None
        self._notifier = Notifier()
        self._message_timer: Timer | None = None
        self._message_page: BaseScreen | None = None
        """On which the message was shown."""
        self._message_status = EngineStatus()
        """What it was shown beside."""
        self.animation_level = "none"
        self.register_theme(TERMINAL)
        self.use_theme(theme.name)
        self._theme_problem = theme.problem

    def use_theme(self, name: str) -> None:
        """Draw in these colours from now on; `name` is one of THEMES."""
        is_own = THEMES[name].ansi
        if not is_own:
            self.ansi_theme_dark = self.ansi_theme_light = sixteen_colours(name)
        self.ansi_color = is_own
        self.theme = name

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
        self.show_result(ActionResult(text, good))

    def show_result(self, result: ActionResult) -> None:
        self._view = replace(self._view, result=result)
        self._message_page, self._message_status = self._screen_in_sight(), self._latest
        is_brief = not result.good or is_urgent(self._view.status)
        self._clear_message_after(_BRIEF_MESSAGE_S if is_brief else _MESSAGE_S)
        self._draw_message()

    def _clear_message_after(self, seconds: float) -> None:
        if self._message_timer is not None:
            self._message_timer.stop()
        self._message_timer = self.set_timer(seconds, self._clear_message)

    def _clear_message(self) -> None:
        if self._view.result is not None:
            self._view = replace(self._view, result=None)
            self._draw_message()

    def page_in_sight(self) -> None:
        if self._screen_in_sight() is not self._message_page:
            self._clear_message()

    def _clear_message_if_untrue(self, status: EngineStatus) -> None:
        result, beside = self._view.result, self._message_status
        if result is None:
            return
        if status.state in result.true_in:
            if is_urgent(status) and not is_urgent(beside):
                self._clear_message_after(_BRIEF_MESSAGE_S)
            self._message_status = status
        elif (status.connection, status.state) != (beside.connection, beside.state):
            self._clear_message()

    def may_change(self) -> bool:
        if self._read_only:
            self.show_message("Nothing was changed: the app is open with --read-only.", good=False)
        return not self._read_only

    def send_command(self, command: EngineCommand) -> None:
        if self.may_change():
            self._poller.send(command)

    # -- each key: KeyTaker ----

    async def on_event(self, event: Event) -> None:
        """Textual's hook: what is typed waits for what was typed before it."""
        if isinstance(event, Key | Paste) and not event.is_forwarded:
            self._typed.add(event)
        else:
            await super().on_event(event)

    @property
    def typed_keys_are_done(self) -> bool:
        return self._typed.are_done

    async def take_key(self, event: Event) -> None:
        await super().on_event(event)

    def pumps(self) -> list[MessagePump]:
        screen = self.screen
        inner = screen.focused.ancestors_with_self if screen.focused is not None else [screen, self]
        return list(inner)

    def is_leaving(self) -> bool:
        return self._exit or not self.is_running

    def is_preparing_a_question(self) -> bool:
        """Also while it does what was answered."""
        return bool(self._questions()) and not self.screen.is_modal

    def give_up_question(self) -> None:
        for worker in self._questions():
            worker.cancel()
        self.show_message(
            "The ledger has not answered for 10 s: nothing was asked and nothing was done.", good=False
        )

    def _questions(self) -> list[Worker[Any]]:
        return [worker for worker in self.workers if worker.group == QUESTIONS and not worker.is_finished]

    def what_is_read(self, event: Event) -> tuple[object, bool]:
        screen = self.screen
        if isinstance(screen, BaseScreen):
            return screen, screen.is_mounted and screen.is_read
        if isinstance(screen, CommandPalette) and isinstance(event, Key) and event.key == "enter":
            return screen, all(worker.is_finished for worker in self.workers if worker.node is screen)
        return screen, True

    def fail(self, error: Exception) -> None:
        self._handle_exception(error)

    # -- each status ----

    def on_mount(self) -> None:
        self._typing = asyncio.create_task(self._typed.work(), name="typed keys")
        self._poller.open(self.post_message)
        if self._theme_problem:
            self.show_message(self._theme_problem, good=False)

    def on_unmount(self) -> None:
        if self._typing is not None:
            self._typing.cancel()
        self._poller.close()
        self._ledger.close()

    def on_status_arrived(self, message: StatusArrived) -> None:
        status = self._latest = message.status
        is_waiting = self._undrawn is not None
        self._undrawn = status
        if not is_waiting:
            self._draw_when_ready()
        for order in self._kept.status_arrived(status):
            order.give()

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
            for target in self._worker_targets.values():
                target.snapshot_arrived(status.snapshot)
            self._pause_target.snapshot_arrived(status.snapshot)
        self._clear_message_if_untrue(status)
        self._view = replace(
            self._view,
            status=status,
            now=self._clock(),
        )
        self._draw_view()

    def _worker_target(self, host: str) -> WorkerTarget:
        return self._worker_targets.setdefault(host, WorkerTarget(host))

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
            self._worker_target(answer.command.request.host).answered(count, self._clock())
        if isinstance(answer.command.request, Pause | Resume):
            self._pause_target.answered(obeyed=answer.reply is not None, now=self._clock())
        self.show_result(answer.result)
        if isinstance(answer.command.request, StartEngine):
            not_given = self._kept.start_answered(started=answer.reply is not None)
            if not_given:
                self.show_message(f"{answer.result.text} Not given: {', '.join(not_given)}.", good=False)
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
