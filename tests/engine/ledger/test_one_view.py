"""Figures that are read one after another agree, whatever the engine writes meanwhile."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from engine.failures import Cause, Failure, Stage
from engine.ledger.filters import Selection
from engine.ledger.reader import LedgerReader
from engine.ledger.writer import Ledger
from engine.preflight import check as preflight
from engine.workspace import Workspace
from tests.support.ledgers import make_ledger
from tui.cli import main

FAILURE = Failure(Cause.CORRUPT, Stage.DECODING, "later")


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """Ten images, of which five have failed and two are done."""
    return make_ledger(tmp_path / "workspace", 10, failed=5, done=2)


def test_all_in_one_view_is_of_one_moment(workspace: Workspace) -> None:
    with LedgerReader(workspace) as reader, Ledger.open(workspace, "engine") as ledger:
        with reader.one_view():
            before = reader.figures()
            ledger.failed(10, FAILURE)
            assert reader.figures() == before
            assert sum(group.images for group in reader.failure_groups()) == before.totals.failed == 5
        assert reader.figures().totals.failed == 6


@pytest.mark.parametrize("command", [["report", "--json"]])
def test_the_report_counts_each_image_once(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch, command: list[str]
) -> None:
    """Between the account and the list of failures one more image fails."""
    read_all = LedgerReader.iterate

    def iterate(reader: LedgerReader, *wanted: Any) -> Iterator[Any]:
        with Ledger.open(workspace, "engine") as ledger:
            ledger.failed(10, FAILURE)
        return read_all(reader, *wanted)

    monkeypatch.setattr(LedgerReader, "iterate", iterate)
    done = CliRunner().invoke(main, ["-C", str(workspace.root), *command])
    document = json.loads(done.stdout)
    assert document["totals"]["failed"] == sum(document["failures"].values()) == 5


def test_check_looks_at_each_image_once_beside_an_engine(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While the headers are read, pending images fail, a failed one is requeued, and one is begun."""
    monkeypatch.setattr(preflight, "_CHUNK", 2)
    seen: list[tuple[int, int]] = []

    def progress(number: int, total: int) -> None:
        seen.append((number, total))
        if len(seen) == 1:
            with Ledger.open(workspace, "engine") as ledger:
                ledger.failed(9, FAILURE)
                ledger.requeue(Selection(ids=(1,)))
                ledger.start(10, 1, 1, "whole")

    result = preflight.check(workspace, workspace.config(), 1, None, progress)
    assert seen == [(2, 8), (4, 8), (6, 8), (8, 8)]
    assert (result.images, result.converted_meanwhile) == (7, 1)
    assert sorted({finding.image_id for finding in result.findings}) == sorted(
        finding.image_id for finding in result.findings
    )
