"""What happened in the run, once no engine runs: the morning after, in place of the panels that only a run fills."""

from __future__ import annotations

from collections.abc import Sequence

from rich.cells import cell_len
from rich.text import Text

from engine.ledger.runs import RunRecord
from engine.run_account.account import RunAccount
from engine.run_account.words import Line, lines
from tui.state.view import View
from tui.widgets.chart import spark
from tui.widgets.line_widget import BAD, BUSY, LABEL, STRONG, line, title
from tui.widgets.panel import Panel
from tui.widgets.run_curve import run_curve
from tui.widgets.text_view import wrapped
from tui.widgets.throughput import curve_note

_LABEL = 9
_STYLES = {"run": STRONG, "next": STRONG, "failed": BAD, "restarts": STRONG, "clock": STRONG}
_LEAVES_FIRST = ("clock", "time", "paused", "restarts", "images", "held")
"""Where there is little room; what happened, what failed and what is to be done stay."""
_AFTER_PACE = ("failed", "next")
_LEAST_SPANS = 6


class RunPanel(Panel):
    def draw(self, view: View, columns: int, rows: int) -> Sequence[Text]:
        run = view.status.run
        if run is None:
            return [title("The run", columns)]
        shown, is_all = account_lines(run, columns, rows - 1)
        record = view.status.record
        if record is not None and has_pace(record) and is_all and len(shown) < rows - 1:
            at = next(
                n for n, text in enumerate([*shown, line("next")]) if text.plain.startswith(_AFTER_PACE)
            )
            shown.insert(at, pace_line(record, run.ended, columns))
        return [title("The run", columns, "" if is_all else "all: photostat status"), *shown]


def has_pace(record: RunRecord) -> bool:
    """Whether there is more to show than one number: an hour of work."""
    return len(record.throughput) >= _LEAST_SPANS


def pace_line(record: RunRecord, ended: float, columns: int) -> Text:
    """How fast it was from the beginning to the end, rests shaded."""
    room = max(0, columns - _LABEL - 1)
    curve = run_curve(record, ended, room)
    words = curve_note(curve, room)
    curve = run_curve(record, ended, room - cell_len(words) - 2)
    drawn = spark(curve, len(curve.points), BUSY)
    return line((f"{'pace':{_LABEL}} ", LABEL), *drawn, "  ", (words, LABEL))


def account_lines(run: RunAccount, columns: int, rows: int | None = None) -> tuple[list[Text], bool]:
    """The account's lines for that width, and whether they are all; with `rows` the lesser ones are left out until the
    others fit."""
    told = list(lines(run))
    leaves = iter(_LEAVES_FIRST)
    while True:
        drawn = [part for one in told for part in wrapped(_line(one), columns)]
        if rows is None or len(drawn) <= rows:
            return drawn, len(told) == len(lines(run))
        label = next(leaves, None)
        if label is None:
            return drawn[: max(0, rows)], False
        told = [one for one in told if one.label != label]


def _line(told: Line) -> Text:
    return line((f"{told.label:{_LABEL}} ", LABEL), (told.text, _STYLES.get(told.label, "")))
