"""`photostat status` without an engine."""

from __future__ import annotations

import json
from pathlib import Path

from engine.workspace import Workspace
from tests.support.command_in_process import run


def test_status_without_an_engine_is_the_ledger_s_account(collection: Path) -> None:
    text = run("status", at=collection).stdout
    assert text.startswith("STOPPED; no engine runs\n")
    document = json.loads(run("status", "--json", at=collection).stdout)
    assert document["totals"] == {
        "rows": 10,
        "pending": 3,
        "in_flight": 0,
        "done": 2,
        "failed": 5,
        "accepted": 0,
    }
    assert document["state"] == "stopped" and document["hold"] is None
    assert document["bytes"] == {"source": 33_600_000, "jpeg": 13_620_000}
    for key in ("workers", "memory", "rates", "eta_seconds", "engine"):
        assert key in document


def test_status_of_a_new_workspace_shows_the_next_command(tmp_path: Path) -> None:
    root = Workspace.init(tmp_path / "ws").root
    assert "`photostat add EXPORT.csv`" in run("status", at=root).stdout
    assert "Nothing has failed." in run("failures", at=root).stdout
    assert json.loads(run("list", "--json", at=root).stdout) == []
    assert json.loads(run("failures", "--json", at=root).stdout) == []
    assert run("list", "--csv", at=root).stdout.startswith("id,batch,uuid,")
