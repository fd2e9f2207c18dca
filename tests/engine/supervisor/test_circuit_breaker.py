"""The circuit breaker: opens when many fail, waits longer each time, and closes by a probe."""

from __future__ import annotations

from engine.messages import FaultKind
from engine.supervisor.circuit_breaker import Circuit, CircuitState, Rules

RULES = Rules(failures=3, recent=6, first_hold_s=8, longest_hold_s=60, probe_timeout_s=30)
NEW = Circuit(RULES)


def fail(circuit: Circuit, times: int, now: float = 0.0) -> Circuit:
    for _ in range(times):
        circuit = circuit.failed(FaultKind.TRANSIENT, "reset", now, 1.0)
    return circuit


def test_a_few_failures_leave_it_closed() -> None:
    assert fail(NEW, 2).closed


def test_many_failures_open_it() -> None:
    circuit = fail(NEW, 3, now=100)
    assert circuit.stance is CircuitState.OPEN
    assert (circuit.since, circuit.until, circuit.detail) == (100, 108, "reset")


def test_failures_among_more_successes_leave_it_closed() -> None:
    circuit = NEW
    for _ in range(50):
        circuit = fail(circuit, 1).succeeded().succeeded()
    assert circuit.closed


def test_the_images_own_fault_counts_as_a_success() -> None:
    circuit = fail(NEW, 2)
    for _ in range(10):
        circuit = circuit.failed(FaultKind.ITEM, "mismatch", 0, 1)
    assert circuit.closed
    assert circuit.outcomes.count(False) == 0


def test_the_configurations_fault_opens_at_once() -> None:
    circuit = NEW.succeeded().failed(FaultKind.CONFIGURATION, "denied", 5, 0.0)
    assert circuit.stance is CircuitState.OPEN
    assert circuit.until == 5 + 0.75 * 8


def test_it_probes_when_its_time_is_up_and_closes_when_that_is_well() -> None:
    circuit = fail(NEW, 3, now=100)
    assert circuit.tick(107.9, 1) is circuit
    probing = circuit.tick(108, 1)
    assert probing.stance is CircuitState.HALF_OPEN
    closed = probing.probed(None, 109, 1)
    assert closed.closed
    assert (closed.since, closed.until, closed.outcomes) == (None, None, ())


def test_a_failed_probe_holds_longer_and_keeps_the_beginning() -> None:
    circuit = fail(NEW, 3, now=100).tick(108, 1).probed("still away", 110, 1)
    assert circuit.stance is CircuitState.OPEN
    assert (circuit.since, circuit.until, circuit.detail) == (100, 126, "still away")


def test_the_holds_grow_to_the_longest_and_no_further() -> None:
    circuit, now = fail(NEW, 3), 0.0
    for _ in range(50):
        assert circuit.until is not None
        now = circuit.until
        circuit = circuit.tick(now, 1).probed("away", now, 1)
    assert circuit.until == now + 60


def test_a_good_probe_between_failures_does_not_shorten_the_next_hold() -> None:
    closed = fail(NEW, 3).tick(8, 1).probed(None, 8, 1)
    assert fail(closed, 3, now=10).until == 10 + 16
    assert fail(closed.succeeded(), 2, now=10).succeeded().closed
    assert fail(closed.succeeded().succeeded(), 3, now=10).until == 10 + 8


def test_a_probe_that_nobody_answers_has_failed() -> None:
    probing = fail(NEW, 3).tick(8, 1)
    assert probing.tick(37, 1) is probing
    assert probing.tick(38, 1).stance is CircuitState.OPEN


def test_failures_that_arrive_late_do_not_lengthen_the_hold() -> None:
    circuit = fail(NEW, 3, now=100)
    assert fail(circuit, 5, now=104).until == circuit.until


def test_a_success_while_open_is_a_sign_of_life() -> None:
    assert fail(NEW, 3, now=100).succeeded().tick(101, 1).stance is CircuitState.HALF_OPEN


def test_somebody_may_say_look_now() -> None:
    assert fail(NEW, 3, now=100).probe_now(101).tick(101, 1).stance is CircuitState.HALF_OPEN
    assert NEW.probe_now(3) is NEW


def test_an_answer_nobody_waits_for_changes_nothing() -> None:
    assert NEW.probed("away", 1, 1) is NEW
