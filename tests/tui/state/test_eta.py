"""The time left in words."""

from __future__ import annotations

import pytest
from msgspec import structs

from tests.support.statuses import running
from tui.state.eta import time_left


@pytest.mark.parametrize(
    ("eta_s", "spread", "words"),
    [
        (None, None, "–"),
        (3600.0, None, "1 h 00 min"),
        (3600.0, (3500.0, 3700.0), "1 h 00 min"),
        (26_100.0, (17_640.0, 34_560.0), "4 h 54 min to 9 h 36 min"),
    ],
)
def test_a_range_while_it_is_uncertain(
    eta_s: float | None, spread: tuple[float, float] | None, words: str
) -> None:
    assert time_left(structs.replace(running(), eta_seconds=eta_s, eta_range_seconds=spread)) == words
