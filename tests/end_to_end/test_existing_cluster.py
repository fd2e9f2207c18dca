"""Hosts meet the engine at the scheduler of a Dask cluster that others use: neither disturbs the other."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.conftest import MakeWorkspace
from tests.support.command_in_process import run
from tests.support.command_line import photostat
from tests.support.dask_clusters import DaskCluster
from tests.support.engine_runs import list_rows, restore_share, start_engine_without_share, wait_for_end
from tests.support.host_processes import HostProcess, engine_events, free_port, wait_for_hosts
from tests.support.waiting import wait_until


def test_hosts_meet_the_engine_at_a_scheduler_of_others_whose_workers_and_tasks_stay_alone(
    workspace: MakeWorkspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cluster = DaskCluster(tmp_path / "cluster")
    monkeypatch.chdir(tmp_path)
    root = workspace(images=4, settings=cluster.settings)
    start_engine_without_share(root, "--workers", "1")  # the engine does not wait for the scheduler
    wait_until(
        lambda: any(told.startswith("hosts cannot join: ") for told in engine_events(root)),
        "what is told of a scheduler that is not there",
    )
    cluster.start()
    host = HostProcess(root, "b")
    try:
        wait_for_hosts(root, "b")
        found, workers = cluster.squares(20)
        assert cluster.worker is not None
        assert found == [(number * number, cluster.worker.pid) for number in range(20)]
        assert workers == 1, "hosts are no Dask workers"
        cluster.end()
        wait_for_hosts(root)
        cluster.start()
        wait_for_hosts(root, "b")
        run("host", "invite", "z", at=root)
        forgotten = run("hosts", "forget", "z", "--json", at=root)
        assert json.loads(forgotten.stdout)["still_connects_to"] == cluster.address
        assert "which photostat cannot revoke" in forgotten.stderr
        restore_share(root)
        assert wait_for_end(root)["totals"]["done"] == 4
        assert {row["state"] for row in list_rows(root)} == {"done"}
        assert cluster.squares(2)[0] == [(0, cluster.worker.pid), (1, cluster.worker.pid)]
        assert host.end() == 0, host.said
    finally:
        cluster.end()
        if host.process.poll() is None:
            host.kill()


def test_a_host_that_is_forgotten_keeps_the_certificates_of_that_cluster_and_that_is_said(
    workspace: MakeWorkspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cluster = DaskCluster(tmp_path / "cluster")
    root = workspace(images=1, settings=cluster.settings)
    monkeypatch.chdir(tmp_path)
    assert "earlier" not in run("host", "invite", "b", at=root).stdout
    Path("b.pem").unlink()
    told = run("host", "invite", "b", at=root).stdout
    assert "The earlier invitation of b holds too: both have the certificates of that cluster." in told
    assert "void" not in told
    forgotten = run("hosts", "forget", "b", at=root).stdout
    assert forgotten.startswith(
        "b is forgotten: the engine lets it in no more, and it may join again only if "
    )
    assert f"those of the cluster at {cluster.address}, which photostat cannot revoke: " in forgotten
    assert "void" not in forgotten
    again = run("hosts", "forget", "b", at=root).stdout
    assert again.startswith("b was forgotten already. Nothing was changed. Its certificates are those of")


def test_what_cannot_be_is_one_line_before_anything_starts(workspace: MakeWorkspace, tmp_path: Path) -> None:
    cluster = DaskCluster(tmp_path / "cluster")
    listen = f'listen = "tls://127.0.0.1:{free_port()}"\n'
    root = workspace(images=1)
    key = (tmp_path / "cluster/key.pem").read_text()
    for settings, told in (
        (cluster.settings + listen, "[cluster] has listen and scheduler: "),
        (f'[cluster]\nscheduler = "{cluster.address}"\n', "[cluster] scheduler needs tls: "),
        (cluster.settings.replace("/ca.pem", "/none.pem"), "none.pem': No such file"),
        (cluster.settings.replace("/key.pem", "/ca.pem"), "has no private key in PEM form"),
        ('[cluster]\nhosts = ["conv2"]\n', "[cluster] hosts: they have nowhere to connect to"),
        (f'[cluster]\n{listen}hosts = ["a@c", "b@c"]\n', "two of them would have the name c"),
        (f'[cluster]\n{listen}hosts = ["-oProxyCommand=x"]\n', "each must be a host"),
    ):
        (root / "photostat.toml").write_text(settings)
        if "PEM" in told or "No such file" in told:
            would_hold = photostat("check", "--json", workspace=root, expect=None).json["would_hold"]
            assert [hold for hold in would_hold if told in hold["detail"]], would_hold
        outcome = photostat("run", "--detach", workspace=root, expect=2)
        assert told in outcome.stderr and outcome.stderr.count("\n") == 1, outcome.stderr
        assert key[60:90] not in outcome.stderr
