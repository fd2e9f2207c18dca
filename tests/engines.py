"""What the tests of whole runs share: an engine's state from outside, its end by signal, and the account."""

from __future__ import annotations

import hashlib
import os
import signal
from pathlib import Path
from typing import Any

import psutil

from engine.client import EngineClient, NoEngine
from engine.ledger.reader import LedgerReader
from engine.snapshot import Snapshot
from engine.workspace import Workspace
from tests.running import photostat, until

ENDED = ("finished", "stopped")


def status(root: Path) -> dict[str, Any]:
    """What `status --json` says, asked without a process of its own: tests ask often."""
    document = _snapshot(Workspace(root)).to_json()
    totals = document["totals"]
    parts = sum(totals[key] for key in ("pending", "in_flight", "done", "failed", "accepted"))
    assert totals["rows"] == parts, f"the account does not add up: {totals}"
    return document


def _snapshot(workspace: Workspace) -> Snapshot:
    try:
        with EngineClient.connect(workspace) as client:
            return client.snapshot()
    except NoEngine:
        with LedgerReader(workspace) as reader:
            return reader.snapshot()


def listing(root: Path) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = photostat("list", "--json", workspace=root).json
    return rows


def started(root: Path, *options: str) -> int:
    """The pid of a detached engine."""
    photostat("run", "--detach", *options, workspace=root)
    return int(status(root)["engine"]["pid"])


def ended(root: Path, timeout_s: float = 120.0) -> dict[str, Any]:
    """Waits until no engine is there any more; its last account."""
    return until(lambda: _gone(root), "the engine's end", timeout_s)


def _gone(root: Path) -> dict[str, Any] | None:
    document = status(root)
    return document if document["engine"] is None else None


def kill_engine(pid: int) -> None:
    """SIGKILL, and wait until it and all its children are gone."""
    engine = psutil.Process(pid)
    family = [engine, *engine.children(recursive=True)]
    os.kill(pid, signal.SIGKILL)
    _, alive = psutil.wait_procs(family, timeout=20)
    assert not alive, f"children outlived their engine: {alive}"


def stored(root: Path) -> dict[str, str]:
    """Every file in the local store with its SHA-256, by its path relative to the store."""
    out = root / "out"
    return {
        str(path.relative_to(out)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(out.rglob("*"))
        if path.is_file()
    }


def leftovers(root: Path) -> list[Path]:
    """What lies on scratch, directories included."""
    return list((root / "scratch").rglob("*"))
