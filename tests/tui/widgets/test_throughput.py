"""The rates of the throughput panel, beside the limit on what is sent."""

from __future__ import annotations

import pytest
from msgspec import structs

from tests.support.statuses import running
from tui.widgets.throughput import rates_line


@pytest.mark.parametrize(
    ("columns", "shown"),
    [
        (30, "out 7.52 MB/s of 20.0 MB/s"),
        (40, "in 18.5 MB/s  out 7.52 MB/s of 20.0 MB/s"),
        (50, "in 18.5 MB/s  out 7.52 MB/s of 20.0 MB/s allowed"),
        (80, "in 18.5 MB/s  out 7.52 MB/s of 20.0 MB/s allowed  41.7 Mpx/s"),
    ],
)
def test_the_limit_stands_beside_what_goes_out(columns: int, shown: str) -> None:
    snapshot = running()
    store = structs.replace(snapshot.store, bandwidth_limit=20_000_000)
    assert rates_line(structs.replace(snapshot, store=store), columns).plain == shown
    assert "of" not in rates_line(snapshot, columns).plain
