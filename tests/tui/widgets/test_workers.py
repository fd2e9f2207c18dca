"""A worker's row: what it is at, its time and memory against their predictions, at every width."""

from __future__ import annotations

import pytest
from msgspec import structs
from rich.cells import cell_len

from tests.support.statuses import MIB, running, worker
from tui.widgets.workers import PHASES, worker_line, workers_note

BUSY = structs.replace(
    worker(1), seconds=7.0, predicted_seconds=14.0, rss_bytes=500 * MIB, predicted_bytes=1000 * MIB
)


def styles(row: object, text: str) -> set[str]:
    plain, spans = row.plain, row.spans  # type: ignore[attr-defined]
    at = plain.index(text)
    return {str(span.style) for span in spans if span.start <= at < span.end}


def test_a_worker_that_waits_for_its_source_is_shown_as_such() -> None:
    busy = worker(1, 0)
    assert "no read" not in worker_line(structs.replace(busy, quiet_seconds=2.0), 80).plain
    row = worker_line(structs.replace(busy, quiet_seconds=185.0), 100).plain
    assert f"no read for 3 min 05 s: {busy.image}"[:12] in row
    assert len(row) == 100


@pytest.mark.parametrize("columns", range(40, 240, 7))
def test_a_row_fits_every_width(columns: int) -> None:
    for one in (BUSY, structs.replace(BUSY, overdue=True, predicted_seconds=None), worker(7)):
        assert cell_len(worker_line(one, columns).plain) == columns


def test_time_and_memory_have_bars_of_their_predictions() -> None:
    row = worker_line(BUSY, 120).plain
    assert "7 s/14 s" in row and row.count("███···") == 2
    unknown = worker_line(structs.replace(BUSY, predicted_seconds=None), 120).plain
    assert "7 s " in unknown and unknown.count("███···") == 1, "nothing, rather than nonsense"


def test_what_is_overdue_is_red_and_marked_without_colours_too() -> None:
    late = structs.replace(BUSY, seconds=97.0, overdue=True)
    row = worker_line(late, 120)
    assert "!97 s/14 s" in row.plain
    assert styles(row, "!97 s") == styles(row, "██████") == {"bold red"}
    assert styles(worker_line(BUSY, 120), "7 s") == set()
    note = workers_note(structs.replace(running(), workers=(late, BUSY)), 2)
    assert "1 overdue" in note


def test_more_memory_than_predicted_is_marked() -> None:
    row = worker_line(structs.replace(BUSY, rss_bytes=1200 * MIB), 120)
    assert "!1.2G/" in row.plain and "yellow" in "".join(styles(row, "!1.2G/"))


def test_phases_differ_by_hue_and_what_takes_longest_is_plain() -> None:
    for phase, hue in PHASES.items():
        assert styles(worker_line(structs.replace(BUSY, phase=phase), 80), phase) == {hue}
    assert styles(worker_line(BUSY, 80), BUSY.phase) == set()
