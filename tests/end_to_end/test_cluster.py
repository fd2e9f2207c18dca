"""Several machines convert for one engine: they come, are killed and go, and the store is that of one machine."""

from __future__ import annotations

import os
import signal
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil

from engine.ledger.reader import LedgerReader
from engine.ledger.states import AttemptOutcome
from engine.store.partial_names import is_partial
from engine.workspace import Workspace
from tests.conftest import MakeWorkspace
from tests.support.command_line import photostat
from tests.support.engine_runs import (
    kill_engine,
    list_rows,
    resume_worker,
    scratch_contents,
    start_engine,
    start_engine_without_share,
    status,
    stored_digests,
    suspend_busy_worker,
    wait_for_end,
)
from tests.support.host_processes import (
    HostProcess,
    free_port,
    messages,
    settings,
    stop_in_the_middle,
    suspend_workers,
    wait_for_hosts,
)
from tests.support.waiting import wait_until

IMAGES = 60
SMALL = {"width": 240, "height": 180}
LARGE = {"width": 1000, "height": 800}


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


def test_three_machines_convert_whatever_becomes_of_them_and_the_store_is_that_of_one(
    workspace: MakeWorkspace, hosts: list[HostProcess]
) -> None:
    calm = workspace(images=IMAGES, name="calm", **SMALL)
    start_engine(calm)
    root = workspace(images=IMAGES, name="cluster", settings=settings(free_port()), **SMALL)
    b, c = HostProcess(root, "b"), HostProcess(root, "c")
    hosts += [b, c]
    engine = start_engine_without_share(root, "--workers", "1")
    wait_for_hosts(root, "b", "c")
    busy = stop_in_the_middle(root, "here", "b", "c")
    keep_on_scratch(root, c, busy["c"])
    killed = stop_in_the_middle(root, "c")["c"]

    photostat("pause", workspace=root)
    b.kill()  # in the middle of an image
    os.kill(killed["pid"], signal.SIGKILL)  # a worker: its host goes on
    resume_worker(busy["here"])
    wait_until(lambda: state_of(root, killed["image_id"]) == ("pending", 1), "the image of the worker")
    wait_until(lambda: state_of(root, busy["b"]["image_id"]) == ("pending", 0), "the image of the host")
    wait_until(lambda: state_of(root, busy["here"]["image_id"]) == ("done", 1), "the image of this machine")
    d = HostProcess(root, "d")  # joins late
    hosts.append(d)
    wait_for_hosts(root, "c", "d")
    scheduler_of(engine).kill()
    wait_until(lambda: any("the scheduler has ended" in told for told in messages(root)), "the event")
    wait_for_hosts(root)
    wait_for_hosts(root, "c", "d")  # they have come back to the new one
    wait_until(lambda: waiting_at(root, "c") == 0, "the store to have what was on its scratch, in a pause")
    assert status(root)["state"] == "paused"
    assert not any(worker["image_id"] for worker in status(root)["workers"]), "paused starts nothing"

    suspend_workers(root)  # so that nothing is converted between this order and the next step
    photostat("resume", workspace=root)
    busy = stop_in_the_middle(root, "here", "c", "d")
    keep_on_scratch(root, d, busy["d"])
    kill_engine(engine)
    start_engine_without_share(root, "--workers", "1")
    wait_for_hosts(root, "c", "d")
    busy = stop_in_the_middle(root, "here", "c", "d")
    wait_until(lambda: waiting_at(root, "d") == 0, "the store to have what was on its scratch")
    photostat("drain", workspace=root)
    for worker in busy.values():
        resume_worker(worker)
    drained = wait_for_end(root)
    assert (drained["totals"]["in_flight"], drained["totals"]["pending"] > 0) == (0, True), drained["totals"]
    done = {row["id"] for row in list_rows(root) if row["state"] == "done"}
    assert done >= {worker["image_id"] for worker in busy.values()}, "what was in flight was finished"

    start_engine(root, "--workers", "1")
    end = wait_for_end(root)
    assert (end["totals"]["done"], end["totals"]["failed"]) == (IMAGES, 0) and "hosts" not in end
    wait_for_end(calm)
    # An uploader that is killed in the middle leaves its unfinished file, which `reconcile` tells and removes.
    stored = {name: md5 for name, md5 in stored_digests(root).items() if not is_partial(Path(name).name)}
    assert stored == stored_digests(calm)
    assert scratch_contents(root) == []
    check_attempts(root, killed["image_id"])
    told = messages(root)
    assert sum("b: the connection is lost" in message for message in told) == 1, told
    back = [message for message in told if "still on its scratch: stored now" in message]
    assert len(back) == 2, "c after the scheduler, d after the engine"
    for host in (c, d):
        assert host.end() == 0, host.said
        assert host.scratch == []


def keep_on_scratch(root: Path, host: HostProcess, worker: dict[str, Any]) -> None:
    """Lets this worker convert while the uploader of its host stands, until JPEGs wait there."""
    uploader_of(host.process.pid).suspend()
    resume_worker(worker)
    wait_until(lambda: waiting_at(root, host.name) >= 2, f"JPEGs that wait on {host.name}")


def scheduler_of(engine: int) -> psutil.Process:
    children = psutil.Process(engine).children()
    return next(child for child in children if child.cmdline()[-1] == "photostat-scheduler")


def check_attempts(root: Path, killed: int) -> None:
    """Each image was converted once, and only the attempt of the worker that was killed counts beside that."""
    with LedgerReader(Workspace(root)) as reader:
        attempts = {row["id"]: reader.attempts(row["id"]) for row in list_rows(root)}
        counted = {row["id"]: row["attempts"] for row in list_rows(root)}
    assert counted == {image_id: 1 + (image_id == killed) for image_id in attempts}
    converted = [one for each in attempts.values() for one in each if one.outcome == AttemptOutcome.CONVERTED]
    assert len(converted) == IMAGES, "some was converted again"
    assert {one.host for one in converted} >= {"", "c", "d"}


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
        assert told.count("\n") == 1 and "photostat[cluster]" in told and "`make cluster`" in told


HIDDEN = """
import importlib.util, sys
find_spec = importlib.util.find_spec
gone = ("distributed", "cryptography")
importlib.util.find_spec = lambda name, *more: None if name in gone else find_spec(name, *more)
sys.modules["distributed"] = sys.modules["dask"] = None
"""
