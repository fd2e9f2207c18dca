"""A row a worker: its phase, image and size, its time and memory against their predictions; keys skip or stop one.

With several hosts, each has a row of its own above its workers, which folds them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from rich.text import Text
from textual.binding import BindingType
from textual.message import Message

from engine import formatting
from engine.control.process_snapshots import WorkerSnapshot
from engine.control.snapshot import HostSnapshot, Snapshot
from engine.failures import Stage
from tui.actions.registry import Scope, widget_bindings
from tui.state.hosts import is_away, several_hosts
from tui.state.steady_facts import short_space
from tui.state.view import View
from tui.state.worker_rows import HostFolds, WorkerRows, head_key
from tui.terminal.text import Keep, bar, padded, right_aligned
from tui.widgets.host_lines import HostColumns, host_line
from tui.widgets.line_widget import BAD, BUSY, GOOD, LABEL, STRONG, WARNING, line, title
from tui.widgets.selectable_panel import SelectablePanel

_PHASE, _SIZE, _TIME, _MEMORY, _BAR = 10, 9, 8, 12, 6
_OF = 7
"""Columns of the predicted time, where there is room for it."""
_SLOT = 3
_NAME = 22
"""The least room for the image's name before bars and size are left out."""
PHASES = {
    Stage.READING: BUSY,
    Stage.VALIDATING: BUSY,
    Stage.ENCODING: "magenta",
    Stage.PROVING: GOOD,
}
"""The hue of each phase; what takes longest, decoding, is plain."""


class WorkerMessage(Message):
    """A key was pressed at a worker, as it was shown then."""

    def __init__(self, worker: WorkerSnapshot) -> None:
        super().__init__()
        self.worker = worker


class Workers(SelectablePanel):
    BINDINGS: ClassVar[list[BindingType]] = widget_bindings(Scope.WORKERS)

    class Skipped(WorkerMessage):
        """Its image is to wait behind all others."""

    class Stopped(WorkerMessage):
        """Its image is to fail."""

    class Opened(WorkerMessage):
        """Its image is to be shown."""

    class NoWorker(Message):
        """A key of a worker was pressed at a host."""

        def __init__(self, host: HostSnapshot) -> None:
            super().__init__()
            self.host = host

    class Folded(Message):
        """There are more rows or fewer."""

    class HostReached(Message):
        """The cursor is at another host, or at one of its workers."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.folds = HostFolds()
        self._rows: WorkerRows | None = None
        self._rows_of: Snapshot | None = None

    def rows_of(self, snapshot: Snapshot) -> WorkerRows:
        if self._rows is None or self._rows_of is not snapshot:
            self._rows, self._rows_of = WorkerRows(snapshot, self.folds), snapshot
        return self._rows

    @property
    def rows(self) -> WorkerRows | None:
        return self.rows_of(self.view.snapshot) if self.view and self.view.snapshot else None

    @property
    def host(self) -> HostSnapshot | None:
        """The one that the cursor is at; None where there are no rows of hosts."""
        return self.rows.host_of(self.current) if self.rows else None

    def keys(self, view: View) -> list[str]:
        return self.rows_of(view.snapshot).keys if view.snapshot else []

    def place(self, keys: Sequence[str]) -> int:
        """If a worker is gone or folded, its host."""
        host = self.rows.host_of(self.cursor) if self.rows and self.cursor not in keys else None
        return keys.index(head_key(host.name)) if host is not None else super().place(keys)

    def last_of(self, keys: Sequence[str], at: int) -> int:
        """Of a host, its last worker."""
        hosts = self.rows.hosts if self.rows else {}
        if keys[at] in hosts:
            at = next((below for below in range(at + 1, len(keys)) if keys[below] in hosts), len(keys)) - 1
        return at

    def heading_of(self, key: str) -> str | None:
        host = self.rows.host_of(key) if self.rows else None
        return None if host is None else head_key(host.name)

    def head(self, view: View, columns: int, shown: int, count: int) -> Text:
        note = workers_note(view.snapshot, shown, count) if view.snapshot else ""
        return title("Workers", columns, note)

    def row(self, view: View, key: str, columns: int) -> Text:
        assert view.snapshot is not None
        rows = self.rows_of(view.snapshot)
        if (host := rows.hosts.get(key)) is not None:
            shared = HostColumns.of(tuple(rows.hosts.values()), view.snapshot.state, view.now)
            folded = self.folds.is_folded(host.name)
            return host_line(host, columns, shared, view.snapshot.state, view.now, folded=folded)
        return worker_line(rows.workers[key], columns, rows.slot_columns)

    def empty_row(self, view: View) -> Text:
        return line((" none run", LABEL)) if view.snapshot else line("")

    def action_page(self, by: int) -> None:
        self.action_move(by * max(1, self.size.height - 2))

    def action_move(self, by: int) -> None:
        before = self.host
        super().action_move(by)
        if self.host is not before:
            self.post_message(self.HostReached())

    def action_open(self) -> None:
        if self.rows and self.current in self.rows.hosts:
            self.action_fold()
        else:
            self._post(self.Opened)

    def action_fold(self, folded: bool | None = None) -> None:
        """Or the other way round, if it is not said which."""
        if (host := self.host) is None:
            return
        if is_away(host):
            self.post_message(self.NoWorker(host))
            return
        self.cursor = self.current
        is_folded = self.folds.is_folded(host.name)
        self.folds.choose(host.name, folded=not is_folded if folded is None else folded)
        if self.folds.is_folded(host.name) is not is_folded:
            self.post_message(self.Folded())
            self.redraw()

    def action_skip_image(self) -> None:
        self._post(self.Skipped)

    def action_stop_image(self) -> None:
        self._post(self.Stopped)

    def _post(self, message: type[WorkerMessage]) -> None:
        worker = self.rows.workers.get(self.current or "") if self.rows else None
        if worker is not None:
            self.post_message(message(worker))
        elif (host := self.host) is not None:
            self.post_message(self.NoWorker(host))


def workers_note(snapshot: Snapshot, shown: int, rows: int | None = None) -> str:
    """How many are busy, there, wanted and not shown, what waits for the store, and the space there is."""
    count = len(snapshot.workers)
    hosts = several_hosts(snapshot)
    busy = sum(1 for worker in snapshot.workers if worker.image_id is not None)
    overdue = sum(1 for worker in snapshot.workers if worker.overdue)
    parts = [hosts_note(hosts)] if hosts else []
    if count:
        parts.append(f"{busy} of {count} at work")
    if overdue:
        parts.append(f"{overdue} overdue")
    wanted = sum(host.workers for host in hosts if not is_away(host)) if hosts else snapshot.workers_wanted
    if wanted and wanted != count:
        parts.append(f"{wanted} wanted")
    if more := max(0, (count if rows is None else rows) - shown):
        parts.append(f"{more} more not shown")
    if snapshot.store.waiting:
        waiting = formatting.data_size(snapshot.store.waiting_bytes)
        parts.append(f"{snapshot.store.waiting} for the store, {waiting}")
    if free := short_space(snapshot.volumes):
        parts.append(free)
    return ", ".join(parts)


def hosts_note(hosts: Sequence[HostSnapshot]) -> str:
    """`3 hosts`, or `2 of 3 hosts` if one is not there."""
    there = sum(not is_away(host) for host in hosts)
    count = formatting.counted(len(hosts), "host")
    return count if there == len(hosts) else f"{there} of {count}"


def _image(worker: WorkerSnapshot) -> str:
    """Its name, and that it hangs."""
    if worker.hangs_s is None:
        return worker.image
    return f"no read for {formatting.duration(worker.hangs_s)}: {worker.image}"


def worker_line(worker: WorkerSnapshot, columns: int, slot_columns: int = _SLOT) -> Text:
    """Columns that line up: slot, phase, seconds of those predicted, memory now/predicted, megapixels, image.

    What changes stands first: a terminal is sent a line up to its last change. A narrow line leaves out the size first,
    which the image's detail has, and the bars then."""
    slot = right_aligned(str(worker.slot), slot_columns - 1) + " "
    if worker.image_id is None:
        rss = right_aligned(formatting.short_memory(worker.rss_bytes), _MEMORY // 2)
        middle = columns - slot_columns - _MEMORY // 2
        return line((slot, LABEL), (padded(worker.phase, middle), LABEL), (rss, LABEL))
    room = columns - slot_columns - _PHASE - _TIME - _MEMORY - 1
    with_bars = room >= _NAME + 2 * (_BAR + 1)
    room -= 2 * (_BAR + 1) if with_bars else 0
    with_size = room >= _NAME + _SIZE
    room -= _SIZE if with_size else 0
    with_prediction = room >= 2 * _NAME
    room -= _OF if with_prediction else 0
    return line(
        (slot, LABEL),
        (padded(worker.phase, _PHASE), PHASES.get(worker.phase, "")),
        *_time(worker, with_bar=with_bars, with_prediction=with_prediction),
        *_memory(worker, with_bar=with_bars),
        right_aligned(formatting.megapixels(worker.megapixels), _SIZE) if with_size else "",
        " ",
        (padded(_image(worker), room, Keep.BOTH), STRONG),
    )


def _time(worker: WorkerSnapshot, *, with_bar: bool, with_prediction: bool) -> list[str | tuple[str, str]]:
    """Nothing of a prediction while nobody can know."""
    predicted = worker.predicted_seconds
    style = BAD if worker.overdue else ""
    spent = ("!" if worker.overdue else "") + formatting.short_duration(worker.seconds)
    parts: list[str | tuple[str, str]] = [(right_aligned(spent, _TIME), style)]
    if with_prediction:
        of = f"/{formatting.short_duration(predicted)}" if predicted is not None else ""
        parts.append((padded(of, _OF), LABEL))
    if with_bar:
        share = None if predicted is None else (worker.seconds or 0.0) / max(predicted, 0.001)
        parts += [" ", _bar(share, BAD if worker.overdue else LABEL)]
    return parts


def _memory(worker: WorkerSnapshot, *, with_bar: bool) -> list[str | tuple[str, str]]:
    rss, predicted = worker.rss_bytes, worker.predicted_bytes
    over = bool(rss and predicted and rss > predicted)
    text = f"{formatting.short_memory(rss)}/{formatting.short_memory(predicted)}"
    style = f"bold {WARNING}" if over else ""
    parts: list[str | tuple[str, str]] = [(right_aligned(("!" if over else "") + text, _MEMORY), style)]
    if with_bar:
        share = rss / predicted if rss and predicted else None
        parts += [" ", _bar(share, WARNING if over else BUSY)]
    return parts


def _bar(share: float | None, style: str) -> tuple[str, str]:
    return (" " * _BAR, "") if share is None else (bar(share, _BAR), style)
