"""FINISHED and STOPPED open with what happened; a small terminal leaves out the lesser lines, never what to do next."""

from __future__ import annotations

from dataclasses import replace

import pytest
from msgspec import structs

from engine.run_account.words import lines
from tests.support.statuses import NOW, finished, stopped
from tui.screens.dashboard import panel_rows
from tui.state.status import banner
from tui.state.view import View
from tui.widgets.dashboard_layout import PanelName, arrange
from tui.widgets.header import figures_line
from tui.widgets.run_account import RunPanel, account_lines


def labels(drawn: list[str]) -> list[str]:
    return [text[:9].strip() for text in drawn if text[:9].strip()]


def test_all_of_the_account_is_shown_where_there_is_room() -> None:
    view = View(finished(), NOW)
    assert view.status.run is not None
    regions = arrange(120, 37, panel_rows(view, 120))
    assert PanelName.WORKERS not in regions and PanelName.EVENTS in regions
    drawn = [text.plain for text in RunPanel().draw(view, 120, regions[PanelName.RUN].height)]
    told_labels = [told.label for told in lines(view.status.run)]
    told_labels.insert(told_labels.index("images") + 1, "pace")
    assert labels(drawn[1:]) == told_labels
    assert any("░" in text and "35 h: average" in text for text in drawn)
    together = " ".join(" ".join(drawn[1:]).split())
    for told in lines(view.status.run):
        assert told.text in together


def test_the_pace_of_a_run_of_minutes_is_one_number_and_no_curve() -> None:
    status = finished()
    assert status.record is not None
    short = replace(status, record=structs.replace(status.record, throughput=status.record.throughput[:5]))
    assert panel_rows(View(short, NOW), 120).run == panel_rows(View(status, NOW), 120).run - 1
    assert "pace" not in labels([text.plain for text in RunPanel().draw(View(short, NOW), 120, 30)])


@pytest.mark.parametrize("rows", range(5, 12))
def test_what_happened_what_failed_and_what_to_do_stay_in_a_small_terminal(rows: int) -> None:
    run = stopped().run
    assert run is not None
    drawn, is_all = account_lines(run, 80, rows)
    assert len(drawn) <= rows and not is_all
    shown = labels([text.plain for text in drawn])
    assert shown[0] == "run"
    if rows >= 9:
        assert shown[-3:] == ["failed", "next", "next"]
    title = RunPanel().draw(View(stopped(), NOW), 80, rows + 1)[0].plain
    assert "all: photostat status" in title


@pytest.mark.usefixtures("utc")
def test_finished_says_when_and_how_long_it_took_days_later() -> None:
    status = finished()
    assert status.run is not None
    assert banner(status, NOW).detail.startswith("Sun 23:54, after 1 d 11 h, but 6 failed")
    assert "elapsed 1 d 11 h" in figures_line(View(status, NOW), 120).plain
