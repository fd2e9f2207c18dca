"""The failures by cause: whole remedies where there is room for them, else a line each."""

from __future__ import annotations

from engine.failures import REMEDIES, Cause
from tests.support.statuses import NOW, engine_status, running
from tui.state.view import View
from tui.widgets.dashboard_layout import PanelName, PanelRows, arrange, left_columns
from tui.widgets.failures import Failures, rows_needed

CAUSES = ["truncated", "source-missing", "corrupt"]


def drawn(columns: int, rows: int) -> list[str]:
    return [text.plain for text in Failures().draw(View(engine_status(running()), NOW), columns, rows)]


def test_remedies_wrap_where_there_is_room() -> None:
    rows = rows_needed(CAUSES, 72) + 1
    text = " ".join(" ".join(drawn(72, rows)).split())
    for cause in CAUSES:
        assert REMEDIES[Cause(cause)] in text
    assert len(drawn(72, rows)) == rows
    assert all(len(line) <= 72 for line in drawn(72, rows))


def test_with_less_room_every_cause_keeps_its_line() -> None:
    lines = drawn(72, rows_needed(CAUSES, 72))
    assert [line.split()[1] for line in lines[1:]] == CAUSES
    assert all(line.endswith("…") for line in lines[1:])


def test_a_large_terminal_gives_its_room_to_failures_and_workers() -> None:
    assert left_columns(200) > 125
    assert rows_needed(CAUSES, left_columns(200)) == 3, "no remedy needs a second row"
    for width, height in ((120, 40), (200, 60)):
        wanted = PanelRows(8, 3, 3, rows_needed(CAUSES, left_columns(width)))
        regions = arrange(width, height, wanted)
        assert regions[PanelName.FAILURES].width == left_columns(width)
        assert regions[PanelName.FAILURES].height >= wanted.remedies + 1
        assert regions[PanelName.WORKERS].height >= 9
        assert regions[PanelName.WORKERS].y == 4, "under an empty row"
