"""The app's dashboard and failure list once more, made of Textual's own widgets; for `bench.terminal_bytes`.

    python -m bench.textual_widgets still | dashboard
    python -m bench.textual_widgets list WORKSPACE

They show what the app shows, from the same feed, with Textual's DataTable, Footer, Static and containers, and with
the app's own theme and driver. A cell or line is updated only when it has changed: what a careful author would write.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import ClassVar

from msgspec import structs
from rich.text import Text
from textual.app import App, ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical
from textual.coordinate import Coordinate
from textual.widgets import DataTable, Footer, Static

from engine import formatting
from engine.control.snapshot import Snapshot
from engine.ledger.filters import ImageFilter
from engine.ledger.reader import LedgerReader
from engine.workspace import Workspace
from tests.support.statuses import engine_status, running
from tui.actions.registry import Scope, bindings
from tui.state.view import View
from tui.terminal.tty import HangUpWatch, TerminalDriver
from tui.theme import TERMINAL
from tui.widgets import header, memory, throughput
from tui.widgets.chart import images_curve
from tui.widgets.failures import remedy_of
from tui.widgets.image_columns import name_of
from tui.widgets.line_widget import line
from tui.widgets.row_details import detail_lines

_STYLE = """
Screen { layout: vertical; background: ansi_default; color: ansi_default; overflow: hidden; }
DataTable { height: auto; background: ansi_default; overflow: hidden; scrollbar-size: 0 0; }
DataTable > .datatable--cursor { text-style: reverse; background: ansi_default; color: ansi_default; }
DataTable > .datatable--header { text-style: dim; background: ansi_default; color: ansi_default; }
#workers { height: 9; } #batches { height: 4; } #failures { height: 4; }
#images { height: 1fr; } #details { height: 4; }
Horizontal { height: 3; } Horizontal > Vertical { width: 1fr; }
Footer { background: ansi_default; color: ansi_default; }
"""


class _App(App[int]):
    CSS = _STYLE
    ENABLE_COMMAND_PALETTE = False

    def __init__(self) -> None:
        super().__init__(driver_class=TerminalDriver, ansi_color=True)
        self.animation_level = "none"
        self.register_theme(TERMINAL)
        self.theme = TERMINAL.name
        self._shown: dict[str, str] = {}

    def show(self, line_id: str, text: Text) -> None:
        if self._shown.get(line_id) != text.markup:
            self._shown[line_id] = text.markup
            self.query_one(f"#{line_id}", Static).update(text)


def _update(table: DataTable[Text], rows: Sequence[Sequence[str]]) -> None:
    """Writes the cells that have changed; the number of rows stays the same."""
    for y, row in enumerate(rows):
        for x, cell in enumerate(row):
            at = Coordinate(y, x)
            if table.get_cell_at(at).plain != cell:
                table.update_cell_at(at, Text(cell))


def _texts(row: Sequence[str]) -> list[Text]:
    """Cells as texts, because a DataTable takes a string for markup."""
    return [Text(cell) for cell in row]


class DashboardApp(_App):
    BINDINGS: ClassVar[list[BindingType]] = [*bindings(Scope.DASHBOARD), *bindings(Scope.ANYWHERE)]
    AUTO_FOCUS = "#failures"
    _tick = 0

    def __init__(self, *, is_still: bool) -> None:
        super().__init__()
        self._is_still = is_still

    def compose(self) -> ComposeResult:
        for name in ("state", "progress", "figures"):
            yield Static(id=name, markup=False)
        yield DataTable(id="workers", cursor_type="none", show_header=False)
        with Horizontal():
            for panel in ("memory", "throughput"):
                with Vertical():
                    for number in range(3):
                        yield Static(id=f"{panel}{number}", markup=False)
        yield DataTable(id="failures", cursor_type="row", show_header=False)
        yield DataTable(id="batches", cursor_type="row", show_header=False)
        yield Static(id="hint", markup=False)
        yield Footer(compact=True, show_command_palette=False)

    def on_mount(self) -> None:
        self._began = time.time()
        snapshot = structs.replace(running(), time=self._began)
        for name, rows, widths in (
            ("workers", _worker_rows(snapshot), (2, 9, 28, 9, 7, 12)),
            ("failures", _failure_rows(snapshot), (7, 19, 48)),
            ("batches", _batch_rows(snapshot), (12, 8, 18, 18)),
        ):
            table = self.query_one(f"#{name}", DataTable)
            for width in widths:
                table.add_column("", width=width)
            table.add_rows(map(_texts, rows))
        self._draw(snapshot)
        if not self._is_still:
            self.set_interval(1.0, self._next)

    def _next(self) -> None:
        self._tick += 1
        self._draw(structs.replace(running(tick=self._tick), time=self._began + self._tick))

    def _draw(self, snapshot: Snapshot) -> None:
        view = View(engine_status(snapshot), time.time())
        width, half = self.size.width, self.size.width // 2
        self.show("state", header.state_line(view, width))
        self.show("progress", header.progress_line(view, width))
        self.show("figures", header.figures_line(view, width))
        self.show("memory0", line(*memory.memory_bar(snapshot.memory, half)))
        self.show("memory1", memory.figures_lines(snapshot.memory)[0])
        self.show("memory2", memory.figures_lines(snapshot.memory)[1])
        self.show(
            "throughput0", throughput.images_line(snapshot, half, partial(images_curve, snapshot.recent))[1]
        )
        self.show("throughput1", throughput.rates_line(snapshot, half))
        self.show("throughput2", throughput.saved_line(snapshot, half))
        _update(self.query_one("#workers", DataTable), _worker_rows(snapshot))
        _update(self.query_one("#failures", DataTable), _failure_rows(snapshot))
        _update(self.query_one("#batches", DataTable), _batch_rows(snapshot))


def _worker_rows(snapshot: Snapshot) -> list[list[str]]:
    return [
        [
            str(worker.slot),
            worker.phase,
            worker.image,
            formatting.megapixels(worker.megapixels),
            formatting.short_duration(worker.seconds),
            f"{formatting.short_memory(worker.rss_bytes)}/{formatting.short_memory(worker.predicted_bytes)}",
        ]
        for worker in snapshot.workers
    ]


def _failure_rows(snapshot: Snapshot) -> list[list[str]]:
    causes = snapshot.failures_by_cause.items()
    return [[formatting.integer(count), cause, remedy_of(cause)] for cause, count in causes]


def _batch_rows(snapshot: Snapshot) -> list[list[str]]:
    rows = []
    for batch in snapshot.batches:
        account = batch.account
        ready = account.done_or_accepted
        rows.append(
            [
                batch.name,
                formatting.percent(ready, account.rows),
                f"{formatting.integer(ready)}/{formatting.integer(account.rows)}",
                f"{formatting.integer(account.failed)} failed",
            ]
        )
    return rows


class ListApp(_App):
    """All failed images in a DataTable, which takes every row at once."""

    BINDINGS: ClassVar[list[BindingType]] = [*bindings(Scope.FAILED), *bindings(Scope.ANYWHERE)]

    def __init__(self, root: Path) -> None:
        super().__init__()
        with LedgerReader(Workspace(root)) as reader:
            self._images = list(reader.iterate(ImageFilter(state="failed")))

    def compose(self) -> ComposeResult:
        yield Static("Failures", id="heading", markup=False)
        yield DataTable(id="images", cursor_type="row")
        yield Static(id="details", markup=False)
        yield Static(id="hint", markup=False)
        yield Footer(compact=True, show_command_palette=False)

    def on_mount(self) -> None:
        table = self.query_one("#images", DataTable)
        for name, width in (("image", 44), ("cause", 18), ("tries", 5)):
            table.add_column(name, width=width)
        table.add_rows(
            _texts([name_of(image), image.cause or "", str(image.attempts)]) for image in self._images
        )

    def on_data_table_row_highlighted(self, event: DataTable.RowHighlighted) -> None:
        details = detail_lines(self._images[event.cursor_row], self.size.width, 3)
        rule = Text("─" * self.size.width, "dim")
        self.show("details", Text("\n").join([rule, *details]))


def main() -> None:
    name = sys.argv[1]
    app: App[int] = ListApp(Path(sys.argv[2])) if name == "list" else DashboardApp(is_still=name == "still")
    with HangUpWatch():
        app.run(mouse=False)


if __name__ == "__main__":
    main()
