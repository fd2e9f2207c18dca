"""A row a worker: its phase, image and size, its time and memory against their predictions; keys skip or stop one."""

from __future__ import annotations

from typing import ClassVar

from rich.text import Text
from textual.binding import BindingType
from textual.message import Message

from engine import formatting
from engine.control.snapshot import Snapshot, WorkerSnapshot
from engine.failures import Stage
from tui.actions.registry import Scope, widget_bindings
from tui.state.gpus import gpus_of, short_gpus
from tui.state.steady_facts import short_space
from tui.state.view import View
from tui.terminal.text import Keep, bar, padded, right_aligned
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

    def keys(self, view: View) -> list[str]:
        return [worker.key for worker in view.snapshot.workers] if view.snapshot else []

    def head(self, view: View, columns: int, shown: int, count: int) -> Text:
        return title("Workers", columns, workers_note(view.snapshot, shown) if view.snapshot else "")

    def row(self, view: View, key: str, columns: int) -> Text:
        assert view.snapshot is not None
        workers = view.snapshot.workers
        slot = max(_SLOT, 1 + max(len(worker.key) for worker in workers))
        return worker_line(next(w for w in workers if w.key == key), columns, slot)

    def empty_row(self, view: View) -> Text:
        return line((" none run", LABEL)) if view.snapshot else line("")

    def action_page(self, by: int) -> None:
        self.action_move(by * max(1, self.size.height - 2))

    def action_open(self) -> None:
        self._post(self.Opened)

    def action_skip_image(self) -> None:
        self._post(self.Skipped)

    def action_stop_image(self) -> None:
        self._post(self.Stopped)

    def _post(self, message: type[WorkerMessage]) -> None:
        workers = self.view.snapshot.workers if self.view and self.view.snapshot else ()
        worker = next((worker for worker in workers if worker.key == self.current), None)
        if worker is not None:
            self.post_message(message(worker))


def workers_note(snapshot: Snapshot, shown: int) -> str:
    """How many are busy, there, wanted and not shown, what waits for the store, GPUs, and the space there is."""
    count = len(snapshot.workers)
    busy = sum(1 for worker in snapshot.workers if worker.image_id is not None)
    overdue = sum(1 for worker in snapshot.workers if worker.overdue)
    parts = [f"{busy} of {count} at work"] if count else []
    if overdue:
        parts.append(f"{overdue} overdue")
    if snapshot.workers_wanted and snapshot.workers_wanted != count:
        parts.append(f"{snapshot.workers_wanted} wanted")
    if count > shown:
        parts.append(f"{count - shown} more not shown")
    if snapshot.store.waiting:
        waiting = formatting.data_size(snapshot.store.waiting_bytes)
        parts.append(f"{snapshot.store.waiting} for the store, {waiting}")
    if gpus := short_gpus(gpus_of(snapshot)):
        parts.append(gpus)
    if free := short_space(snapshot.volumes):
        parts.append(free)
    return ", ".join(parts)


def _image(worker: WorkerSnapshot) -> str:
    """Its name, and that it hangs."""
    if worker.hangs_s is None:
        return worker.image
    return f"no read for {formatting.duration(worker.hangs_s)}: {worker.image}"


def worker_line(worker: WorkerSnapshot, columns: int, slot_columns: int = _SLOT) -> Text:
    """Columns that line up: slot, phase, seconds of those predicted, memory now/predicted, megapixels, image.

    What changes stands first: a terminal is sent a line up to its last change. A narrow line leaves out the size first,
    which the image's detail has, and the bars then."""
    slot = right_aligned(worker.key, slot_columns - 1) + " "
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
