"""`add` beside a running engine: the engine writes the rows, and everything comes to the same as without one."""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest

from engine.control.client import EngineClient
from engine.control.requests import Add, Request
from engine.ledger.account import Account
from engine.ledger.reader import LedgerReader
from engine.workspace import Workspace
from tests.conftest import LARGE, MakeWorkspace, end_engine, make_sources
from tests.support.command_in_process import complaint
from tests.support.command_line import photostat, start
from tests.support.engine_runs import (
    kill_engine,
    resume_worker,
    start_engine,
    start_engine_without_share,
    status,
    suspend_busy_worker,
    wait_for_end,
)
from tests.support.jp2_files import Row, representation, write_export
from tests.support.ledgers import make_ledger
from tests.support.waiting import LONGEST_WAIT_S, wait_until

MANY = 12_000
SLOW = "CREATE TRIGGER slow AFTER INSERT ON images BEGIN SELECT length(randomblob(1000000)); END"
"""Each new row takes milliseconds, so that the engine is in the middle of an order when the test looks."""
NOTE_STARTS = """
CREATE TABLE starts (image INTEGER, seen INTEGER);
CREATE TRIGGER note_starts AFTER UPDATE OF state ON images WHEN NEW.state = 'in_flight' BEGIN
    INSERT INTO starts VALUES (NEW.id, (SELECT seen FROM orders WHERE ended IS NULL AND seen < images));
END;
"""
"""How far the order in hand was when an image started."""
OF_THE_ENGINE = ("engine", "hold")


def rows(numbers: range, prefix: str = "page", *, source: str = "/mnt/holdings") -> list[Row]:
    return [
        Row(representation(n // 5), "B1", f"99{n}", f"{prefix}_{n}.tif", "maps", f"{source}/{prefix}_{n}.jp2")
        for n in numbers
    ]


def changed(row: Row, **values: str) -> Row:
    return replace(row, **values)


def exports(place: Path) -> list[tuple[str, list[str]]]:
    """Exports, one after the other, with the options of `add`: new, again, corrected, renamed, colliding, malformed."""
    first = rows(range(30))
    second = [*first]
    second[3] = changed(first[3], source="/mnt/elsewhere/3.jp2")
    second[4] = changed(first[4], name="renamed.tif")
    second[5] = changed(first[5], barcode="B2")
    second[6], second[7] = changed(first[6], name=first[7].name), changed(first[7], name=first[6].name)
    colliding = [*second, changed(first[8], source="/mnt/other/8.jp2"), *rows(range(30, 40))]
    freed = [row for row in colliding if row.source != first[8].source]
    freed += [changed(first[8], name="another name.tif")]
    odd = [*rows(range(50, 55), "PAGE"), changed(first[0], uuid="no uuid"), first[1], first[1]]
    upper = [changed(row, uuid=row.uuid.upper(), name=f"upper_{row.name}") for row in first[:3]]
    tables = [first, first, second, colliding, freed, odd, upper]
    for number, table in enumerate(tables):
        directory = place / str(number)
        directory.mkdir()
        write_export(directory / "maps.csv", table)
    calls: list[tuple[str, list[str]]] = [
        (str(place / str(number) / "maps.csv"), []) for number in range(len(tables))
    ]
    return [*calls, (calls[3][0], ["--batch", "Maps"]), (calls[5][0], ["--split-by", "type"])]


def ledger_contents(root: Path) -> tuple[list[Any], list[Any]]:
    with LedgerReader(Workspace(root)) as reader:
        images = [
            (
                i.id,
                i.batch,
                i.uuid,
                i.name,
                i.source,
                i.record,
                i.barcode,
                i.target,
                i.state,
                i.cause,
                i.message,
            )
            for i in reader.iterate()
        ]
        events = [
            (e.level, e.kind, e.message, e.target)
            for e in reader.events(limit=10_000)
            if e.kind not in OF_THE_ENGINE
        ]
    return images, sorted(events)


@pytest.fixture
def root(tmp_path: Path) -> Iterator[Path]:
    place = make_ledger(tmp_path / "ws", 24, failed=4, done=3).root
    yield place
    end_engine(place)


def _hour(from_now: int) -> str:
    return time.strftime("%H:%M", time.localtime(time.time() + 3600 * from_now))


def test_every_export_comes_to_the_same_as_without_an_engine(root: Path, tmp_path: Path) -> None:
    without = tmp_path / "without"
    (root / "photostat.toml").write_text(f'[engine]\nhours = "{_hour(6)}-{_hour(7)}"\n')  # so none starts
    shutil.copytree(root, without)
    start_engine(root)
    photostat("pause", workspace=root)
    directory = tmp_path / "exports"
    directory.mkdir()
    for export, options in exports(directory):
        for as_json in (["--json"], []):
            here = photostat("add", export, *options, *as_json, workspace=root, expect=None)
            there = photostat("add", export, *options, *as_json, workspace=without, expect=None)
            assert (here.code, here.stdout, here.stderr) == (there.code, there.stdout, there.stderr)
            assert ledger_contents(root) == ledger_contents(without), (export, options)
    assert not list(root.glob("ledger.add-*"))
    account = status(root)["totals"]
    assert account["rows"] == len(ledger_contents(without)[0]) and account["failed"] > 4
    (tmp_path / "empty.csv").touch()
    for bad in (tmp_path / "missing.csv", tmp_path / "empty.csv"):
        here = photostat("add", bad, workspace=root, expect=2)
        assert here.stderr == photostat("add", bad, workspace=without, expect=2).stderr
    assert ledger_contents(root) == ledger_contents(without)


def test_added_rows_are_converted_at_once(workspace: MakeWorkspace) -> None:
    root = workspace(images=6, **LARGE)
    more = [replace(row, name=f"more_{row.name}") for row in make_sources(root, 2, 160, 120)]
    write_export(root / "more.csv", more)
    start_engine(root, "--workers", "1")
    busy = suspend_busy_worker(root)
    printed = photostat("add", root / "more.csv", workspace=root).stdout
    resume_worker(busy)
    assert "2 rows" in printed
    assert wait_for_end(root)["totals"]["done"] == 8


def test_what_is_read_of_a_source_that_was_corrected_meanwhile_does_not_count(
    workspace: MakeWorkspace,
) -> None:
    root = workspace(images=3, **LARGE)
    pid = start_engine(root, "--workers", "1")
    busy = suspend_busy_worker(root)
    wait_until(lambda: waits_for_surveys(root, 0), "the headers of all three")
    surveyor = wait_until(lambda: find_surveyor(pid), "the surveyor")
    surveyor.suspend()
    (source,) = make_sources(root, 1, 160, 120)
    (root / "empty.jp2").touch()
    more = changed(source, name="more.tif", source=str(root / "empty.jp2"))
    write_export(root / "more.csv", [more])
    photostat("add", root / "more.csv", workspace=root)
    for _ in range(10):
        status(root)  # each answer is followed by a turn of the loop, which asks the surveyor
    write_export(root / "more.csv", [changed(more, source=source.source)])
    photostat("add", root / "more.csv", workspace=root)
    surveyor.resume()
    resume_worker(busy)
    totals = wait_for_end(root)["totals"]
    assert (totals["done"], totals["failed"]) == (4, 0)


def find_surveyor(pid: int) -> psutil.Process | None:
    return next(filter(is_surveyor, psutil.Process(pid).children()), None)


def is_surveyor(process: psutil.Process) -> bool:
    try:
        return "photostat-surveyor" in " ".join(process.cmdline())
    except psutil.NoSuchProcess:  # it has just ended; the engine's next turn takes note of that
        return False


def waits_for_surveys(root: Path, count: int) -> bool:
    with closing(sqlite3.connect(root / "ledger.sqlite")) as ledger:
        query = "SELECT count(*) FROM images WHERE state = 'pending' AND width IS NULL"
        return bool(ledger.execute(query).fetchone()[0] == count)


def test_nothing_starts_while_images_change_their_targets(workspace: MakeWorkspace) -> None:
    root = workspace(images=6, **LARGE)
    table = rows(range(MANY), source=str(root / "source"))
    write_export(root / "many.csv", table)
    photostat("add", root / "many.csv", workspace=root)
    with closing(sqlite3.connect(root / "ledger.sqlite")) as ledger, ledger:
        ledger.executescript(NOTE_STARTS)
    pid = start_engine(root, "--workers", "1", "--batch", "plates")
    busy = suspend_busy_worker(root)
    write_export(root / "many.csv", [changed(row, name=f"renamed_{row.name}") for row in table])
    command = start("add", root / "many.csv", workspace=root)
    with LedgerReader(Workspace(root)) as reader:
        wait_until(lambda: reader.open_orders() or command.poll() is not None, "the rows to be taken")
        os.kill(pid, signal.SIGSTOP)  # so that the worker is free before the engine has come far with them
        resume_worker(busy)
        worker = psutil.Process(busy["pid"])
        wait_until(lambda: is_idle(worker), "the worker to be done with its image")
        os.kill(pid, signal.SIGCONT)
    command.communicate(
        timeout=LONGEST_WAIT_S
    )  # it may have found the engine silent; the order is done all the same
    assert wait_for_end(root)["totals"]["done"] == 6
    with closing(sqlite3.connect(root / "ledger.sqlite")) as ledger:
        starts = [row[0] for row in ledger.execute("SELECT seen FROM starts")]
    assert len(starts) == 6
    assert [seen for seen in starts if seen] == [], "they started between the first slice and the last"


def is_idle(worker: psutil.Process) -> bool:
    """It has used no processor time for a while."""
    before = worker.cpu_times()
    time.sleep(0.3)  # what a process uses shows only over a time
    return worker.cpu_times() == before and worker.status() == psutil.STATUS_SLEEPING


def test_an_image_that_is_being_converted_keeps_its_source_and_is_named(workspace: MakeWorkspace) -> None:
    root = workspace(images=6, **LARGE)
    table = make_sources(root, 6, **LARGE)
    start_engine(root, "--workers", "1")
    busy = suspend_busy_worker(root)
    at = busy["image_id"] - 1
    before = table[at].source
    table[at] = changed(table[at], source=str(root / "source" / "nowhere.jp2"))
    write_export(root / "export.csv", table)
    (batch,) = status(root)["batches"]
    outcome = photostat(
        "add", root / "export.csv", "--batch", batch["name"], "--json", workspace=root, expect=1
    )
    resume_worker(busy)
    assert (outcome.json["kept"], outcome.json["changed"]) == (1, 0)
    (note,) = outcome.json["kept_as_done"]
    assert f"is being converted, from {before}: kept as it is" in note["message"]
    assert wait_for_end(root)["totals"]["done"] == 6


def change_ledger(root: Path, sql: str) -> None:
    with closing(sqlite3.connect(root / "ledger.sqlite")) as ledger, ledger:
        ledger.execute(sql)


def test_a_large_export_is_written_beside_everything_else_and_outlives_its_engine(root: Path) -> None:
    write_export(root / "many.csv", rows(range(MANY)))
    change_ledger(root, SLOW)
    pid = start_engine(root)
    photostat("pause", workspace=root)
    command = start("add", root / "many.csv", workspace=root)
    with LedgerReader(Workspace(root)) as reader:
        wait_until(lambda: reader.open_orders() or command.poll() is not None, "the rows to be taken")
        os.kill(pid, signal.SIGSTOP)
        (taken,) = reader.open_orders()
        assert (taken.kind, taken.images) == ("add", MANY)
    kill_engine(pid)
    change_ledger(root, "DROP TRIGGER slow")
    _, told = command.communicate(timeout=LONGEST_WAIT_S)
    assert command.returncode == 3 and "The order is taken (" in told
    start_engine(root)
    wait_until(lambda: not status(root)["orders"], "the rest of the rows")
    with LedgerReader(Workspace(root)) as reader:
        account = reader.account()["many"]
        assert (account.rows, account.failed) == (MANY, 0)
        told_of = [event.message for event in reader.events(limit=200, newest_first=True)]
        summary = "many.csv: 12,000 new, 0 known, 0 changed, 0 kept, 0 colliding, 0 refused, by "
        assert any(message.startswith(summary) for message in told_of)
    again = photostat("add", root / "many.csv", "--json", workspace=root).json
    assert (again["new"], again["known"]) == (0, MANY)
    assert not list(root.glob("ledger.add-*"))


def test_a_plan_that_is_lost_ends_the_order_with_one_clear_line(root: Path) -> None:
    write_export(root / "many.csv", rows(range(MANY)))
    change_ledger(root, SLOW)
    pid = start_engine(root)
    photostat("pause", workspace=root)
    command = start("add", root / "many.csv", workspace=root)
    with LedgerReader(Workspace(root)) as reader:
        wait_until(lambda: reader.open_orders() or command.poll() is not None, "the rows to be taken")
    kill_engine(pid)
    change_ledger(root, "DROP TRIGGER slow")
    command.communicate(timeout=LONGEST_WAIT_S)
    (plan,) = root.glob("ledger.add-*")
    plan.unlink()
    photostat("requeue", "1", workspace=root)
    with LedgerReader(Workspace(root)) as reader:
        assert reader.open_orders() == ()
        messages = [event.message for event in reader.events(limit=10, newest_first=True)]
    assert any(f"{plan} is gone: add the export again" in message for message in messages)
    assert photostat("add", root / "many.csv", "--json", workspace=root).json["rows"] == MANY
    with LedgerReader(Workspace(root)) as reader:
        assert reader.account()["many"] == Account(rows=MANY, pending=MANY)


def test_two_adds_at_once_bring_each_row_once(root: Path) -> None:
    write_export(root / "maps.csv", rows(range(2000)))
    start_engine_paused = start_engine(root)
    photostat("pause", workspace=root)
    commands = [start("add", root / "maps.csv", "--json", workspace=root) for _ in range(3)]
    for command in commands:
        _, told = command.communicate(timeout=LONGEST_WAIT_S)
        assert command.returncode == 0, told
    assert start_engine_paused
    with LedgerReader(Workspace(root)) as reader:
        assert reader.account()["maps"] == Account(rows=2000, pending=2000)


def test_a_holding_engine_takes_rows(workspace: MakeWorkspace) -> None:
    root = workspace(images=2)
    start_engine_without_share(root)
    write_export(root / "more.csv", rows(range(5)))
    photostat("add", root / "more.csv", workspace=root)
    assert status(root)["totals"]["rows"] == 7


def test_an_engine_that_is_told_to_stop_refuses_rows_and_says_so(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is suspended until both wait in its sockets, so that it has no time to leave in between."""
    pid = start_engine(root)
    before = ledger_contents(root)
    write_export(root / "more.csv", rows(range(5)))
    ask, read_line = EngineClient.ask, EngineClient._read_line
    with EngineClient.connect(Workspace(root), timeout_s=LONGEST_WAIT_S) as other:

        def stop_first(client: EngineClient, request: Request[Any]) -> Any:
            if isinstance(request, Add):
                os.kill(pid, signal.SIGSTOP)
                other._socket.sendall(b'{"id": 1, "command": "stop"}\n')
            return ask(client, request)

        def continue_then_read(client: EngineClient, deadline: float) -> Any:
            os.kill(pid, signal.SIGCONT)
            return read_line(client, deadline)

        monkeypatch.setattr(EngineClient, "ask", stop_first)
        monkeypatch.setattr(EngineClient, "_read_line", continue_then_read)
        said = complaint("add", root / "more.csv", at=root)
        monkeypatch.undo()
    assert said == "the engine is leaving: start it again with `photostat run`"
    wait_for_end(root)
    assert ledger_contents(root) == before
    assert not list(root.glob("ledger.add-*"))
