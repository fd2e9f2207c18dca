"""The engine's own process: `python -m engine WORKSPACE`, started by `photostat run`."""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from pathlib import Path

from engine.control.launch import NotStarted, Started, StartReport
from engine.failures import UserError, one_line
from engine.ledger.writer import Ledger
from engine.memory.usage import OOM_SUPERVISOR, set_oom_score
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
    options = parser.parse_args()
    make_stderr_visible()
    batches = tuple(options.batch) if options.batch else None
    start = StartReport(options.ready_fd)
    try:
        return asyncio.run(_run(options.workspace, RunOptions(batches, options.workers), start))
    except UserError as error:
        start.write(NotStarted(str(error)))
        print(f"photostat: {one_line(str(error))}", file=sys.stderr)
        return 2


async def _run(root: Path, options: RunOptions, start: StartReport) -> int:
    workspace = Workspace(root)
    config = workspace.config()
    ledger = Ledger.open(workspace, command="run")
    set_oom_score(OOM_SUPERVISOR)
    try:
        supervisor = Supervisor(workspace, config, ledger, options)
        await supervisor.open()
        start.write(Started(os.getpid(), supervisor.workers_wanted, supervisor.workers_asked))
        finished = await supervisor.run()
        failed = supervisor.account().failed
    finally:
        ledger.close()
    supervisor.wait_for_notifications()
    return 0 if finished and not failed else 1


if __name__ == "__main__":
    sys.exit(main())
