"""Hosts from the command line: an engine whose own machine converts nothing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from engine.ledger.reader import LedgerReader
from engine.workspace import Workspace
from tests.conftest import MakeWorkspace
from tests.support.command_line import photostat
from tests.support.engine_runs import list_rows, start_engine, status, wait_for_end
from tests.support.host_processes import HostProcess, free_port, settings
from tests.support.waiting import wait_until


@pytest.fixture
def hosts() -> Iterator[list[HostProcess]]:
    """Those that a test has started; what is left of them is ended."""
    started: list[HostProcess] = []
    yield started
    for host in started:
        with suppress(psutil.NoSuchProcess):
            host.kill()


def converted_by(root: Path) -> set[str]:
    with LedgerReader(Workspace(root)) as reader:
        return {attempt.host for row in list_rows(root) for attempt in reader.attempts(row["id"])}


def test_an_engine_whose_machine_converts_nothing_waits_for_a_host_and_goes_on_by_itself(
    workspace: MakeWorkspace, hosts: list[HostProcess]
) -> None:
    root = workspace(images=3, settings=settings(free_port()) + "here = false\n")
    start_engine(root)
    wait_until(lambda: status(root)["survey"]["read"] == 3, "the headers")
    document = status(root)
    assert (document["state"], document["hold"]["reason"]) == ("holding", "hosts")
    assert (document["hosts"], document["workers"], document["workers_wanted"]) == ((), (), 0)
    told = photostat("status", workspace=root).stdout
    assert "waiting for hosts: " in told and "0 of 0" not in told
    hosts.append(HostProcess(root, "b"))
    assert wait_for_end(root)["totals"]["done"] == 3
    assert converted_by(root) == {"b"}
    assert hosts[0].end() == 0
