"""A row a worker: its phase, image, size and time, and its memory against the prediction."""

from __future__ import annotations

from collections.abc import Sequence

from rich.text import Text

from engine import formatting
from engine.control.snapshot import Snapshot, WorkerSnapshot
from tui.state.view import View
from tui.terminal_text import Keep, padded, right_aligned
from tui.widgets.line_widget import LABEL, STRONG, line, title
from tui.widgets.panel import Panel

_PHASE, _SIZE, _TIME, _MEMORY = 9, 9, 7, 12
_SLOT = 3


class Workers(Panel):
    def draw(self, view: View, columns: int, rows: int) -> Sequence[Text]:
        snapshot = view.snapshot
        if snapshot is None:
            return [title("Workers", columns)]
        shown = snapshot.workers[: rows - 1]
        drawn = [title("Workers", columns, workers_note(snapshot, len(shown)))]
        if not snapshot.workers:
            return [*drawn, line((" none run", LABEL))]
        return [*drawn, *(worker_line(worker, columns) for worker in shown)]


def workers_note(snapshot: Snapshot, shown: int) -> str:
    """How many are busy, there, wanted and not shown, and the JPEGs that wait for the store."""
    count = len(snapshot.workers)
    busy = sum(1 for worker in snapshot.workers if worker.image_id is not None)
    parts = [f"{busy} of {count} at work"] if count else []
    if snapshot.workers_wanted and snapshot.workers_wanted != count:
        parts.append(f"{snapshot.workers_wanted} wanted")
    if count > shown:
        parts.append(f"{count - shown} more not shown")
    if snapshot.store.waiting:
        waiting = formatting.data_size(snapshot.store.waiting_bytes)
        parts.append(f"{snapshot.store.waiting} for the store, {waiting}")
    return ", ".join(parts)


def _image(worker: WorkerSnapshot) -> str:
    """Its name, and that it hangs."""
    if worker.hangs_s is None:
        return worker.image
    return f"no read for {formatting.duration(worker.hangs_s)}: {worker.image}"


def worker_line(worker: WorkerSnapshot, columns: int) -> Text:
    """Columns that line up: slot, phase, image, megapixels, seconds, memory now/predicted."""
    slot = right_aligned(str(worker.slot), _SLOT - 1) + " "
    if worker.image_id is None:
        rss = right_aligned(formatting.short_memory(worker.rss_bytes), _MEMORY // 2)
        middle = columns - _SLOT - _MEMORY // 2
        return line((slot, LABEL), (padded(worker.phase, middle), LABEL), (rss, LABEL))
    tail = _SIZE + _TIME + _MEMORY + 1
    room = columns - _SLOT - _PHASE - 1 - tail
    if room < 12:  # the image's detail has the size
        tail -= _SIZE
        room += _SIZE
        size = ""
    else:
        size = right_aligned(formatting.megapixels(worker.megapixels), _SIZE)
    memory = f"{formatting.short_memory(worker.rss_bytes)}/{formatting.short_memory(worker.predicted_bytes)}"
    over = bool(worker.rss_bytes and worker.predicted_bytes and worker.rss_bytes > worker.predicted_bytes)
    return line(
        (slot, LABEL),
        padded(worker.phase, _PHASE),
        " ",
        (padded(_image(worker), room, Keep.BOTH), STRONG),
        size,
        right_aligned(formatting.short_duration(worker.seconds), _TIME),
        " ",
        (right_aligned(("!" if over else "") + memory, _MEMORY), "bold" if over else ""),
    )
