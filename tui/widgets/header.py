"""The top lines: the batches, the state as a glyph and a word, progress, failures, and the time left."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich.cells import cell_len
from rich.text import Text

from engine import formatting
from engine.control.snapshot import Snapshot, State
from engine.ledger.account import Account
from tui.state.eta import is_uncertain, time_left
from tui.state.status import ConnectionState, Tone, banner
from tui.state.steady_facts import shortest_volume, survey_words
from tui.state.view import View
from tui.terminal.text import Mark, fit, names_that_fit, right_aligned
from tui.widgets.account_bar import account_bar
from tui.widgets.line_widget import BAD, LABEL, MARKS, STRONG, TONES, WARNING, line
from tui.widgets.panel import Panel

_GAP = 3
_SHARE = 6
"""Columns of the longest percentage."""


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
    """How many rows are done or accepted, and how all are divided, as in the report.

    The figures stand before the bar: what changes every second is painted from the left, and the bar costs bytes."""
    snapshot = view.snapshot
    if snapshot is None:
        return line((Mark.WAITING * columns, LABEL))
    totals = snapshot.totals
    ready = totals.done_or_accepted
    rows = formatting.integer(totals.rows)
    figures = f"{right_aligned(formatting.integer(ready), len(rows))} / {rows}"
    share = right_aligned(formatting.percent(ready, totals.rows), _SHARE)
    width = max(0, columns - len(figures) - _SHARE - 4)
    return line((figures, STRONG), "  ", share, "  ", *account_bar(totals, width))


@dataclass(frozen=True)
class _Figure:
    label: str
    value: str
    style: str = ""
    mark: Mark | None = None
    """The glyph that it has in the bar."""

    @property
    def parts(self) -> list[str | tuple[str, str]]:
        mark = [(f"{self.mark} ", MARKS[self.mark])] if self.mark else []
        return [*mark, (self.label, LABEL), (self.value, self.style)]

    @property
    def columns(self) -> int:
        return cell_len(self.label + self.value) + (2 if self.mark else 0)


def figures_line(view: View, columns: int) -> Text:
    """What needs a person and the rest of the account to the left, the times to the right, where they stay.

    A narrow terminal leaves out what matters least."""
    snapshot = view.snapshot
    if snapshot is None:
        return line("")
    orders, account, times = _orders(snapshot), _account(snapshot.totals), _times(view, snapshot)
    warnings, survey = _little_space(snapshot), _survey(snapshot)
    by_weight = [
        *orders,
        *account[:1],
        *times[:1],
        *warnings,
        *survey,
        *account[1:],
        *times[1:],
    ]
    shown: list[_Figure] = []
    for figure in by_weight:
        if sum(other.columns + _GAP for other in shown) + figure.columns <= columns:
            shown.append(figure)
    left = _spaced([f for f in (*orders, *warnings, *account, *survey) if f in shown])
    right = _spaced([f for f in reversed(times) if f in shown])
    gap = columns - line(*left).cell_len - line(*right).cell_len
    return line(*left, " " * max(0, gap), *right)


def _spaced(figures: Sequence[_Figure]) -> list[str | tuple[str, str]]:
    parts: list[str | tuple[str, str]] = []
    for figure in figures:
        parts += [" " * _GAP, *figure.parts] if parts else figure.parts
    return parts


def _account(totals: Account) -> list[_Figure]:
    """The states that have images, and the failed ones even if there are none; what needs a person comes first."""

    def figure(mark: Mark, count: int, word: str, style: str = "") -> _Figure:
        return _Figure("", f"{formatting.integer(count)} {word}", style, mark)

    figures = [figure(Mark.FAILED, totals.failed, "failed", BAD if totals.failed else "")]
    if totals.accepted:
        figures.append(figure(Mark.ACCEPTED, totals.accepted, "accepted"))
    if totals.in_flight:
        figures.append(figure(Mark.IN_FLIGHT, totals.in_flight, "in flight"))
    if totals.pending:
        figures.append(figure(Mark.WAITING, totals.pending, "waiting"))
    return figures


def _times(view: View, snapshot: Snapshot) -> list[_Figure]:
    elapsed = _Figure("elapsed ", formatting.duration(_elapsed(view, snapshot)))
    return [elapsed] if snapshot.state is State.FINISHED else [_Figure("ETA ", _eta(view, snapshot)), elapsed]


def _orders(snapshot: Snapshot) -> list[_Figure]:
    """The order in hand and how far it is, and how many wait behind it."""
    if not snapshot.orders:
        return []
    order, more = snapshot.orders[0], len(snapshot.orders) - 1
    far = f"{formatting.integer(order.seen)} / {formatting.integer(order.images)}"
    return [_Figure(f"{order.kind.replace('_', ' ')} ", far + (f" (+{more})" if more else ""), STRONG)]


def _survey(snapshot: Snapshot) -> list[_Figure]:
    words = survey_words(snapshot.survey)
    return [_Figure("", words)] if words else []


def _little_space(snapshot: Snapshot) -> list[_Figure]:
    """Of the file system on which the rest of the run will not fit."""
    volume = shortest_volume(snapshot)
    if volume is None:
        return []
    free, needed = formatting.data_size(volume.free or 0), formatting.data_size(volume.needed or 0)
    return [_Figure("", f"! {volume.name} {free} free, {needed} to come", WARNING)]


def _elapsed(view: View, snapshot: Snapshot) -> float | None:
    """Of the engine; once none runs, of the whole run."""
    if view.status.connection is ConnectionState.LEDGER:
        run_s = view.status.run.seconds if view.status.run else 0.0
        return run_s or snapshot.elapsed_seconds or None
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
