"""The dashboard: all panels at a glance, laid out for the size of the terminal."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from textual import work
from textual.geometry import Region
from textual.widget import Widget

from engine.control.snapshot import State
from tui.actions.registry import Scope, bindings
from tui.connection import engine_commands
from tui.screens.base import BaseScreen
from tui.screens.dialogs import QUESTIONS
from tui.screens.navigation import OpenBatch, OpenCause, OpenHost, OpenImage
from tui.screens.verdict_dialogs import NoteDialog, Opinion, approval_dialog
from tui.state.hosts import hosts_of, is_away
from tui.state.refusals import no_host, without_engine
from tui.state.status import ConnectionState, what_needs_you
from tui.state.view import View
from tui.widgets.batches import Batches
from tui.widgets.dashboard_layout import PanelName, PanelRows, arrange, left_columns
from tui.widgets.events import Events
from tui.widgets.failures import Failures, rows_needed
from tui.widgets.gpus import Gpus, gpu_rows
from tui.widgets.header import Header
from tui.widgets.memory import Memory
from tui.widgets.panel import Panel
from tui.widgets.run_account import RunPanel, account_lines, has_pace
from tui.widgets.selectable_panel import SelectablePanel
from tui.widgets.status_line import StatusLine
from tui.widgets.throughput import Throughput
from tui.widgets.workers import Workers


class PanelArea(Widget):
    """Holds the panels, each in its own region."""

    DEFAULT_CSS = "PanelArea { height: 1fr; } PanelArea > * { position: absolute; }"

    def compose(self) -> Iterable[Widget]:
        yield Header(id=PanelName.HEADER)
        yield RunPanel(id=PanelName.RUN)
        yield Workers(id=PanelName.WORKERS)
        yield Memory(id=PanelName.MEMORY)
        yield Throughput(id=PanelName.THROUGHPUT)
        yield Gpus(id=PanelName.GPUS)
        yield Failures(id=PanelName.FAILURES)
        yield Batches(id=PanelName.BATCHES)
        yield Events(id=PanelName.EVENTS)

    def place(self, regions: dict[PanelName, Region]) -> None:
        for name in PanelName:
            panel = self.query_one(f"#{name}", Panel)
            region = regions.get(name)
            panel.display = region is not None
            if region is not None:
                panel.styles.offset = region.offset
                panel.styles.width, panel.styles.height = region.size


class Dashboard(BaseScreen):
    SCOPE = Scope.DASHBOARD
    BINDINGS = bindings(Scope.DASHBOARD)
    AUTO_FOCUS = "Failures"

    _arranged: tuple[int, int, PanelRows] | None = None
    _waits_for_room: Widget | None = None
    """The panel that had the keys when it went out of sight."""

    def body(self) -> Iterable[Widget]:
        yield PanelArea()

    @property
    def scope_in_use(self) -> Scope:
        scopes = {Batches: Scope.BATCHES, Workers: Scope.WORKERS}
        return next((scope for kind, scope in scopes.items() if isinstance(self.focused, kind)), self.SCOPE)

    def on_descendant_focus(self) -> None:
        self.show_footer()

    def show(self, view: View) -> None:
        super().show(view)
        self._arrange(view)
        for panel in self.query(Panel):
            panel.show(view)

    def hint(self, view: View) -> str:
        hint = super().hint(view)
        runs = view.status.state is State.RUNNING and view.status.connection is ConnectionState.ENGINE
        return what_needs_you(view.snapshot) if not hint and runs and view.snapshot else hint

    def on_resize(self) -> None:
        super().on_resize()
        self._arrange(self.typed_app.view)

    def _arrange(self, view: View) -> None:
        """Only if the size or the number of rows has changed, because arranging repaints everything."""
        area = self.query_one(PanelArea)
        width, height = self.size.width, self.size.height - 1 - self.status_line.rows
        if width <= 0 or height <= 0:
            return
        arrangement = (width, height, self._rows_that_fit(view, width, height))
        if arrangement != self._arranged:
            self._arranged = arrangement
            area.place(arrange(*arrangement))
            self._keep_focus()

    def _keep_focus(self) -> None:
        """While a panel has no room, its keys are no other panel's: the same key would mean something else there."""
        if self.focused is not None and not self.focused.display:
            self._waits_for_room = self.focused
            self.set_focus(None)
        elif self.focused is None and self._waits_for_room is not None and self._waits_for_room.display:
            self.set_focus(self._waits_for_room)
        else:
            return
        self.show_footer()

    def _rows_that_fit(self, view: View, width: int, height: int) -> PanelRows:
        """With several hosts, their workers are folded unless all of them fit."""
        workers = self.query_one(Workers)
        rows = workers.rows_of(view.snapshot) if view.snapshot else None
        wanted = panel_rows(view, width)
        if rows is None or not rows.hosts:
            return wanted
        all_of_them = arrange(width, height, replace(wanted, workers=rows.if_unfolded))
        region = all_of_them.get(PanelName.WORKERS)
        workers.folds.automatic = region is None or region.height - 1 < rows.if_unfolded
        return replace(wanted, workers=rows.wanted)

    def action_next_section(self) -> None:
        self.focus_next()

    def action_previous_section(self) -> None:
        self.focus_previous()

    def action_host(self) -> None:
        view = self.typed_app.view
        under_cursor, hosts = self.query_one(Workers).host, hosts_of(view.snapshot)
        if hosts:
            self.post_message(OpenHost((under_cursor or hosts[0]).name))
        elif view.status.connection is not ConnectionState.ENGINE:
            why_not = without_engine(view.status, read_only=view.read_only)
            self.typed_app.show_message(why_not, good=False)
        else:
            self.typed_app.show_message(no_host(view.snapshot), good=False)

    def action_curve(self) -> None:
        if self.typed_app.view.status.record is None:
            self.typed_app.show_message("The ledger has no record of this run yet.", good=False)
        else:
            self.query_one(Throughput).toggle_curve()

    @work(exclusive=True, group=QUESTIONS)
    async def on_batches_signed_off(self, message: Batches.SignedOff) -> None:
        batch = message.batch
        if not self.typed_app.may_change():
            return
        standing = await self.ask(lambda reader: reader.standing(batch))
        if standing is None:
            return
        if not standing.account.done and standing.approval is None:
            self.typed_app.show_message(f"Nothing of {batch} is delivered yet.", good=False)
            return
        opinion = await self.app.push_screen_wait(approval_dialog(standing))
        if opinion is None:
            return
        what = f"Approve {batch}?" if opinion is Opinion.APPROVE else f"Withdraw the approval of {batch}?"
        note = await self.app.push_screen_wait(NoteDialog(what))
        if note is not None:
            command = (
                engine_commands.approve(standing, note)
                if opinion is Opinion.APPROVE
                else engine_commands.withdraw_approval(batch, note)
            )
            self.typed_app.send_command(command)

    def on_status_line_height_changed(self, event: StatusLine.HeightChanged) -> None:
        self._arrange(self.typed_app.view)

    def on_workers_folded(self) -> None:
        self._arrange(self.typed_app.view)

    def on_workers_host_reached(self) -> None:
        host = self.query_one(Workers).host
        self.query_one(Memory).show_host(host.name if host is not None else "")

    def on_workers_no_worker(self, message: Workers.NoWorker) -> None:
        name = message.host.name
        words = f"{name} is a host: space shows its workers, and x and X are for one of them."
        if is_away(message.host):
            words = f"{name} is not there, and has no workers: h shows what is known of it."
        self.typed_app.show_message(words, good=False)

    def on_workers_opened(self, message: Workers.Opened) -> None:
        worker = message.worker
        if worker.image_id is None:
            self.typed_app.show_message(f"Worker {worker.key} has no image now.", good=False)
        else:
            self.post_message(OpenImage(worker.image_id))

    def on_selectable_panel_row_opened(self, event: SelectablePanel.RowOpened) -> None:
        if isinstance(event.panel, Batches):
            self.post_message(OpenBatch(event.key))
        else:
            self.post_message(OpenCause(event.key))


def panel_rows(view: View, width: int) -> PanelRows:
    """What there is to show, on a terminal of this width."""
    snapshot = view.snapshot
    if snapshot is None:
        return PanelRows(0, 0, 0)
    causes = [cause for cause, count in snapshot.failures_by_cause.items() if count]
    run = view.status.run
    run_rows = len(account_lines(run, width)[0]) if run is not None and snapshot.engine is None else 0
    record = view.status.record
    run_rows += bool(run_rows and record is not None and has_pace(record))
    remedies = rows_needed(causes, width if run_rows else left_columns(width))
    rows = len(snapshot.workers), len(snapshot.batches), len(causes), remedies, run_rows
    return PanelRows(*rows, gpu_rows(snapshot))
