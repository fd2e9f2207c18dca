"""What people read while the engine holds for its store: what is wrong, and what to do, however often it is probed."""

from __future__ import annotations

from engine.control.snapshot import HoldReason
from engine.failures import Cause, Failure, Stage
from engine.messages import FaultKind
from engine.store.errors import CHECKSUM_HINT
from engine.supervisor.holds import Holds

REFUSED = Failure(Cause.STORE_UNAVAILABLE, Stage.STORING, "MissingContentLength (411)", CHECKSUM_HINT)
DOWN = Failure(Cause.STORE_UNAVAILABLE, Stage.STORING, "connection refused", "Is endpoint right?")


def detail(holds: Holds, now: float) -> str:
    hold = holds.hold(now)
    assert hold is not None
    assert hold.reason == HoldReason.STORE
    return hold.detail


def test_the_remedy_of_a_configuration_s_fault_stays_through_every_probe() -> None:
    holds, now = Holds(1 << 30), 100.0
    assert holds.store_failed(FaultKind.CONFIGURATION, REFUSED, now)
    text = detail(holds, now)
    assert 'checksum = "when_required"' in text
    for _ in range(3):
        now += 1000
        holds.tick(now)
        assert holds.store_wants_probe()
        assert not holds.store_probed(FaultKind.CONFIGURATION, REFUSED, now)
        assert detail(holds, now) == text == holds.store_detail
    assert not holds.may_start


def test_a_store_that_never_answered_holds_at_once_and_points_at_the_endpoint() -> None:
    holds, now = Holds(1 << 30), 100.0
    assert holds.store_failed(FaultKind.TRANSIENT, DOWN, now, never_answered=True)
    assert detail(holds, now) == "connection refused. Is endpoint right?"
    holds.tick(now + 10)
    assert not holds.store_probed(FaultKind.TRANSIENT, DOWN, now + 10, never_answered=True)
    assert "endpoint" in detail(holds, now + 10)
    assert holds.may_start  # a store that is only down costs no conversion


def test_a_store_that_has_answered_does_not_hold_for_one_transfer() -> None:
    holds = Holds(1 << 30)
    holds.store_worked()
    assert not holds.store_failed(
        FaultKind.TRANSIENT, DOWN, 100.0, never_answered=True
    )  # as a new uploader would report
    assert holds.hold(100.0) is None
