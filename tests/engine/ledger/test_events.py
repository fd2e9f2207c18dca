"""A hold at two is found at eight, whatever came after it: notable events stay, others age out, like ones are one."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from msgspec import structs

from engine.formatting import HOUR, MINUTE
from engine.ledger import schema
from engine.ledger.events import age
from engine.ledger.reader import LedgerReader
from engine.ledger.states import EventKind, EventLevel
from engine.ledger.told_events import told
from engine.ledger.writer import Ledger
from engine.workspace import Workspace
from tests.support.ledgers import make_ledger
from tests.support.run_records import BEGAN

TWO = BEGAN + 8 * HOUR
"""At night."""


def fail(ledger: Ledger, image_id: int, at: float, cause: str = "source-missing") -> None:
    message = f"{cause}: no {image_id}"
    ledger.event(EventLevel.ERROR, EventKind.FAILED, message, image_id, 7, at, fold=cause)


def test_a_hold_is_found_after_thousands_of_failures_and_of_routine_events(tmp_path: Path) -> None:
    workspace = make_ledger(tmp_path / "ws", 400)
    with Ledger.open(workspace) as ledger, ledger.transaction():
        ledger.event(EventLevel.WARNING, EventKind.HOLD, "the share is away", 3, at=TWO)
        for number in range(4000):
            at = TWO + number * 5.4  # six hours
            fail(ledger, number % 400 + 1, at, ("source-missing", "corrupt")[number % 3 == 0])
            ledger.event(EventLevel.INFO, EventKind.CONVERTED, "fine", number % 400 + 1, at=at)
        aged, rounds = 0, 0
        while (upto := age(ledger._db, aged, 700, kept=1000)) != aged:
            aged, rounds = upto, rounds + 1
        assert 11 <= rounds <= 30, "a few at a time"
    with LedgerReader(workspace) as reader:
        notable = reader.events(notable=True, since=TWO, limit=100)
        assert [event.kind for event in notable[:1]] == ["hold"]
        assert sum(event.times for event in notable if event.kind == "failed") == 4000
        assert len(notable) == 1 + 2 * 6, "one an hour and cause"
        everything = reader.events(since=TWO, limit=5000)
        assert notable[0] in everything
        assert len([event for event in everything if not event.notable]) <= 1000
        assert "failed" in {event.kind for event in reader.events(image_id=400)}, (
            "its own, not the one of many"
        )
        assert all(event.times == 1 for event in reader.events(image_id=400))
        assert reader.event_count(notable=True) == len(reader.events(notable=True, limit=100))


def test_failures_are_one_row_for_each_cause_until_a_gap_an_hour_or_another_engine(tmp_path: Path) -> None:
    workspace = make_ledger(tmp_path / "ws", 9)
    with Ledger.open(workspace) as ledger:
        for number, minutes in enumerate((0, 9, 18, 29, 30)):
            fail(ledger, number + 1, TWO + minutes * MINUTE)
        fail(ledger, 6, TWO + 30 * MINUTE, "corrupt")
        for number in range(20):
            fail(ledger, 7, TWO + (60 + 5 * number) * MINUTE)
        ledger.start_run()
        fail(ledger, 8, TWO + 156 * MINUTE)
    with LedgerReader(workspace) as reader:
        rows = [
            (e.fold, e.times, e.first - TWO, e.time - TWO) for e in reader.events(notable=True, since=TWO)
        ]
        assert rows == [
            ("source-missing", 3, 0, 18 * MINUTE),
            ("source-missing", 2, 29 * MINUTE, 30 * MINUTE),
            ("corrupt", 1, 30 * MINUTE, 30 * MINUTE),
            ("source-missing", 13, HOUR, 2 * HOUR),
            ("source-missing", 7, 125 * MINUTE, 155 * MINUTE),
            ("source-missing", 1, 156 * MINUTE, 156 * MINUTE),
        ]
        first, _, alone, *_ = reader.events(notable=True, since=TWO)
        assert told(first) == "source-missing ×3, 02:00:00–02:18:00, the last: no 3"
        assert (first.image_id, first.message) == (3, "source-missing: no 3")
        assert told(alone) == "corrupt: no 6"
        at_once = structs.replace(first, time=first.first + 0.4)
        assert told(at_once) == "source-missing ×3, 02:00:00, the last: no 3"


def test_what_is_said_of_an_image_alone_is_no_part_of_the_history(tmp_path: Path) -> None:
    workspace = make_ledger(tmp_path / "ws", 3)
    with Ledger.open(workspace) as ledger:
        before = ledger._db.execute("SELECT count(*) FROM events").fetchone()[0]
        ledger.event(EventLevel.INFO, EventKind.STARTED, "attempt 1", 1)
        ledger.event(EventLevel.WARNING, EventKind.RETRY, "worker-crashed: gone", 1, fold="worker-crashed")
        ledger.event(EventLevel.INFO, EventKind.ENGINE, "paused by anna")
    with LedgerReader(workspace) as reader:
        assert [(e.kind, e.notable) for e in reader.events(before)] == [
            ("started", False),
            ("retry", True),
            ("engine", True),
        ]
        assert [e.kind for e in reader.events(image_id=1)] == ["started", "retry"]
        assert [e.kind for e in reader.events(text="CRASHED")] == ["retry"]


def test_the_history_of_an_older_ledger_keeps_what_is_notable(tmp_path: Path) -> None:
    workspace = Workspace.init(tmp_path / "ws")
    db = sqlite3.connect(workspace.ledger_path)
    notable = next(n for n, text in enumerate(schema.MIGRATIONS) if "events ADD COLUMN rank" in text)
    for migration in schema.MIGRATIONS[:notable]:
        db.executescript(migration)
    db.executescript(
        """
        INSERT INTO batches (name, added) VALUES ('maps', 1.5);
        INSERT INTO images (batch, uuid, barcode, record, name, type, source, checksum, target, target_key, updated)
            VALUES (1, 'u', 'B1', 'R1', 'a.tif', 'map', '/s/a.jp2', '', 'maps/u/a.jpg', 7, 1.5),
                (1, 'u', 'B1', 'R1', 'b.tif', 'map', '/s/b.jp2', '', 'maps/u/b.jpg', 8, 1.5);
        """
    )
    rows = [
        (0.0, "info", "engine", "started", None),
        (1.0, "warning", "hold", "the share is away", 1),
        (2.0, "error", "failed", "corrupt: first", 1),
        (3.0, "error", "failed", "corrupt: second", 2),
        (4.0, "info", "converted", "fine", 1),
        (5.0, "info", "requeue", "requeued", 2),
        (3700.0, "error", "failed", "corrupt: third", 2),
    ]
    db.executemany("INSERT INTO events (time, level, kind, message, image) VALUES (?, ?, ?, ?, ?)", rows)
    db.executescript(f"PRAGMA user_version = {notable}; PRAGMA journal_mode = WAL;")
    db.close()
    with LedgerReader(workspace) as reader:
        assert [(e.kind, e.notable, told(e)[:9], e.times) for e in reader.events()] == [
            ("engine", True, "started", 1),
            ("hold", True, "the share", 1),
            ("failed", True, "corrupt ×", 2),
            ("converted", False, "fine", 1),
            ("failed", True, "corrupt: ", 1),
        ]
        said = [(e.kind, e.message) for e in reader.events(image_id=2)]
        assert said == [("failed", "corrupt: second"), ("requeue", "requeued"), ("failed", "corrupt: third")]


@pytest.mark.parametrize("notable", [True, False])
def test_the_whole_history_is_read_in_chunks(tmp_path: Path, notable: bool) -> None:
    workspace = make_ledger(tmp_path / "ws", 1)
    with Ledger.open(workspace) as ledger, ledger.transaction():
        for number in range(4500):
            ledger.event(EventLevel.INFO, EventKind.ENGINE if notable else EventKind.STARTED, f"{number}", 1)
    with LedgerReader(workspace) as reader:
        told_all = [e.message for e in reader.iterate_events(notable=notable) if e.image_id]
        assert told_all == [f"{number}" for number in range(4500)]
