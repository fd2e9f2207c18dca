"""Starts, suspends, kills and awaits real engines, and reads their status, ledger, store and scratch."""

from __future__ import annotations

import hashlib
import json
import os
import re
import signal
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

import psutil

from engine.control.client import EngineClient, EngineSilent, NoEngine
from engine.control.snapshot import Snapshot
from engine.control.without_engine import snapshot_of_ledger
from engine.ledger.reader import LedgerReader
from engine.workspace import Workspace
from tests.support.command_in_process import run
from tests.support.command_line import photostat
from tests.support.waiting import LONGEST_WAIT_S, wait_until

ENDED = ("finished", "stopped")


def status(root: Path) -> dict[str, Any]:
    """The document of `status --json`, read in this process, because tests ask often."""
    document = _snapshot(Workspace(root)).to_json()
    totals = document["totals"]
    parts = sum(totals[key] for key in ("pending", "in_flight", "done", "failed", "accepted"))
    assert totals["rows"] == parts, f"the account does not add up: {totals}"
    return document


def _snapshot(workspace: Workspace) -> Snapshot:
    try:
        with EngineClient.connect(workspace, timeout_s=LONGEST_WAIT_S) as client:
            return client.snapshot()
    except EngineSilent:
        raise
    except NoEngine:
        with LedgerReader(workspace) as reader:
            return snapshot_of_ledger(workspace, reader)


def list_rows(root: Path) -> list[dict[str, Any]]:
    """The document of `list --json`."""
    rows: list[dict[str, Any]] = json.loads(run("list", "--json", at=root).stdout)
    return rows


def start_engine(
    root: Path, *options: str, env: dict[str, str] | None = None, inside: Sequence[str] = ()
) -> int:
    """The pid of a detached engine, which may have finished already; `inside` stands in front of the command."""
    printed = photostat("run", "--detach", *options, workspace=root, env=env, inside=inside).stderr
    pid = re.search(r"\(pid (\d+)\)", printed)
    assert pid, printed
    return int(pid[1])


def start_engine_without_share(root: Path, *options: str, inside: Sequence[str] = ()) -> int:
    """The pid of an engine that holds before its first image, because its share is away until `restore_share`."""
    (root / "source").rename(root / "elsewhere")
    (root / "source").mkdir()  # as a mount point is when nothing is mounted
    pid = start_engine(root, *options, inside=inside)
    wait_until(lambda: status(root)["state"] == "holding", "the hold")
    return pid


def restore_share(root: Path) -> None:
    """Waits until the engine sees it; a paused engine reads nothing, and so sees it after the `resume`."""
    (root / "source").rmdir()
    (root / "elsewhere").rename(root / "source")
    if status(root)["state"] != "paused":
        wait_until(lambda: status(root)["hold"] is None, "the engine to see it")


def wait_for_end(root: Path, longest_s: float = LONGEST_WAIT_S) -> dict[str, Any]:
    """Waits until the engine has ended; returns its last status."""
    return wait_until(lambda: _gone(root), "the engine's end", longest_s)


def _gone(root: Path) -> dict[str, Any] | None:
    document = status(root)
    return document if document["engine"] is None else None


def suspend_busy_worker(root: Path, image_id: int | None = None, but: Collection[int] = ()) -> dict[str, Any]:
    """Stops (SIGSTOP) a worker that converts an image, or that image; never one of the pids in `but`.

    The run stands in the middle then, however fast the machine: its image is not done before SIGCONT. All workers are
    stopped before it is asked who is busy: an idle one that stands is given the next image, and keeps it. Images
    should be large all the same (600x500 or more), because the run has begun before this is called.
    """
    return wait_until(
        lambda: _halt(root, image_id, but), "a worker stopped in the middle of an image", longest_pause_s=0.01
    )


def _halt(root: Path, image_id: int | None, but: Collection[int]) -> dict[str, Any] | None:
    there = [pid for pid in _workers(root) if pid not in but]
    stopped = [pid for pid in there if not _stands(pid) and _signal(pid, signal.SIGSTOP)]
    worker = _busy(root, image_id, there)
    # What it had said before reaches the engine between two questions.
    if worker is not None and not all(_still(root, worker) for _ in range(2)):
        worker = None
    for pid in stopped:
        if worker is None or pid != worker["pid"]:
            _signal(pid, signal.SIGCONT)
    return worker


def _workers(root: Path) -> list[int]:
    return [worker["pid"] for worker in status(root)["workers"] if worker["pid"]]


def _stands(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_STOPPED
    except psutil.NoSuchProcess:
        return False


def _signal(pid: int, signum: signal.Signals) -> bool:
    """Whether there is such a process."""
    try:
        os.kill(pid, signum)
    except ProcessLookupError:
        return False
    return True


def _busy(root: Path, image_id: int | None, there: Collection[int]) -> dict[str, Any] | None:
    for worker in status(root)["workers"]:
        wanted = worker["image_id"] is not None and image_id in (None, worker["image_id"])
        if wanted and worker["pid"] in there:
            return worker  # type: ignore[no-any-return]
    return None


def _still(root: Path, worker: dict[str, Any]) -> bool:
    return any(
        (w["pid"], w["image_id"]) == (worker["pid"], worker["image_id"]) for w in status(root)["workers"]
    )


def resume_worker(worker: dict[str, Any]) -> None:
    os.kill(worker["pid"], signal.SIGCONT)


def kill_engine(pid: int) -> bool:
    """SIGKILL, and a wait until it and all its children are gone; False if it had ended by itself."""
    try:
        engine = psutil.Process(pid)
        family = [engine, *engine.children(recursive=True)]
        engine.kill()
    except psutil.NoSuchProcess:
        return False
    _, alive = psutil.wait_procs(family, timeout=LONGEST_WAIT_S)
    assert not alive, f"children outlived their engine: {alive}"
    return True


def stored_digests(root: Path) -> dict[str, str]:
    """Every file in the local store with its SHA-256, by its path relative to the store."""
    out = root / "out"
    return {
        str(path.relative_to(out)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(out.rglob("*"))
        if path.is_file()
    }


def scratch_contents(root: Path) -> list[Path]:
    """All that is on scratch, directories too."""
    return list((root / "scratch").rglob("*"))
