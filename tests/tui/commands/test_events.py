"""`photostat events` lists what happened; --since takes moments as people type them."""

from __future__ import annotations

import csv
import io
import json
import time
from pathlib import Path

import click
import pytest

from engine.control.people import person_here
from engine.formatting import DAY, HOUR
from engine.ledger.states import EventKind, EventLevel
from engine.ledger.writer import Ledger
from engine.workspace import Workspace
from tests.support.command_in_process import complaint, run
from tests.support.exports import HEADER, row
from tests.support.ledgers import make_ledger
from tui.commands.demo import add_export
from tui.commands.shared.moments import moment

NOW = time.mktime((2026, 3, 2, 8, 0, 0, 0, 0, -1))


@pytest.mark.parametrize(
    ("text", "ago_s"),
    [
        ("02:00", 6 * HOUR),
        ("23:30", 8.5 * HOUR),
        ("07:59:30", 30),
        ("2026-03-01", DAY + 8 * HOUR),
        ("2026-03-01 20:00", 12 * HOUR),
        ("2026-03-01T20:00:30", 12 * HOUR - 30),
        ("30m", HOUR / 2),
        ("8h", 8 * HOUR),
        ("1.5 d", 1.5 * DAY),
        ("today", 8 * HOUR),
        ("Yesterday", DAY + 8 * HOUR),
    ],
)
def test_a_moment_is_a_time_a_date_or_how_long_ago(text: str, ago_s: float) -> None:
    assert NOW - moment(text, NOW) == ago_s


@pytest.mark.parametrize("text", ["", "8", "2026-13-01", "25:00", "soon", "-3h", "١٢:٠٠x"])
def test_what_is_no_moment_is_refused_with_what_is(text: str) -> None:
    with pytest.raises(click.BadParameter, match="is no moment: give a time"):
        moment(text, NOW)


def test_the_notable_events_of_the_night_in_lines_json_and_csv(tmp_path: Path) -> None:
    workspace = make_ledger(tmp_path / "ws", 9)
    night = time.time() - 6 * HOUR
    with Ledger.open(workspace) as ledger:
        ledger.event(EventLevel.INFO, EventKind.ENGINE, "long ago", at=night - DAY)
        ledger.event(EventLevel.WARNING, EventKind.HOLD, "the share is away", 3, at=night)
        ledger.event(EventLevel.INFO, EventKind.STARTED, "attempt 1", 3, at=night + 1)
        ledger.event(EventLevel.INFO, EventKind.STARTED, "attempt 1", 4, at=night + 1, host="conv2")
        for number in (1, 2, 3):
            why = f"corrupt: \x1b[31m{number}"
            ledger.event(EventLevel.ERROR, EventKind.FAILED, why, number, 7, night + number, "corrupt")
    root = workspace.root
    lines = run("events", "--since", "7h", at=root).stdout.splitlines()
    assert [line[20:] for line in lines] == [
        "! hold      newspapers/00005eed-0000-4000-8000-000000000000/NB_00000_p0003.jpg: the share is away",
        lines[1][20:],
    ]
    assert lines[1][20:].startswith("✗ failed    corrupt ×3, ") and lines[1].endswith("the last: \\x1b[31m3")
    assert "long ago" in run("events", at=root).stdout
    assert "attempt 1" not in run("events", "--notable", at=root).stdout
    everything = run("events", "--all", "--since", "7h", at=root).stdout
    here, there = (line for line in everything.splitlines() if "attempt 1" in line)
    assert here[22:].startswith("started   newspapers/") and there[22:].startswith(
        "started   conv2: newspapers/"
    )
    found = json.loads(run("events", "--since", "7h", "--json", at=root).stdout)
    assert [(e["kind"], e["cause"], e["times"], e["image"], e["notable"]) for e in found] == [
        ("hold", None, 1, 3, True),
        ("failed", "corrupt", 3, 3, True),
    ]
    assert found[1]["time"] - found[1]["first"] == pytest.approx(2)
    rows = list(csv.DictReader(io.StringIO(run("events", "--since", "7h", "--csv", at=root).stdout)))
    told = [(row["kind"], row["cause"], row["times"]) for row in rows]
    assert told == [("hold", "", "1"), ("failed", "corrupt", "3")]
    assert list(rows[0]) == list(found[0])
    assert run("events", "--since", "1m", at=root).stdout == "Nothing happened in that time.\n"
    assert json.loads(run("events", "--since", "1m", "--json", at=root).stdout) == []


def test_a_wrong_moment_and_two_formats_at_once_are_one_clear_line(tmp_path: Path) -> None:
    root = make_ledger(tmp_path / "ws", 1).root
    assert "'soon' is no moment" in complaint("events", "--since", "soon", at=root)
    assert "exclude each other" in complaint("events", "--json", "--csv", at=root)


def test_the_demo_names_who_added_its_export(tmp_path: Path) -> None:
    workspace = Workspace.init(tmp_path / "ws")
    export = workspace.root / "export.csv"
    export.write_text(HEADER.replace("Type", "type") + row(), encoding="utf-8")
    add_export(workspace, export)
    assert run("events", at=workspace.root).stdout.endswith(f"0 refused, by {person_here()}\n")
