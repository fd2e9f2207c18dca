"""A run begins with the first work, and goes on over restarts until everything is finished."""

from __future__ import annotations

from pathlib import Path

from msgspec import structs

from engine.ledger.reader import LedgerReader
from engine.ledger.runs import Ending, RunNote, RunStart, WaitKind
from engine.ledger.writer import Ledger
from engine.run_account.reading import run_text
from engine.workspace import Workspace
from tests.support.ledgers import make_ledger
from tests.support.run_records import BEGAN, HOUR, engine, span, wait


def note(
    start: RunStart, began_h: float, until_h: float, how: Ending | None, ended: float | None = None
) -> RunNote:
    of_engine = structs.replace(engine(began_h, until_h, how), id=start.engine)
    return RunNote(start.run, start.run_began or of_engine.began, ended, of_engine, {}, {})


def test_what_an_engine_notes_later_replaces_what_it_noted_before(workspace: Workspace) -> None:
    with Ledger.open(workspace) as ledger:
        start = ledger.start_run()
        assert start == RunStart(1, 1, None, ())
        first = note(start, 0, 1, None)
        store, memory = wait(WaitKind.HELD, "store", 0.5, 60), wait(WaitKind.HELD, "memory", 0.7, 5)
        ledger.keep_run(structs.replace(first, waits={0: store}, throughput={0: span(0, 10)}))
        later = note(start, 0, 2, Ending.STOPPED)
        longer = structs.replace(store, ended=store.ended + 60, lasted_s=120.0)
        ledger.keep_run(structs.replace(later, waits={0: longer, 1: memory}, throughput={0: span(0, 12)}))
        found = ledger.last_run()
    assert found is not None
    assert (found.number, found.began, found.ended) == (1, BEGAN, None)
    assert found.engines == (later.engine,)
    assert (found.waits, found.throughput) == ((longer, memory), (span(0, 12),))


def test_a_run_goes_on_until_all_is_finished_and_who_died_is_known_to_the_next(workspace: Workspace) -> None:
    with Ledger.open(workspace) as ledger:
        ledger.keep_run(note(ledger.start_run(), 0, 1, None))
        second = ledger.start_run()
        assert (second.engine, second.run, second.run_began) == (2, 1, BEGAN)
        assert [(died.id, died.how, died.seen) for died in second.died] == [(1, Ending.DIED, BEGAN + HOUR)]
        ledger.keep_run(note(second, 2, 3, Ending.FINISHED, BEGAN + 3 * HOUR))
        third = ledger.start_run()
        assert (third.engine, third.run, third.run_began, third.died) == (3, 2, None, ())
        finished = ledger.last_run()
        assert finished is not None
        assert [engine.how for engine in finished.engines] == [Ending.DIED, Ending.FINISHED]
        ledger.keep_run(note(third, 5, 6, None))
        found = ledger.last_run()
    assert found is not None
    assert (found.number, found.began, len(found.engines)) == (2, BEGAN + 5 * HOUR, 1)


def test_any_process_tells_the_run_from_the_ledger_alone(tmp_path: Path) -> None:
    workspace = make_ledger(tmp_path / "told", 9, failed=2, done=3)
    assert run_text(workspace) == ""
    with Ledger.open(workspace) as ledger:
        start = ledger.start_run()
        ledger.keep_run(note(start, 0, 1, None))
        assert "began 01 Mar 2026 18:00, runs for 1 h 00 min" in run_text(workspace)
    told = run_text(workspace).split("\n")
    assert told[0] == "run       the engine died: began 01 Mar 2026 18:00, last seen 19:00, after 1 h 00 min"
    assert told[-3:] == [
        "next      see how it ended: `photostat events`, and engine-output.log in logs/",
        "next      go on with 4 images: `photostat run` (s in the app)",
        "next      see why 2 images failed: `photostat failures` (f), then `photostat requeue` or `photostat accept`",
    ]
    with LedgerReader(workspace) as reader:
        assert reader.new_failures(0.0) == {group.cause: group.images for group in reader.failure_groups()}
        assert reader.new_failures(4e9) == {}
