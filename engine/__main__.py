"""The engine's own process: `python -m engine WORKSPACE`, started by `photostat run`."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
from pathlib import Path

from engine.failures import UserError
from engine.ledger.writer import Ledger
from engine.memory.usage import OOM_SUPERVISOR, set_oom_score
from engine.supervisor.loop import RunOptions, Supervisor
from engine.workspace import Workspace


def main() -> int:
    """0 when all is done and well, 1 when something is left or failed, 2 when it could not start."""
    parser = argparse.ArgumentParser(prog="python -m engine")
    parser.add_argument("workspace", type=Path)
    parser.add_argument("--batch", action="append")
    parser.add_argument("--workers", type=int)
    parser.add_argument("--ready-fd", type=int)
    options = parser.parse_args()
    batches = tuple(options.batch) if options.batch else None
    try:
        return asyncio.run(_run(options.workspace, RunOptions(batches, options.workers), options.ready_fd))
    except UserError as error:
        _say(options.ready_fd, {"error": str(error)})
        print(f"photostat: {error}", file=sys.stderr)
        return 2


async def _run(root: Path, options: RunOptions, ready_fd: int | None) -> int:
    workspace = Workspace(root)
    config = workspace.config()
    ledger = Ledger.open(workspace, command="run")
    set_oom_score(OOM_SUPERVISOR)
    try:
        supervisor = Supervisor(workspace, config, ledger, options)
        await supervisor.open()
        wanted, asked = supervisor.converting.slots.wanted, supervisor.workers_asked
        _say(ready_fd, {"pid": os.getpid(), "workers": wanted, "workers_asked": asked})
        finished = await supervisor.run()
        failed = supervisor.account().failed
    finally:
        ledger.close()
    supervisor.say_goodbye()
    return 0 if finished and not failed else 1


def _say(fd: int | None, document: dict[str, object]) -> None:
    """Tell the launcher, once; after that nobody listens there."""
    if fd is None:
        return
    try:
        os.write(fd, json.dumps(document).encode() + b"\n")
        os.close(fd)
    except OSError:  # told already, or the launcher has left
        return


if __name__ == "__main__":
    sys.exit(main())
