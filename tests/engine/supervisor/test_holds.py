"""What people read while the engine holds for its store: what is wrong, and what to do, however often it is probed."""

from __future__ import annotations

from engine.control.snapshot import HoldReason
from engine.failures import Cause, Failure, Stage
from engine.messages import Trouble
from engine.store.errors import CHECKSUM_HINT
from engine.supervisor.holds import Gates

REFUSED = Failure(Cause.STORE_UNAVAILABLE, Stage.STORING, "MissingContentLength (411)", CHECKSUM_HINT)
DOWN = Failure(Cause.STORE_UNAVAILABLE, Stage.STORING, "connection refused", "Is endpoint right?")


def detail(gates: Gates, now: float) -> str:
    hold = gates.hold(now)
    assert hold is not None
    assert hold.reason == HoldReason.STORE
    return hold.detail


def test_the_remedy_of_a_configuration_s_fault_stays_through_every_probe() -> None:
    gates, now = Gates(1 << 30), 100.0
    assert gates.store_failed(Trouble.CONFIGURATION, REFUSED, now)
    said = detail(gates, now)
    assert 'checksum = "when_required"' in said
    for _ in range(3):
        now += 1000
        gates.tick(now)
        assert gates.store_wants_probe()
        assert not gates.store_probed(Trouble.CONFIGURATION, REFUSED, now)
        assert detail(gates, now) == said == gates.store_detail
    assert not gates.may_start


def test_a_store_that_never_answered_holds_at_once_and_asks_after_the_endpoint() -> None:
    gates, now = Gates(1 << 30), 100.0
    assert gates.store_failed(Trouble.WORLD, DOWN, now, unheard=True)
    assert detail(gates, now) == "connection refused. Is endpoint right?"
    gates.tick(now + 10)
    assert not gates.store_probed(Trouble.WORLD, DOWN, now + 10, unheard=True)
    assert "endpoint" in detail(gates, now + 10)
    assert gates.may_start  # a store that is only down costs no conversion


def test_a_store_that_has_answered_is_not_doubted_for_one_transfer() -> None:
    gates = Gates(1 << 30)
    gates.store_worked()
    assert not gates.store_failed(Trouble.WORLD, DOWN, 100.0, unheard=True)  # as a new storer would say
    assert gates.hold(100.0) is None
