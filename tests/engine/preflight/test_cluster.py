"""Where a run with other machines could not listen is found before it starts, and said in one line."""

from __future__ import annotations

import json
import socket
from pathlib import Path

import pytest

from engine.config import ClusterSettings
from engine.preflight import cluster
from tests.conftest import MakeWorkspace
from tests.support.command_in_process import run
from tests.support.host_processes import free_port, settings


def found(listen: str, *, engine_runs: bool = False) -> list[str]:
    return [
        hold.detail
        for hold in cluster.of_the_cluster(ClusterSettings(listen), Path(), engine_runs=engine_runs)
    ]


def test_a_taken_port_is_named_unless_it_is_the_engines_own() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        address = f"tls://127.0.0.1:{other.getsockname()[1]}"
        (why,) = found(address)
        assert address in why and "another program listens there" in why
        assert found(address, engine_runs=True) == []


@pytest.mark.parametrize("host", ["192.0.2.1", "photostat-nowhere.invalid"])
def test_an_address_of_another_machine_is_named(host: str) -> None:
    (why,) = found(f"tls://{host}:8786")
    assert "no address of this machine" in why


def test_a_free_port_is_no_problem_and_neither_is_no_cluster() -> None:
    assert found(f"tls://127.0.0.1:{free_port()}") == [] == found("")


def test_a_missing_extra_is_named_with_what_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.config.cluster_extra.find_spec", lambda name: None)
    assert "make cluster" in found(f"tls://127.0.0.1:{free_port()}")[0]


def test_check_says_what_would_keep_a_run_from_starting(workspace: MakeWorkspace) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        root: Path = workspace(images=1, settings=settings(other.getsockname()[1]))
        document = json.loads(run("check", "--json", at=root, code=1).stdout)
    assert [hold["reason"] for hold in document["would_hold"]] == ["hosts"]


def test_check_of_a_machine_that_converts_nothing_says_whose_workers_it_counts(
    workspace: MakeWorkspace,
) -> None:
    root = workspace(images=1, settings=settings(free_port()) + "here = false\n")
    assert "on other machines" in run("check", at=root).stdout
    told = run("run", "--detach", "--workers", "2", at=root, code=2).stderr
    assert "converts nothing" in told and told.count("\n") == 1
