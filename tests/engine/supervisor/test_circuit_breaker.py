"""The circuit breaker: opens when many fail, waits longer each time, and closes by a probe."""

from __future__ import annotations

from engine.messages import FaultKind
from engine.supervisor.circuit_breaker import BreakerRules, CircuitBreaker, CircuitState

RULES = BreakerRules(failures=3, recent=6, first_wait_s=8, longest_wait_s=60, probe_timeout_s=30)
NEW = CircuitBreaker(RULES)


def fail(breaker: CircuitBreaker, times: int, now: float = 0.0) -> CircuitBreaker:
    for _ in range(times):
        breaker = breaker.failed(FaultKind.TRANSIENT, "reset", now, 1.0)
    return breaker


def test_a_few_failures_leave_it_closed() -> None:
    assert fail(NEW, 2).is_closed


def test_many_failures_open_it() -> None:
    breaker = fail(NEW, 3, now=100)
    assert breaker.state is CircuitState.OPEN
    assert (breaker.since, breaker.until, breaker.detail) == (100, 108, "reset")


def test_failures_among_more_successes_leave_it_closed() -> None:
    breaker = NEW
    for _ in range(50):
        breaker = fail(breaker, 1).succeeded().succeeded()
    assert breaker.is_closed


def test_one_more_success_after_many_changes_nothing() -> None:
    breaker = fail(NEW, 1)
    for _ in range(RULES.recent):
        breaker = breaker.succeeded()
    assert breaker.outcomes == (True,) * RULES.recent
    assert breaker.succeeded() is breaker
    assert fail(breaker, 1).succeeded().outcomes[-2:] == (False, True)


def test_the_images_own_fault_counts_as_a_success() -> None:
    breaker = fail(NEW, 2)
    for _ in range(10):
        breaker = breaker.failed(FaultKind.ITEM, "mismatch", 0, 1)
    assert breaker.is_closed
    assert breaker.outcomes.count(False) == 0


def test_the_configurations_fault_opens_at_once() -> None:
    breaker = NEW.succeeded().failed(FaultKind.CONFIGURATION, "denied", 5, 0.0)
    assert breaker.state is CircuitState.OPEN
    assert breaker.until == 5 + 0.75 * 8


def test_after_its_wait_it_probes_and_closes_if_that_succeeds() -> None:
    breaker = fail(NEW, 3, now=100)
    assert breaker.tick(107.9, 1) is breaker
    half_open = breaker.tick(108, 1)
    assert half_open.state is CircuitState.HALF_OPEN
    closed = half_open.probed(None, 109, 1)
    assert closed.is_closed
    assert (closed.since, closed.until, closed.outcomes) == (None, None, ())


def test_a_failed_probe_waits_longer_and_keeps_the_beginning() -> None:
    breaker = fail(NEW, 3, now=100).tick(108, 1).probed("still away", 110, 1)
    assert breaker.state is CircuitState.OPEN
    assert (breaker.since, breaker.until, breaker.detail) == (100, 126, "still away")


def test_the_waits_grow_to_the_longest_and_no_further() -> None:
    breaker, now = fail(NEW, 3), 0.0
    for _ in range(50):
        assert breaker.until is not None
        now = breaker.until
        breaker = breaker.tick(now, 1).probed("away", now, 1)
    assert breaker.until == now + 60


def test_a_successful_probe_between_failures_does_not_shorten_the_next_wait() -> None:
    closed = fail(NEW, 3).tick(8, 1).probed(None, 8, 1)
    assert fail(closed, 3, now=10).until == 10 + 16
    assert fail(closed.succeeded(), 2, now=10).succeeded().is_closed
    assert fail(closed.succeeded().succeeded(), 3, now=10).until == 10 + 8


def test_a_probe_without_an_answer_has_failed() -> None:
    half_open = fail(NEW, 3).tick(8, 1)
    assert half_open.tick(37, 1) is half_open
    assert half_open.tick(38, 1).state is CircuitState.OPEN


def test_failures_that_arrive_late_do_not_lengthen_the_wait() -> None:
    breaker = fail(NEW, 3, now=100)
    assert fail(breaker, 5, now=104).until == breaker.until


def test_a_success_while_open_makes_it_probe_at_once() -> None:
    assert fail(NEW, 3, now=100).succeeded().tick(101, 1).state is CircuitState.HALF_OPEN


def test_a_person_can_make_it_probe_at_once() -> None:
    assert fail(NEW, 3, now=100).probe_now(101).tick(101, 1).state is CircuitState.HALF_OPEN
    assert NEW.probe_now(3) is NEW


def test_the_answer_to_a_probe_that_was_given_up_changes_nothing() -> None:
    assert NEW.probed("away", 1, 1) is NEW
