"""Curves: a scale that changes seldom, times along the axis, and rests shaded where the engine did nothing new."""

from __future__ import annotations

import pytest

from engine.control.recent import SPAN_S, SPANS_KEPT, Recent, Rest, Span
from engine.control.snapshot import MemorySnapshot
from tests.support.statuses import GIB, NOW, engine_status, recent, running
from tui.state.view import View
from tui.widgets.chart import RESTED, Curve, chart, images_curve, memory_curve, round_ceiling, time_axis
from tui.widgets.line_widget import WARNING
from tui.widgets.memory import Memory, figures_lines, memory_bar
from tui.widgets.throughput import Throughput, curve_note


def spans(*images: int, rest: Rest | None = None) -> tuple[Span, ...]:
    return tuple(Span(count, GIB, rest) for count in images)


def test_images_are_means_of_a_minute_of_work_and_a_rest_is_not_mixed_in() -> None:
    worked, held = spans(*[10] * 12), spans(*[0] * 6, rest=Rest.HOLDING)
    curve = images_curve(Recent(0.0, worked + held + spans(20, 20, 5)), 200)
    assert curve.values == [1.0] * 12 + [0.0] * 6 + [2.0] * 2, "the span that still grows is not there"
    assert curve.average == pytest.approx(16 / 14), "a rest is no slow work"


def test_columns_of_a_narrow_curve_keep_their_spans_when_time_passes() -> None:
    first = recent(NOW)
    before, after = images_curve(first, 40), images_curve(recent(NOW + SPAN_S), 40)
    assert before.column_s == 50
    same = before.values[3:-2]
    assert any(after.values[at : at + len(same)] == same for at in (1, 2, 3))


def test_a_short_run_fills_a_narrow_curve_too() -> None:
    curve = images_curve(Recent(0.0, spans(*[10] * 28)), 28)
    assert (len(curve.points), curve.column_s) == (27, SPAN_S)


@pytest.mark.parametrize("columns", range(0, 230, 7))
def test_a_curve_fits_its_columns(columns: int) -> None:
    for curve in (images_curve(recent(NOW), columns), memory_curve(recent(NOW), columns)):
        assert len(curve.points) <= max(columns, 0)


@pytest.mark.parametrize(
    ("value", "ceiling"), [(0, 1), (0.7, 0.8), (1, 1), (9, 10), (66.2, 80), (84, 100), (101, 150), (720, 800)]
)
def test_a_scale_ends_at_a_round_number(value: float, ceiling: float) -> None:
    assert round_ceiling(value) == pytest.approx(ceiling)


def test_the_axis_has_round_times_and_now() -> None:
    axis = time_axis(90, 20)
    assert (len(axis), axis[-4:], axis.index("-10 min"), axis.index("-25 min")) == (90, " now", 60, 15)
    assert [len(time_axis(columns, 60)) for columns in range(60)] == list(range(60))


def test_holds_and_pauses_are_shaded() -> None:
    worked, held = spans(*[10] * 6), spans(*[0] * 3, rest=Rest.PAUSED)
    curve = images_curve(Recent(0.0, worked + held + spans(0)), 180)
    drawn = chart(curve, 180, 5, 1.0, "60", "cyan")
    for row in drawn[:4]:
        assert row.plain.endswith("█" * 6 + RESTED * 3)
        assert WARNING in [str(span.style) for span in row.spans]
    assert drawn[0].plain.startswith("60│")
    assert drawn[-1].plain.startswith("  └")


@pytest.mark.parametrize("columns", [38, 46, 94])
@pytest.mark.parametrize("rows", [4, 5, 7, 12])
def test_panels_fit_at_every_size(columns: int, rows: int) -> None:
    view = View(engine_status(running()), NOW)
    for panel in (Throughput(), Memory()):
        drawn = panel.draw(view, columns, rows)
        assert 4 <= len(drawn) <= rows
        assert all(row.cell_len <= columns for row in drawn)
    assert RESTED in "".join(row.plain for row in Throughput().draw(view, columns, rows)[1:])


def test_the_note_has_average_and_peak_and_what_is_shaded() -> None:
    curve = images_curve(recent(NOW), 90)
    assert curve_note(curve, 70).startswith("30 min: average ")
    assert curve_note(curve, 70).endswith("░ held or paused")
    assert ", peak " in curve_note(curve, 26)
    assert curve_note(Curve((), SPAN_S), 70) == ""


def test_a_bar_of_memory_is_all_the_memory_there_is() -> None:
    memory = MemorySnapshot(48 * GIB, 31 * GIB, 5 * GIB, 3 * GIB, 23 * GIB)
    assert [len(text) for text, _ in memory_bar(memory, 48)] == [17, 3, 23, 5]
    one, two = (line.plain for line in figures_lines(memory))
    assert one.split() == ["█", "in", "use", "17.0G", "▒", "promised", "3.0G"]
    assert two.split() == ["·", "headroom", "23.0G", "░", "floor", "5.0G"]
    assert one.index("17.0G") == two.index("23.0G")


def test_of_a_floor_that_others_use_only_the_rest_is_shown_in_red() -> None:
    low = MemorySnapshot(48 * GIB, 3 * GIB, 5 * GIB, GIB, -3 * GIB)
    bar = memory_bar(low, 48)
    assert [len(text) for text, _ in bar] == [45, 1, 0, 2]
    assert "red" in bar[-1][1]


def test_half_an_hour_is_the_most_that_is_shown() -> None:
    assert images_curve(recent(NOW), 500).minutes == (SPANS_KEPT - 1) * SPAN_S // 60
