"""What is known of a workspace in which no engine runs: what its ledger has, and why the last engine has ended."""

from __future__ import annotations

import time
from pathlib import Path

from engine.control.children_file import left_behind
from engine.control.launch import OUTPUT_NAME, last_line
from engine.control.snapshot import Pause, Person, Snapshot
from engine.failures import one_line
from engine.formatting import date_and_second
from engine.ledger.lock import Holder, find_ended_engine, find_paused_engine
from engine.ledger.reader import LedgerReader
from engine.workspace import Workspace


def snapshot_of_ledger(workspace: Workspace, reader: LedgerReader) -> Snapshot:
    """Raises UserError and sqlite3.Error if it cannot be read."""
    return Snapshot.from_ledger(
        reader.figures(), time.time(), left_behind(workspace.children_path), why_ended(workspace)
    )


def why_ended(workspace: Workspace) -> str | None:
    """Why the last engine has ended although nobody had ordered it; None if all was well."""
    last = find_ended_engine(workspace.lock_path)
    if last is None:
        return None
    if last.ended:
        return last.ended
    why = (
        f"the engine (pid {last.pid}, since {date_and_second(last.since)}) was killed, or the machine went down; "
        "nothing is lost"
    )
    said = _last_output(workspace.logs_dir / OUTPUT_NAME, last)
    return f"{why}. Its output ends with: {said}" if said else why


def pause_of_ended(workspace: Workspace) -> Pause | None:
    """The pause in which the last engine was when it ended: killed, drained for a reboot, or otherwise."""
    last = find_paused_engine(workspace.lock_path)
    if last is None or len(last.paused_by) != 3:
        return None
    return Pause(Person(*map(str, last.paused_by)), last.paused_since)


def outside_hours_of_ended(workspace: Workspace) -> float | None:
    """Until when a person wanted the last engine to work outside its hours, Unix time, s, if it died on the way."""
    last = find_ended_engine(workspace.lock_path)
    return last.outside_hours_until or None if last is not None else None


def _last_output(output: Path, engine: Holder) -> str:
    """The last line that this engine or its children wrote; empty if they wrote none."""
    try:
        return one_line(last_line(output)) if output.stat().st_mtime >= engine.since else ""
    except OSError:
        return ""
