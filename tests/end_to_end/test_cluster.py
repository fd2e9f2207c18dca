"""Several machines convert for one engine: they come, are killed and go, and the store is that of one machine."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import pytest

from engine.ledger.reader import LedgerReader
from engine.ledger.states import AttemptOutcome
from engine.store.partial_names import is_partial
from engine.workspace import Workspace
from tests.conftest import MakeWorkspace
from tests.support.command_line import photostat
from tests.support.engine_runs import (
    kill_engine,
    list_rows,
    restore_share,
    resume_worker,
    scratch_contents,
    start_engine,
    start_engine_without_share,
    status,
    stored_digests,
    suspend_busy_worker,
    wait_for_end,
)
from tests.support.host_processes import HostProcess, free_port, settings, wait_for_hosts
from tests.support.waiting import wait_until

IMAGES = 24
LARGE = {"width": 1000, "height": 800}


@pytest.fixture
def hosts() -> Iterator[list[HostProcess]]:
    """Those that a test has started; what is left of them is ended."""
    started: list[HostProcess] = []
    yield started
    for host in started:
        with suppress(psutil.NoSuchProcess):
            host.kill()


def uploader_of(pid: int) -> psutil.Process:
    """The one of this engine or host."""

    def found() -> psutil.Process | None:
        for child in psutil.Process(pid).children():
            with suppress(psutil.NoSuchProcess):  # one that has just ended
                if child.cmdline()[-1:] == ["photostat-uploader"]:
                    return child
        return None

    return wait_until(found, "an uploader")


def waiting_at(root: Path, name: str) -> int:
    """JPEGs that wait for the store on this host."""
    return next((host["waiting"] for host in status(root)["hosts"] if host["name"] == name), 0)


def stop_in_the_middle(root: Path, *hosts: str) -> dict[str, dict[str, Any]]:
    """Suspends a worker of each of these machines while it has an image; there are images for far longer than that."""
    if (root / "elsewhere").exists():
        restore_share(root)
    found: dict[str, dict[str, Any]] = {}
    for host in hosts:
        others = {worker["pid"] for worker in status(root)["workers"] if worker["host"] != host}
        found[host] = suspend_busy_worker(root, but=others)
    return found


def test_three_machines_convert_whatever_becomes_of_two_and_the_store_is_that_of_one(
    workspace: MakeWorkspace, hosts: list[HostProcess]
) -> None:
    calm = workspace(images=IMAGES, name="calm", **LARGE)
    photostat("run", "--headless", workspace=calm)
    root = workspace(images=IMAGES, name="cluster", settings=settings(free_port()), **LARGE)
    hosts += [HostProcess(root, "b"), HostProcess(root, "c")]
    start_engine_without_share(root, "--workers", "1")
    wait_for_hosts(root, "b", "c")
    busy = stop_in_the_middle(root, "here", "b", "c")

    hosts[0].kill()  # in the middle of an image
    wait_for_hosts(root, "c")
    lost = busy["b"]["image_id"]
    assert next(row for row in list_rows(root) if row["id"] == lost)["attempts"] == 0
    hosts.append(HostProcess(root, "b"))
    wait_for_hosts(root, "b", "c")
    os.kill(busy["c"]["pid"], signal.SIGKILL)  # a worker: its host goes on
    resume_worker(busy["here"])

    end = wait_for_end(root)
    assert (end["totals"]["done"], end["totals"]["failed"]) == (IMAGES, 0)
    assert stored_digests(root) == stored_digests(calm)
    assert scratch_contents(root) == [] and "hosts" not in end
    with LedgerReader(Workspace(root)) as reader:
        converted_by = {attempt.host for row in list_rows(root) for attempt in reader.attempts(row["id"])}
    told = messages(root)
    assert converted_by == {"", "b", "c"}
    assert sum("the connection is lost" in message for message in told) == 1, told
    for host in hosts[1:]:
        assert host.end() == 0, host.said
        assert host.scratch == []


def test_a_scheduler_and_an_engine_that_are_killed_cost_no_image_and_hosts_come_back_with_what_they_have(
    workspace: MakeWorkspace, hosts: list[HostProcess]
) -> None:
    root = workspace(images=30, settings=settings(free_port()), **LARGE)
    hosts.append(HostProcess(root, "b"))
    pid = start_engine_without_share(root, "--workers", "1")
    wait_for_hosts(root, "b")
    busy = stop_in_the_middle(root, "here", "b")
    uploader_of(hosts[0].process.pid).suspend()  # what is converted there waits on scratch
    resume_worker(busy["b"])
    wait_until(lambda: waiting_at(root, "b") >= 2, "JPEGs that wait on b")
    stop_in_the_middle(root, "b")
    scheduler = next(
        child for child in psutil.Process(pid).children() if child.cmdline()[-1] == "photostat-scheduler"
    )
    scheduler.kill()
    wait_until(lambda: any("the scheduler has ended" in told for told in messages(root)), "the event")
    wait_for_hosts(root)
    wait_for_hosts(root, "b")  # it has come back to the new one, and stores what it had
    busy = stop_in_the_middle(root, "b")
    wait_until(lambda: waiting_at(root, "b") == 0, "the store to have them")
    uploader_of(hosts[0].process.pid).suspend()
    resume_worker(busy["b"])
    wait_until(lambda: waiting_at(root, "b") >= 2, "JPEGs that wait on b again")
    kill_engine(pid)
    start_engine(root, "--workers", "1")
    assert wait_for_end(root)["totals"]["done"] == 30
    # An uploader that is killed in the middle leaves its unfinished file, which `reconcile` tells and removes.
    stored = {target for target in stored_digests(root) if not is_partial(Path(target).name)}
    assert stored == {row["target"] for row in list_rows(root)}
    told = [message for message in messages(root) if "still on its scratch: stored now" in message]
    assert len(told) == 2, "after the scheduler and after the engine"
    with LedgerReader(Workspace(root)) as reader:
        for row in list_rows(root):
            outcomes = [attempt.outcome for attempt in reader.attempts(row["id"])]
            assert outcomes.count(AttemptOutcome.CONVERTED) == 1 == row["attempts"], "it was converted again"
    assert hosts[0].end() == 0 and hosts[0].scratch == []


def test_what_a_person_orders_of_an_image_on_another_machine_happens_there(
    workspace: MakeWorkspace, hosts: list[HostProcess]
) -> None:
    root = workspace(images=8, settings=settings(free_port()), **LARGE)
    hosts.append(HostProcess(root, "b"))
    start_engine_without_share(root, "--workers", "1")
    wait_for_hosts(root, "b")
    busy = stop_in_the_middle(root, "here", "b")
    photostat("pause", workspace=root)
    skipped = busy["b"]["image_id"]
    photostat("skip", skipped, workspace=root)
    wait_until(lambda: state_of(root, skipped) == ("pending", 0), "the image that was skipped")
    assert not psutil.pid_exists(busy["b"]["pid"]), "its worker, on the other machine"
    photostat("resume", workspace=root)
    here = {worker["pid"] for worker in status(root)["workers"] if worker["host"] == "here"}
    failed = suspend_busy_worker(root, but=here)["image_id"]
    photostat("skip", failed, "--fail", workspace=root)
    wait_until(lambda: state_of(root, failed) == ("failed", 1), "the image that was to fail")
    photostat("stop", workspace=root)
    assert wait_for_end(root)["totals"]["pending"] > 0, "it was stopped in the middle"
    wait_until(lambda: hosts[0].workers == [], "the other machine's workers to be gone")

    start_engine(root, "--workers", "1")
    end = wait_for_end(root)
    assert (end["totals"]["done"], end["totals"]["failed"]) == (7, 1)
    with LedgerReader(Workspace(root)) as reader:
        told = reader.events(image_id=skipped, limit=100)
        kinds = [event.kind for event in told if event.kind in ("started", "skip", "converted", "stored")]
    assert kinds[:2] == ["started", "skip"] and kinds[-2:] == ["converted", "stored"]
    assert hosts[0].end() == 0 and hosts[0].scratch == []


def state_of(root: Path, image_id: int) -> tuple[str, int]:
    """An image's state, and how many attempts have counted."""
    with LedgerReader(Workspace(root)) as reader:
        image = reader.image(image_id)
    assert image is not None
    return image.state, image.attempts


def messages(root: Path) -> list[str]:
    with LedgerReader(Workspace(root)) as reader:
        return [event.message for event in reader.events(limit=1000) if event.kind == "engine"]


def test_without_the_extra_nothing_of_it_is_loaded_and_who_needs_it_is_told_in_one_line(
    workspace: MakeWorkspace, tmp_path: Path
) -> None:
    (tmp_path / "hidden").mkdir()
    (tmp_path / "hidden/sitecustomize.py").write_text(HIDDEN)
    env = {"PYTHONPATH": str(tmp_path / "hidden")}
    root = workspace(images=2)
    photostat("run", "--headless", workspace=root, env=env)
    document = status(root)
    assert document["totals"]["done"] == 2 and "hosts" not in document
    (root / "photostat.toml").write_text(settings(free_port()))
    for command in (["run", "--detach"], ["host", "invite", "b"], ["host", "b.pem"]):
        told = photostat(*command, workspace=root, env=env, expect=2).stderr
        assert told.count("\n") == 1 and "pip install 'photostat[cluster]'" in told


HIDDEN = """
import importlib.util, sys
find_spec = importlib.util.find_spec
gone = ("distributed", "cryptography")
importlib.util.find_spec = lambda name, *more: None if name in gone else find_spec(name, *more)
sys.modules["distributed"] = sys.modules["dask"] = None
"""
