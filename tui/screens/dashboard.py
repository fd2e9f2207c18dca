"""The dashboard: everything at a glance, arranged for the terminal it finds."""

from __future__ import annotations

from collections.abc import Iterable

from textual.geometry import Region
from textual.message import Message
from textual.widget import Widget

from tui.actions.registry import Place, bindings
from tui.screens.base import Page
from tui.state.view import View
from tui.widgets.batches import Batches
from tui.widgets.dashboard_layout import Needs, Section, arrange
from tui.widgets.events import Events
from tui.widgets.failures import Failures
from tui.widgets.header import Header
from tui.widgets.memory import Memory
from tui.widgets.panel import Section as SectionWidget
from tui.widgets.selectable_panel import Menu
from tui.widgets.status_line import Told
from tui.widgets.throughput import Throughput
from tui.widgets.workers import Workers


class Board(Widget):
    """Holds the sections, each at its own place."""

    DEFAULT_CSS = "Board { height: 1fr; } Board > * { position: absolute; }"

    def compose(self) -> Iterable[Widget]:
        yield Header(id=Section.HEADER)
        yield Workers(id=Section.WORKERS)
        yield Memory(id=Section.MEMORY)
        yield Throughput(id=Section.THROUGHPUT)
        yield Failures(id=Section.FAILURES)
        yield Batches(id=Section.BATCHES)
        yield Events(id=Section.EVENTS)

    def place(self, regions: dict[Section, Region]) -> None:
        for section in Section:
            widget = self.query_one(f"#{section}", SectionWidget)
            region = regions.get(section)
            widget.display = region is not None
            if region is not None:
                widget.styles.offset = region.offset
                widget.styles.width, widget.styles.height = region.size


class Dashboard(Page):
    PLACE = Place.DASHBOARD
    BINDINGS = bindings(Place.DASHBOARD)
    AUTO_FOCUS = "Failures"

    class ShowBatch(Message):
        def __init__(self, batch: str) -> None:
            super().__init__()
            self.batch = batch

    class ShowCause(Message):
        def __init__(self, cause: str) -> None:
            super().__init__()
            self.cause = cause

    _arranged: tuple[int, int, Needs] | None = None

    def body(self) -> Iterable[Widget]:
        yield Board()

    def show(self, view: View) -> None:
        super().show(view)
        self._arrange(view)
        for section in self.query(SectionWidget):
            section.show(view)

    def on_resize(self) -> None:
        super().on_resize()
        self._arrange(self.host.view)

    def _arrange(self, view: View) -> None:
        """Only when the size or the number of rows has changed: arranging repaints everything."""
        board = self.query_one(Board)
        width, height = self.size.width, self.size.height - 1 - self.told.rows
        wanted = (width, height, needs(view))
        if wanted != self._arranged and width > 0 and height > 0:
            self._arranged = wanted
            board.place(arrange(*wanted))

    def on_told_grown(self, event: Told.Grown) -> None:
        self._arrange(self.host.view)

    def on_menu_opened(self, event: Menu.Opened) -> None:
        if isinstance(event.menu, Batches):
            self.app.post_message(self.ShowBatch(event.key))
        else:
            self.app.post_message(self.ShowCause(event.key))


def needs(view: View) -> Needs:
    snapshot = view.snapshot
    if snapshot is None:
        return Needs(0, 0, 0)
    causes = sum(1 for _, count in snapshot.failures_by_cause if count)
    return Needs(len(snapshot.workers), len(snapshot.batches), causes)
