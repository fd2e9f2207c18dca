"""The snapshot's ETA: the work that is left, in the hours that the run has."""

from __future__ import annotations

import pytest

from engine.control.snapshot import Hold, HoldReason, State
from engine.supervisor.status import eta_range_s

HOURS = Hold(HoldReason.HOURS, "outside its hours", 1.0, 2.0)
STORE = Hold(HoldReason.STORE, "the store is away", 1.0, None)


@pytest.mark.parametrize(
    ("state", "hold", "is_known"),
    [
        (State.RUNNING, None, True),
        (State.HOLDING, HOURS, True),
        (State.HOLDING, STORE, False),
        (State.PAUSED, None, False),
        (State.PAUSED, HOURS, False),
    ],
)
def test_the_eta_has_the_time_outside_the_hours(state: State, hold: Hold | None, is_known: bool) -> None:
    found = eta_range_s(state, hold, lambda: (3600.0, 7200.0), lambda work_s: work_s + 36_000)
    assert found == ((39_600.0, 43_200.0) if is_known else None)
    assert eta_range_s(State.RUNNING, None, lambda: None, lambda work_s: work_s) is None
