"""The app: what its keys do, which screens it opens, and how it is run."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from typing import Any, ClassVar

from textual import work
from textual.binding import BindingType
from textual.command import CommandPalette, Provider
from textual.screen import Screen

from engine.control.process_snapshots import WorkerSnapshot
from engine.control.snapshot import BatchSnapshot, State
from engine.failures import UserError, system_error_text
from engine.ledger.account import Account
from engine.ledger.batch_order import BatchMove
from engine.ledger.reader import LedgerReader
from engine.workspace import Workspace
from tui import theme_choice
from tui.actions.registry import Scope, bindings
from tui.base_app import BaseApp
from tui.connection import engine_commands
from tui.connection.ledger_thread import ImageQuery, LedgerThread
from tui.connection.poller import WorkspacePoller
from tui.crash import crash_of, crashes_logged
from tui.screens.base import BaseScreen
from tui.screens.command_palette import ActionProvider, ThemeProvider
from tui.screens.dashboard import Dashboard
from tui.screens.dialogs import QUESTIONS, ConfirmDialog
from tui.screens.event_list import EventList
from tui.screens.failed_list import FailedList
from tui.screens.help import Help
from tui.screens.host_page import HostScreen
from tui.screens.image_detail import ImageDetail
from tui.screens.image_list import ImageList
from tui.screens.navigation import FindImages, OpenBatch, OpenCause, OpenHost, OpenImage, OpenRepresentation
from tui.screens.representation import RepresentationScreen
from tui.state.hosts import HERE, hosts_of, is_away
from tui.state.refusals import (
    cannot_start,
    drain_facts,
    drain_host_facts,
    forget_host_facts,
    hold_facts,
    skip_facts,
    stop_facts,
    without_engine,
)
from tui.state.status import ConnectionState, is_outside_hours
from tui.terminal.tty import HangUpWatch, require_terminal
from tui.widgets.batches import Batches
from tui.widgets.workers import Workers


class PhotostatApp(BaseApp):
    TITLE = "photostat"
    CSS_PATH = "photostat.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [*bindings(Scope.ANYWHERE)]
    COMMANDS: ClassVar[set[type[Provider] | Callable[[], type[Provider]]]] = {ActionProvider}
    ENABLE_COMMAND_PALETTE = False
    """Textual would bind a key of its own to it; `action_palette` opens it."""

    def get_default_screen(self) -> Screen[Any]:
        return Dashboard()

    # -- screens ----

    def action_failures(self) -> None:
        self._open_list(FailedList(ImageQuery(state="failed")))

    def action_images(self) -> None:
        self._open_list(ImageList(ImageQuery()))

    def action_events(self) -> None:
        self._open_list(EventList())

    def action_help(self) -> None:
        if not isinstance(self.screen, Help):
            page = self.screen.SCOPE if isinstance(self.screen, BaseScreen) else Scope.DASHBOARD
            self.push_screen(Help(page))

    def action_palette(self) -> None:
        if not isinstance(self.screen, CommandPalette):
            self.push_screen(CommandPalette())

    def action_theme(self) -> None:
        if self.no_color:
            self.show_message("NO_COLOR is set: without it there are themes.", good=False)
        elif not isinstance(self.screen, CommandPalette):
            self.push_screen(CommandPalette(providers=[ThemeProvider], placeholder="Search for themes…"))

    def choose_theme(self, name: str) -> None:
        self.use_theme(name)
        try:
            theme_choice.remember(name)
        except OSError as error:
            why = system_error_text(error)
            self.show_message(f"Theme {name}, until you leave; it cannot be remembered: {why}.", good=False)
            return
        again = (
            f"; at the next start {theme_choice.VARIABLE} decides"
            if os.environ.get(theme_choice.VARIABLE)
            else ""
        )
        self.show_message(f"Theme {name}{again}.")

    def on_open_cause(self, message: OpenCause) -> None:
        self._open_list(FailedList(ImageQuery(state="failed", cause=message.cause)))

    def on_open_batch(self, message: OpenBatch) -> None:
        self._open_list(ImageList(ImageQuery(batch=message.batch)))

    def on_find_images(self, message: FindImages) -> None:
        self._open_list(ImageList(ImageQuery(), finds=True))

    def on_open_image(self, message: OpenImage) -> None:
        self.push_screen(ImageDetail(message.image_id))

    def on_open_host(self, message: OpenHost) -> None:
        self.push_screen(HostScreen(message.host))

    def on_open_representation(self, message: OpenRepresentation) -> None:
        self.push_screen(RepresentationScreen(message.uuid))

    def _open_list(self, screen: BaseScreen) -> None:
        """Replaces all screens above the dashboard, so that esc leads back to it."""
        while len(self.screen_stack) > 2:
            self.pop_screen()
        if len(self.screen_stack) > 1:
            self.switch_screen(screen)
        else:
            self.push_screen(screen)

    # -- commands to the engine ----

    def action_pause(self) -> None:
        if not self._can_give("pause", self.action_pause):
            return
        snapshot = self._latest.snapshot
        is_paused = self._pause_target.is_paused(snapshot)
        hold = snapshot.hold if snapshot else None
        self._pause_target.sent(paused=not is_paused)
        self.send_command(engine_commands.resume(hold) if is_paused else engine_commands.pause())

    @work(exclusive=True, group=QUESTIONS)
    async def action_drain(self) -> None:
        if not self._can_give("drain", self.action_drain):
            return
        if self._latest.state is State.DRAINING:
            self.show_message("The engine is draining already. S stops it now.", good=False)
            return
        facts = drain_facts(self._latest.snapshot.totals if self._latest.snapshot else Account())
        if await self.push_screen_wait(ConfirmDialog("Drain and end the engine?", facts, "drain it")):
            self.send_command(engine_commands.drain())

    def action_more_workers(self) -> None:
        self._change_workers("one more worker", 1)

    def action_fewer_workers(self) -> None:
        self._change_workers("one worker fewer", -1)

    def _change_workers(self, name: str, by: int) -> None:
        """On the page of a host, of that one."""
        host = self.screen.host if isinstance(self.screen, HostScreen) else HERE
        where = "" if host == HERE else f" on {host}"
        if not self._can_give(f"{name}{where}", lambda: self._send_workers(host, by)):
            return
        self._send_workers(host, by)

    def _send_workers(self, host: str, by: int) -> None:
        hosts, target = hosts_of(self._latest.snapshot), self._worker_target(host)
        count = target.count(self._latest.snapshot) + by
        if hosts and host not in [one.name for one in hosts if not is_away(one)]:
            words = "This machine converts nothing" if host == HERE else f"{host} is not there"
            self.show_message(
                f"{words}: nothing was changed. h shows a host, and + and - are its there.", good=False
            )
        elif count < 1:
            self.show_message(
                f"One worker is the fewest. {'p pauses' if host == HERE else 'D drains it'}.", good=False
            )
        else:
            target.sent(count)
            self.send_command(engine_commands.set_workers(count, host))

    @work(exclusive=True, group=QUESTIONS)
    async def action_stop(self) -> None:
        if not self._can_give("stop", self.action_stop):
            return
        snapshot = self._latest.snapshot
        in_flight, waiting = (snapshot.totals.in_flight, snapshot.store.waiting) if snapshot else (0, 0)
        facts = stop_facts(in_flight, waiting, draining=self._latest.state is State.DRAINING)
        if await self.push_screen_wait(ConfirmDialog("Stop the engine?", facts, "stop it")):
            self.send_command(engine_commands.stop())

    # -- orders about one host ----

    @work(exclusive=True, group=QUESTIONS)
    async def on_host_screen_drained(self, message: HostScreen.Drained) -> None:
        name, host = message.name, message.host
        if name == HERE or host is None or is_away(host):
            why_not = (
                "it is the engine's own machine, d drains the engine" if name == HERE else "it is not there"
            )
            self.show_message(f"{name} cannot be drained: {why_not}.", good=False)
        elif self._can_give(f"drain {name}", lambda: self.on_host_screen_drained(message)):
            question = ConfirmDialog(f"Drain {name}?", drain_host_facts(host), "drain it")
            if await self.push_screen_wait(question):
                self.send_command(engine_commands.drain_host(name))

    @work(exclusive=True, group=QUESTIONS)
    async def on_host_screen_forgotten(self, message: HostScreen.Forgotten) -> None:
        name = message.name
        if name == HERE:
            self.show_message(f"{name} is the engine's own machine: it cannot be forgotten.", good=False)
        elif self._can_give(f"forget {name}", lambda: self.on_host_screen_forgotten(message)):
            question = ConfirmDialog(f"Forget {name}?", forget_host_facts(message.host), "forget it")
            if await self.push_screen_wait(question):
                self.send_command(engine_commands.forget_host(name))

    # -- orders about the image of one worker ----

    def on_workers_skipped(self, message: Workers.Skipped) -> None:
        self._skip(message.worker, fail=False)

    def on_workers_stopped(self, message: Workers.Stopped) -> None:
        self._skip(message.worker, fail=True)

    @work(exclusive=True, group=QUESTIONS)
    async def _skip(self, worker: WorkerSnapshot, *, fail: bool) -> None:
        """`worker` as it was shown: if it has another image when the answer comes, the engine refuses."""
        what = "stop" if fail else "skip"
        if worker.image_id is None:
            self.show_message(
                f"There is nothing to {what}: worker {worker.key} has no image now.", good=False
            )
        elif self._can_give(f"{what} image {worker.image_id}", lambda: self._skip(worker, fail=fail)):
            question = f"{what.capitalize()} image {worker.image_id}, {worker.image}?"
            facts = skip_facts(worker, fail=fail)
            if await self.push_screen_wait(ConfirmDialog(question, facts, f"{what} it")):
                self.send_command(
                    engine_commands.skip(worker.image_id, worker.image, worker.started, fail=fail)
                )

    # -- orders about batches: to the engine, or without one into the ledger ----

    def on_batches_moved(self, message: Batches.Moved) -> None:
        self._move_batch(message.batch, message.to)

    def on_batches_held(self, message: Batches.Held) -> None:
        self._hold_batch(message.batch)

    def on_batches_released(self, message: Batches.Released) -> None:
        self._release_batch(message.batch)

    def _move_batch(self, batch: str, to: BatchMove) -> None:
        if self._can_arrange(f"move {batch}", lambda: self._move_batch(batch, to)):
            self.send_command(engine_commands.move_batch(batch, to))

    @work(exclusive=True, group=QUESTIONS)
    async def _hold_batch(self, batch: str) -> None:
        if not self._can_arrange(f"hold {batch}", lambda: self._hold_batch(batch)):
            return
        found = self._batch(batch)
        if found is None or found.held is not None:
            self.show_message(f"{batch} is held already. r releases it.", good=False)
        elif await self.push_screen_wait(ConfirmDialog(f"Hold {batch}?", hold_facts(found), "hold it")):
            self.send_command(engine_commands.hold_batch(batch))

    def _release_batch(self, batch: str) -> None:
        if self._can_arrange(f"release {batch}", lambda: self._release_batch(batch)):
            self.send_command(engine_commands.release_batch(batch))

    def _batch(self, name: str) -> BatchSnapshot | None:
        batches = self._latest.snapshot.batches if self._latest.snapshot else ()
        return next((batch for batch in batches if batch.name == name), None)

    def _can_arrange(self, name: str, give: Callable[[], object]) -> bool:
        """As `_can_give`, but without an engine too."""
        if self._latest.connection is ConnectionState.LEDGER and not self._kept.must_wait(self._latest):
            return self.may_change()
        return self._can_give(name, give)

    def action_start(self) -> None:
        if self._kept.is_starting:
            self.show_message("The engine is starting already.", good=False)
        elif self._latest.connection is ConnectionState.WAITING and self.may_change():
            self._keep("start", self.action_start)
        elif is_outside_hours(self._latest.snapshot) and self._can_give("start", self.action_start):
            self.send_command(engine_commands.resume())
        elif (why_not := cannot_start(self._latest)) is not None:
            self.show_message(why_not, good=False)
        elif self.may_change():
            self.show_message("Starting the engine …")
            self._kept.start_sent()
            self.send_command(engine_commands.start())

    def _can_give(self, name: str, give: Callable[[], object]) -> bool:
        """Whether an engine can take an order; keeps it if that is not known yet, and else shows why not."""
        must_wait = self._kept.must_wait(self._latest)
        if not must_wait and self._latest.connection is not ConnectionState.ENGINE:
            self.show_message(without_engine(self._latest, read_only=self._read_only), good=False)
            return False
        if self.may_change() and must_wait:
            self._keep(name, give)
        return not (must_wait or self._read_only)

    def _keep(self, name: str, give: Callable[[], object]) -> None:
        self._kept.keep(name, give)
        self.show_message(f"{name}: kept until the engine answers.")

    # -- the app itself ----

    def action_freeze(self) -> None:
        if self._view.frozen_at is None:
            self._view = replace(self._view, frozen_at=self._clock())
            self.show_message("The display is frozen; the engine keeps running. z unfreezes it.")
            self._draw_view()
        else:
            self._view = replace(self._view, frozen_at=None)
            self.show_message("The display is live again.")
            self._update_view(self._latest)

    def action_leave(self) -> None:
        self.exit(0)

    def action_help_quit(self) -> None:
        """Textual's action for Ctrl-C: shows the keys that leave the app and stop the engine."""
        stop = "" if self._read_only else " S stops the engine."
        self.show_message(
            f"Ctrl-C does nothing here: q leaves, and the engine keeps running.{stop}", good=False
        )

    @property
    def farewell(self) -> str:
        """The line to print on the shell after the app has ended; empty if there is nothing to say."""
        engine = self._latest.snapshot.engine if self._latest.snapshot else None
        if self._latest.connection is not ConnectionState.ENGINE or engine is None:
            return ""
        return f"The engine keeps running (pid {engine.pid}). `photostat` shows it again, `photostat stop` ends it."


def run(
    workspace: Workspace, *, read_only: bool = False, bell: bool | None = None, farewell: bool = True
) -> int:
    """Shows the app until the person leaves; returns the exit code.

    Raises UserError if there is no terminal, AppCrash if the app ended with an error. `bell` None is the setting;
    with `farewell` False nothing is printed at the end."""
    require_terminal()
    theme = theme_choice.chosen_theme()
    app = PhotostatApp(
        WorkspacePoller(workspace),
        LedgerThread(lambda: LedgerReader(workspace)),
        read_only=read_only,
        bell=_bell_setting(workspace) if bell is None else bell,
        theme=theme,
    )
    with HangUpWatch(), crashes_logged(workspace.logs_dir / "app.log") as log:
        code = app.run(mouse=False)
        if app.crash is not None:
            raise crash_of(app.crash, log)
    if farewell and app.farewell:
        print(app.farewell)
    return code if code is not None else app.return_code or 0


def _bell_setting(workspace: Workspace) -> bool:
    """False if the settings have an error: the engine refuses those, and the app must open all the same."""
    try:
        return workspace.config().notify.bell
    except UserError:
        return False
