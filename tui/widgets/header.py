"""The top lines: the batches, the state as a glyph and a word, progress, failures, and the time left."""

from __future__ import annotations

from collections.abc import Sequence

from rich.cells import cell_len
from rich.text import Text

from engine import formatting
from engine.control.snapshot import Snapshot, State
from tui.state.eta import is_uncertain, time_left
from tui.state.status import ConnectionState, Tone, banner
from tui.state.view import View
from tui.terminal_text import bar, fit, names_that_fit
from tui.widgets.line_widget import BAD, LABEL, STRONG, TONES, line
from tui.widgets.panel import Panel


class Header(Panel):
    def draw(self, view: View, columns: int, rows: int) -> Sequence[Text]:
        return [state_line(view, columns), progress_line(view, columns), figures_line(view, columns)]


def state_line(view: View, columns: int) -> Text:
    """Batches to the left, the state to the right; a narrow terminal cuts the batches first."""
    state = banner(view.status, view.now)
    label = f" {state.label} "
    marks = ""
    if view.frozen_at is not None:
        marks += f" ◆ FROZEN {formatting.clock(view.frozen_at, view.now)} "
    if view.read_only:
        marks += " READ-ONLY "
    detail = fit(state.detail, max(0, columns - len(label) - cell_len(marks) - 14))
    after = f" {detail}" if detail else ""
    room = columns - len(label) - cell_len(after) - cell_len(marks) - 1
    left = _subject(view, room)
    gap = " " * (room - cell_len(left) + 1)
    parts: list[str | tuple[str, str]] = [(left, STRONG), gap]
    if marks:
        parts.append((marks, TONES[Tone.NEUTRAL] if view.frozen_at is not None else LABEL))
    return line(*parts, (label, TONES[state.tone]), after)


def _subject(view: View, columns: int) -> str:
    """`photostat newspapers, maps`: the batches of this run."""
    if columns < 9:
        return ""
    name = "photostat"
    snapshot = view.snapshot
    if snapshot is None or columns < 14:
        return name
    chosen = [batch.name for batch in snapshot.batches if batch.selected]
    return f"{name} {names_that_fit(chosen, columns - len(name) - 1)}".rstrip()


def progress_line(view: View, columns: int) -> Text:
    snapshot = view.snapshot
    if snapshot is None:
        return line((bar(0, columns), LABEL))
    totals = snapshot.totals
    ready = totals.done_or_accepted
    figures = f"{formatting.integer(ready)} / {formatting.integer(totals.rows)}"
    share = formatting.percent(ready, totals.rows)
    width = max(0, columns - len(figures) - len(share) - 4)
    fraction = ready / totals.rows if totals.rows else 0.0
    return line((bar(fraction, width), LABEL), "  ", (figures, STRONG), "  ", share)


def figures_line(view: View, columns: int) -> Text:
    """Failures, elapsed and ETA; a narrow terminal leaves out the last figures."""
    snapshot = view.snapshot
    if snapshot is None:
        return line("")
    totals = snapshot.totals
    figures: list[tuple[str, str, str]] = [
        *_orders(snapshot),
        ("", f"{formatting.integer(totals.failed)} failed", BAD if totals.failed else ""),
        ("elapsed ", formatting.duration(_elapsed(view, snapshot)), ""),
    ]
    if snapshot.state is not State.FINISHED:
        figures.append(("ETA ", _eta(view, snapshot), ""))
    if totals.accepted:
        figures.append(("", f"{formatting.integer(totals.accepted)} accepted", ""))
    if totals.in_flight:
        figures.append(("", f"{formatting.integer(totals.in_flight)} in flight", ""))
    if totals.pending:
        figures.append(("", f"{formatting.integer(totals.pending)} waiting", ""))
    parts: list[str | tuple[str, str]] = []
    used = 0
    for label, value, style in figures:
        gap = "   " if parts else ""
        need = cell_len(gap + label + value)
        if used + need > columns:
            break
        used += need
        parts += [gap, (label, LABEL), (value, style)]
    return line(*parts)


def _orders(snapshot: Snapshot) -> list[tuple[str, str, str]]:
    """The order in hand and how far it is, and how many wait behind it."""
    if not snapshot.orders:
        return []
    order, more = snapshot.orders[0], len(snapshot.orders) - 1
    far = f"{formatting.integer(order.seen)} / {formatting.integer(order.images)}"
    return [(f"{order.kind.replace('_', ' ')} ", far + (f" (+{more})" if more else ""), STRONG)]


def _elapsed(view: View, snapshot: Snapshot) -> float | None:
    if view.status.connection is ConnectionState.LEDGER and not snapshot.elapsed_seconds:
        return None
    return snapshot.elapsed_seconds


def _eta(view: View, snapshot: Snapshot) -> str:
    """The time left, and the clock time at its end; while a range is uncertain, at its latest end."""
    if snapshot.eta_seconds is None:
        return formatting.UNKNOWN
    latest_s = snapshot.eta_seconds
    if snapshot.eta_range_seconds is not None and is_uncertain(snapshot):
        latest_s = snapshot.eta_range_seconds[1]
    until = formatting.clock(snapshot.time + latest_s, view.now)
    return f"{time_left(snapshot)} ({'' if latest_s == snapshot.eta_seconds else 'by '}{until})"
