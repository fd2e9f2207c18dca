"""A worker's row says that its source does not answer."""

from __future__ import annotations

from msgspec import structs

from tests.support.statuses import worker
from tui.widgets.workers import worker_line


def test_a_worker_that_waits_for_its_source_is_shown_as_such() -> None:
    busy = worker(1, 0)
    assert "no read" not in worker_line(structs.replace(busy, quiet_seconds=2.0), 80).plain
    row = worker_line(structs.replace(busy, quiet_seconds=185.0), 100).plain
    assert f"no read for 3 min 05 s: {busy.image}"[:24] in row
    assert len(row) == 100
