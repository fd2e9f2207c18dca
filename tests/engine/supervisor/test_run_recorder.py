"""The record of a run is closed by the engine that sees that nothing is left, also if another had begun it."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.ledger.runs import Ending
from engine.supervisor.engine_ledger import EngineLedger
from engine.supervisor.run_recorder import RunRecorder
from engine.supervisor.run_times import Stored
from tests.support.ledgers import make_ledger


@pytest.mark.parametrize("closes_run", [True, False])
def test_a_run_whose_engine_died_after_its_last_image_is_ended_by_the_next(
    tmp_path: Path, *, closes_run: bool
) -> None:
    with EngineLedger.open(make_ledger(tmp_path / "ws", 1, done=1)) as ledger:
        died, following = RunRecorder(ledger), RunRecorder(ledger)
        died.begin()
        died.note(Stored(), has_work=True)
        assert [engine.how for engine in following.begin()] == [Ending.DIED]
        following.end(Ending.FINISHED, closes_run=closes_run)
        run = ledger.last_run()
    assert run is not None
    assert [engine.how for engine in run.engines] == [Ending.DIED, *([Ending.FINISHED] if closes_run else [])]
    assert (run.ended is not None) is closes_run
