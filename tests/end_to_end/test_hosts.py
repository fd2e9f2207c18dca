"""Hosts from the command line: drained, forgotten, with other workers, and alone."""

from __future__ import annotations

import json
import os
import re
import signal
import time
from pathlib import Path
from typing import Any

import pytest

from engine.ledger.reader import LedgerReader
from engine.workspace import Workspace
from tests.conftest import LARGE, MakeWorkspace
from tests.support.command_in_process import complaint, run
from tests.support.command_line import photostat
from tests.support.engine_runs import (
    kill_engine,
    list_rows,
    restore_share,
    resume_worker,
    start_engine,
    start_engine_without_share,
    status,
    suspend_busy_worker,
    wait_for_end,
)
from tests.support.host_processes import HostProcess, free_port, settings, wait_for_hosts
from tests.support.waiting import wait_until


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
    process = hosts[0].process

    def has_ended() -> bool:
        process.send_signal(signal.SIGTERM)  # again and again, also when it has left already
        return process.poll() is not None

    wait_until(has_ended, "its end", longest_pause_s=0.002)
    assert process.returncode == 0, hosts[0].said


def busy_there(root: Path, host: str) -> dict[str, Any]:
    """Suspends a worker of this host while it has an image."""
    return suspend_busy_worker(
        root, but={worker["pid"] for worker in status(root)["workers"] if worker["host"] != host}
    )


def test_a_host_is_given_workers_is_drained_comes_back_and_is_forgotten(
    workspace: MakeWorkspace, hosts: list[HostProcess]
) -> None:
    root = workspace(images=16, **LARGE, settings=settings(free_port()))
    hosts.append(HostProcess(root, "b"))
    start_engine_without_share(root, "--workers", "1")
    wait_for_hosts(root, "b")

    assert "2 workers on b, before: 1." in run("workers", "2", "--host", "b", at=root).stdout
    for command in (["workers", "2", "--host", "x"], ["hosts", "drain", "x"], ["hosts", "forget", "x"]):
        told = run(*command, at=root, code=2).stderr
        assert "no host 'x'" in told and told.count("\n") == 1

    (here,) = (worker["pid"] for worker in status(root)["workers"] if worker["host"] == "here")
    os.kill(here, signal.SIGSTOP)  # or it might have all images before b is known to see the share again
    restore_share(root)
    worker = busy_there(root, "b")
    os.kill(here, signal.SIGCONT)
    assert json.loads(run("hosts", "drain", "b", "--json", at=root).stdout)["in_flight"] >= 1
    assert "leaves already" in run("hosts", "drain", "b", at=root).stdout
    (there,) = (host for host in status(root)["hosts"] if host["name"] == "b")
    assert there["state"] == "draining" and hosts[0].process.poll() is None
    assert "b leaves (drained by " in complaint("workers", "3", "--host", "b", at=root)
    for order in ("drain", "forget"):  # busy as it may be
        assert "own machine" in complaint("hosts", order, "here", at=root)
    run("pause", at=root)
    resume_worker(worker)
    assert hosts[0].process.wait() == 0, hosts[0].said
    assert "all that it had is stored" in hosts[0].said
    assert not (hosts[0].directory / "photostat-b-scratch").exists()
    wait_for_hosts(root)

    hosts.append(HostProcess(root, "b"))
    wait_for_hosts(root, "b")
    assert [host["workers"] for host in status(root)["hosts"]] == [1, 2]
    run("resume", at=root)
    busy = busy_there(root, "b")
    run("pause", at=root)
    wait_until(lambda: status(root)["totals"]["in_flight"] == 1, "all but the suspended one")
    assert "--yes" in run("hosts", "forget", "b", at=root, code=2).stderr
    assert "is forgotten" in run("hosts", "forget", "b", "--yes", at=root).stdout
    assert "forgotten already" in run("hosts", "forget", "b", at=root).stdout
    assert "b was forgotten: `photostat host invite b`" in complaint("hosts", "drain", "b", at=root)
    assert hosts[1].process.wait() == 2
    assert not (hosts[1].directory / "photostat-b-scratch").exists()
    assert "invite b" in hosts[1].said
    run("resume", at=root)
    assert wait_for_end(root)["totals"]["done"] == 16
    assert next(row for row in list_rows(root) if row["id"] == busy["image_id"])["attempts"] == 1
    assert "forgotten already" in run("hosts", "forget", "b", at=root).stdout
    assert run("hosts", "drain", "b", at=root, code=3).stdout == ""


def test_the_next_engine_tells_of_hosts_that_were_lost_and_when_others_were_seen(
    workspace: MakeWorkspace, hosts: list[HostProcess], monkeypatch: pytest.MonkeyPatch
) -> None:
    root = workspace(images=2, settings=settings(free_port()))
    monkeypatch.chdir(root)  # where the invitation goes
    hosts += [HostProcess(root, name) for name in ("b", "d", "e")]
    engine = start_engine_without_share(root, "--workers", "1")
    wait_for_hosts(root, "b", "d", "e")
    run("host", "invite", "c", at=root)
    b, d, e = hosts
    b.kill()
    assert e.end() == 0
    wait_for_hosts(root, "d")
    lost = next(host for host in status(root)["hosts"] if host["name"] == "b")
    kill_engine(engine)
    d.kill()
    start_engine(root, "--workers", "1")
    (told,) = (host for host in status(root)["hosts"] if host["name"] == "b")
    assert told["state"] == "lost" and told["gone"] == lost["gone"]
    shown = run("hosts", at=root).stdout
    assert f"\nb was lost at {time.strftime('%H:%M', time.localtime(lost['gone']['since']))[:3]}" in shown
    away = shown[shown.index("Invited, and not there: ") :]
    assert re.fullmatch(
        r"Invited, and not there: c, d \(last seen [^)]*\d:\d\d\), e \(left [^)]*\d:\d\d\)\.\n", away
    )
