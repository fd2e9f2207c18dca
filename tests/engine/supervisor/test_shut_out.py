"""A machine that does not reach the store while others do keeps the run neither from its pace nor from its end."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from engine.failures import Cause, Failure, Stage
from engine.ledger.reader import LedgerReader
from engine.messages import FaultKind
from engine.supervisor.shut_out import HANDS_OVER_AFTER_S, STARTS_NOTHING_AFTER_S, Machine, ShutOut
from tests.engine.supervisor.test_crews import IMAGES, SimulatedRun

HERE = Machine("", can_store=True, works=True, is_idle=False)
IDLE = Machine("", can_store=True, works=True, is_idle=True)
SHUT_OUT = Machine("b", can_store=False, works=False, is_idle=True)
AWAY = Machine("", can_store=False, works=False, is_idle=True)


def test_what_waits_is_handed_over_to_idle_machines_soon_and_to_busy_ones_late() -> None:
    shut_out = ShutOut()
    for machines, now, handed_over, starts in [
        ((HERE, SHUT_OUT), 0.0, [], True),
        ((IDLE, SHUT_OUT), STARTS_NOTHING_AFTER_S - 1, [], True),
        ((HERE, SHUT_OUT), STARTS_NOTHING_AFTER_S, [], False),
        ((IDLE, SHUT_OUT), STARTS_NOTHING_AFTER_S, ["b"], False),
        ((AWAY, SHUT_OUT), STARTS_NOTHING_AFTER_S + 1, [], True),
        ((HERE, SHUT_OUT), HANDS_OVER_AFTER_S, ["b"], False),
        ((HERE, SHUT_OUT), HANDS_OVER_AFTER_S + 1, ["b"], False),
        ((HERE,), HANDS_OVER_AFTER_S + 2, [], True),
        ((HERE, SHUT_OUT), HANDS_OVER_AFTER_S + 3, [], True),
    ]:
        assert shut_out.look(machines, now) == handed_over
        assert shut_out.may_start("b", now) == starts
        assert shut_out.may_start("", now) or not machines[0].can_store


@pytest.mark.parametrize("name", ["", "b"])
def test_jpegs_of_a_machine_that_does_not_reach_the_store_are_made_by_others_and_no_attempt_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    run = SimulatedRun(tmp_path)
    run.join("b")
    for _ in range(2):
        run.turn()
    crew = next(one for one in run.crews if one.context.host.name == name)
    away = Failure(Cause.STORE_DENIED, Stage.STORING, "it does not let this machine in")
    crew.holds.store_failed(FaultKind.CONFIGURATION, away, time.monotonic())
    shut_out, other = run.machines[name], run.machines["b" if name == "" else ""]
    taken = {job.image_id for _, job in shut_out.jobs}
    for child, job in shut_out.jobs:
        shut_out.convert(child, job)
    assert taken and not crew.can_store
    began = time.monotonic()
    while sum(account.done for account in run.ledger.account().values()) < IMAGES - len(taken):
        for child, job in other.jobs:
            other.convert(child, job)
        while other.store_next():
            pass
        run.turn()
    assert set(crew.storing.image_ids) == taken and shut_out.scratch.files

    for seconds in (2, 2 + STARTS_NOTHING_AFTER_S):
        assert shut_out.scratch.files
        monkeypatch.setattr(time, "monotonic", lambda seconds=seconds: began + seconds)
        run.turn()
    assert crew.storing.on_scratch == 0 and shut_out.scratch.files == set()
    assert not crew.can_store, "it still holds"
    while any(account.remaining for account in run.ledger.account().values()):
        run.turn()
        assert shut_out.jobs == []
        for child, job in other.jobs:
            other.convert(child, job)
        while other.store_next():
            pass
    with LedgerReader(run.workspace) as reader:
        assert {image.attempts for image in reader.images()} == {1}
        told = [event.message for event in reader.events(limit=1000) if "has not reached" in event.message]
    assert len(told) == 1 and "start again on others" in told[0]
    run.ledger.close()
