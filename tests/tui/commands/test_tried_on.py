"""Lists of images say on which machine each was last tried, and find those of one machine."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest

from engine.ledger.filters import Selection
from engine.ledger.writer import Ledger
from engine.workspace import Workspace
from tests.support.command_in_process import run
from tests.support.ledgers import fail_on, finish, make_ledger


@pytest.fixture
def tried(tmp_path: Path) -> Path:
    """1 was never tried, 2 and 3 failed on conv2, 4 on conv3 and before that on conv2, 5 on the engine's machine; 6 is
    done there, and nobody has had the others yet."""
    workspace = make_ledger(tmp_path / "ws", 8, failed=1)
    with Ledger.open(workspace) as ledger:
        fail_on(ledger, "conv2", 2, 3, 4)
        ledger.requeue(Selection(ids=(4,)))
        fail_on(ledger, "conv3", 4)
        fail_on(ledger, "", 5)
        finish(ledger, 6)
    return workspace.root


def test_every_form_of_the_lists_has_the_host_of_the_last_attempt(tried: Path) -> None:
    hosts = [None, "conv2", "conv2", "conv3", "here", "here", None, None]
    assert [image["host"] for image in json.loads(run("list", "--json", at=tried).stdout)] == hosts
    table = csv.DictReader(io.StringIO(run("failures", "--csv", at=tried).stdout))
    assert [row["host"] or None for row in table] == hosts[:5]
    lines = run("list", at=tried).stdout.splitlines()
    assert [line.rpartition("  ")[2].strip("()") if line.endswith(")") else None for line in lines] == hosts
    failed = [line for line in run("failures", at=tried).stdout.splitlines() if ".jpg" in line]
    assert [line.split()[2:] for line in failed] == [[f"({host})"] if host else [] for host in (
        *hosts[1:5], None)]  # fmt: skip


def test_host_selects_by_the_last_attempt(tried: Path) -> None:
    def found(command: str, *options: str) -> list[int]:
        return [image["id"] for image in json.loads(run(command, "--json", *options, at=tried).stdout)]

    assert found("list", "--host", "conv2") == found("failures", "--host", "conv2") == [2, 3]
    assert found("list", "--host", "conv3", "--state", "failed", "--batch", "newspapers") == [4]
    assert found("list", "--host", "here") == [5, 6] and found("failures", "--host", "here") == [5]
    assert found("list", "--host", "conv") == found("list", "--host", "") == []
    text = run("failures", "--host", "conv3", at=tried).stdout
    assert text.startswith("corrupt: 1 image\n") and text.count(".jpg") == 1


def test_a_host_that_tried_nothing_is_told_with_those_that_did(tried: Path) -> None:
    listed = run("list", "--host", "conv9", at=tried)
    assert (listed.stdout, listed.stderr.splitlines()) == (
        "",
        [
            "There are no such images.",
            "No image was last tried on 'conv9'; --host takes here, conv2, conv3.",
        ],
    )
    failed = run("failures", "--host", "conv9", at=tried)
    assert failed.stdout == "Nothing of these has failed.\n" and "takes here, conv2, conv3" in failed.stderr
    for form in ("--json", "--csv"):
        assert "takes here, conv2, conv3" in run("list", "--host", "", form, at=tried).stderr
    assert "No image was" not in run("list", "--host", "conv3", "--state", "done", at=tried).stderr


def test_one_machine_alone_is_not_named_on_a_terminal(tmp_path: Path) -> None:
    workspace = Workspace(make_ledger(tmp_path / "ws", 3, done=2).root)
    with Ledger.open(workspace) as ledger:
        fail_on(ledger, "", 3)
    assert "here" not in run("list", at=workspace.root).stdout + run("failures", at=workspace.root).stdout
