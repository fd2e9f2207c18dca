"""The curve of a whole run: a night of holds, pauses and a crash is where it was, in any number of columns."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from msgspec import structs

from engine.control.recent import Rest
from engine.ledger.runs import Ending, EngineRecord, RunNote, RunRecord, Throughput, Wait, WaitKind
from engine.ledger.writer import Ledger
from engine.workspace import Workspace
from tests.support.app_pilot import opened
from tests.support.ledgers import make_ledger
from tests.support.statuses import NOW, night_record
from tui.connection.offline_ledger import OfflineLedger
from tui.widgets.run_curve import run_curve

HOUR = 3600.0
BEGAN = 1_772_323_200.0
"""A full hour."""


def engine(number: int, began_h: float, seen_h: float, how: Ending | None) -> EngineRecord:
    began, seen = BEGAN + began_h * HOUR, BEGAN + seen_h * HOUR
    return EngineRecord(number, 4000 + number, "reading-room", "0.1.0", began, seen, seen - began, how, "")


def night() -> RunRecord:
    """Twelve hours: held in the third, paused in the sixth, without an engine in the ninth, twice as fast from then."""
    waits = (
        Wait(WaitKind.HELD, "store", "", BEGAN + 2 * HOUR, BEGAN + 3 * HOUR, HOUR),
        Wait(WaitKind.PAUSED, "anna", "", BEGAN + 5 * HOUR, BEGAN + 6 * HOUR, HOUR),
        Wait(WaitKind.HELD, "memory", "", BEGAN + 10 * HOUR, BEGAN + 11 * HOUR, HOUR / 4, 9),
    )
    hours = [hour for hour in range(12) if hour not in (2, 5, 8)]
    speed = tuple(
        Throughput(BEGAN + hour * HOUR, HOUR, 3600 if hour < 8 else 7200, 0.0, 0, 0) for hour in hours
    )
    engines = (engine(1, 0, 8, Ending.DIED), engine(2, 9, 12, None))
    return RunRecord(1, BEGAN, None, engines, waits, speed)


def test_a_night_is_shown_as_it_was() -> None:
    curve = run_curve(night(), BEGAN + 12 * HOUR, 13)
    assert curve.column_s == HOUR
    rests = {2: Rest.HOLDING, 5: Rest.PAUSED, 8: Rest.STOPPED}
    assert [point.rest for point in curve.points[:12]] == [rests.get(hour) for hour in range(12)]
    worked = [value for hour, value in enumerate(curve.values[:12]) if hour not in rests]
    assert worked == pytest.approx([1, 1, 1, 1, 1, 1, 2, 1.5, 2]), "short holds are a dip"


def test_a_run_that_goes_on_ends_now_and_one_that_is_over_ended_then() -> None:
    later = run_curve(night(), BEGAN + 20 * HOUR, 21)
    assert len(later.points) == 21 and later.span == "20 h"
    assert run_curve(night(), BEGAN + 20, 21).span == "1 min"
    over = structs.replace(night(), ended=BEGAN + 12 * HOUR)
    assert run_curve(over, BEGAN + 500 * HOUR, 13) == run_curve(over, BEGAN + 12 * HOUR, 13)


@pytest.mark.parametrize("hours", [0, 0.01, 1, 12, 36, 2000, 200_000])
def test_any_run_fits_any_number_of_columns(hours: float) -> None:
    for columns in (0, 1, 2, 13, 28, 72, 194):
        curve = run_curve(structs.replace(night(), ended=BEGAN + hours * HOUR), BEGAN, columns)
        assert len(curve.points) <= columns
        assert all(0 <= value <= 2.001 for value in curve.values)


def test_a_clock_that_was_set_back_breaks_nothing() -> None:
    engines = (engine(1, 5, 8, Ending.DIED), engine(2, -3, -1, None))
    assert run_curve(structs.replace(night(), engines=engines), BEGAN - HOUR, 40).points


@pytest.mark.parametrize("size", [(60, 20), (80, 24), (120, 40), (200, 60)])
async def test_c_shows_the_whole_run_and_the_last_half_hour_again(root: Path, size: tuple[int, int]) -> None:
    async with opened(root, size=size) as session:
        half_hour = session.text
        await session.press("c")
        assert session.text != half_hour
        if size[0] > 60:
            assert "36 h: av" in session.text or "avg 8" in session.text
        await session.press("c")
        assert session.text == half_hour


async def test_c_says_so_if_the_ledger_has_no_record_yet(root: Path) -> None:
    async with opened(root) as session:
        session.poller.show(replace(session.app.view.status, record=None))
        await session.settle()
        await session.press("c")
        assert session.message == "The ledger has no record of this run yet."


def test_the_records_of_the_run_come_from_the_ledger_also_while_an_engine_writes(tmp_path: Path) -> None:
    workspace = make_ledger(tmp_path / "workspace", 3, failed=1).root
    offline = OfflineLedger(Workspace(workspace))
    with Ledger.open(Workspace(workspace)) as ledger:
        start = ledger.start_run()
        one = structs.replace(engine(1, 0, 1, None), id=start.engine)
        ledger.keep_run(RunNote(start.run, one.began, None, one, {}, dict(enumerate(night().throughput))))
        found = offline.record()
    assert found is not None and found.throughput == night().throughput
    assert offline.record() is found, "it is read seldom"
    offline.close()


def test_the_drawings_have_a_night_with_everything_in_it() -> None:
    curve = run_curve(night_record(Ending.STOPPED), NOW, 72)
    assert {point.rest for point in curve.points} >= {None, Rest.HOLDING}
