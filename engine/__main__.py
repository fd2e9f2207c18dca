"""The engine's own process: `python -m engine WORKSPACE`, started by `photostat run`."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import sqlite3
import sys
import traceback
from pathlib import Path

from engine.control.launch import NotStarted, Started, StartReport
from engine.control.without_engine import outside_hours_of_ended, pause_of_ended, why_ended
from engine.failures import UserError, one_line, system_error_text
from engine.ledger.faults import fault_of
from engine.memory.usage import OOM_SUPERVISOR, set_oom_score
from engine.supervisor.engine_ledger import EngineLedger
from engine.supervisor.loop import RunOptions, Supervisor
from engine.visible_stderr import make_stderr_visible
from engine.workspace import Workspace


def main() -> int:
    """0 if every image is done or accepted, 1 if some are left or have failed, 2 if the engine could not start."""
    parser = argparse.ArgumentParser(prog="python -m engine")
    parser.add_argument("workspace", type=Path)
    parser.add_argument("--batch", action="append")
    parser.add_argument("--workers", type=int)
    parser.add_argument("--ready-fd", type=int)
    parser.add_argument(
        "--keep-pause", action="store_true", help="stay paused if the engine before was when it ended"
    )
    options = parser.parse_args()
    make_stderr_visible()
    batches = tuple(options.batch) if options.batch else None
    start = StartReport(options.ready_fd)
    try:
        workspace = Workspace(options.workspace)
        pause = pause_of_ended(workspace) if options.keep_pause else None
        run_options = RunOptions(batches, options.workers, pause, outside_hours_of_ended(workspace))
        return asyncio.run(_run(options.workspace, run_options, start))
    except Exception as error:  # noqa: BLE001 - the last resort of the process
        why = _why(error, options.workspace)
        start.write(NotStarted(why))
        _say(why)
        return 2


async def _run(root: Path, options: RunOptions, start: StartReport) -> int:
    workspace = Workspace(root)
    config, died = workspace.config(), why_ended(workspace)
    ledger = EngineLedger.open(workspace, command="run")
    set_oom_score(OOM_SUPERVISOR)
    why = ""
    try:
        supervisor = Supervisor(workspace, config, ledger, options)
        await supervisor.open(died)
        start.write(
            Started(os.getpid(), supervisor.steering.workers_wanted, supervisor.steering.workers_asked)
        )
        finished = await supervisor.run()
        failed = supervisor.steering.account().failed
        why = supervisor.unwritten
    except Exception as error:
        why = _why(error, root)
        raise
    finally:
        ledger.close(why)
    if why:
        _say(why)
    supervisor.wait_for_notifications()
    return 0 if finished and not failed else 1


def _why(error: Exception, root: Path) -> str:
    """What ended the engine, in one line. What nobody foresaw leaves its traceback too."""
    fault = fault_of(error, Workspace(root).ledger_path) if isinstance(error, sqlite3.Error) else None
    match fault or error:
        case UserError() as known:
            return one_line(str(known))
        case OSError() as refused:
            return system_error_text(refused)
    with contextlib.suppress(OSError):
        traceback.print_exception(error)
    return one_line(f"a fault of photostat ended the engine: {type(error).__name__}: {error}")


def _say(what: str) -> None:
    """In logs/engine-output.log, unless that is on a full disk."""
    with contextlib.suppress(OSError):
        print(f"photostat: {what}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    code = main()
    # Nothing is left to be written, and people wait: the kernel takes apart what Python would before its end.
    for stream in filter(None, (sys.stdout, sys.stderr)):
        with contextlib.suppress(OSError):
            stream.flush()
    os._exit(code)
