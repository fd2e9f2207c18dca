"""Starts an engine as a process of its own: a session leader that outlives the terminal, the connection and the TUI."""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from engine.failures import UserError
from engine.workspace import Workspace

OUTPUT_NAME = "engine-output.log"
"""In logs/: what the engine's libraries print, and its last words."""
_START_TIMEOUT_S = 60.0
_TAIL_BYTES = 600


@dataclass(frozen=True)
class Started:
    """A new engine that answers."""

    pid: int
    workers: int
    workers_asked: int
    """By the options, the settings or the machine's cores; more than `workers` where memory allows no more."""


def start_engine(
    workspace: Workspace, batches: Sequence[str] | None = None, workers: int | None = None
) -> Started:
    """A new engine whose socket answers; raises UserError with its reason where none came up.

    Every file descriptor is given explicitly, so that it works from inside a running Textual app too.
    """
    command = [sys.executable, "-P", "-m", "engine", str(workspace.root)]
    if workers is not None:
        command += ["--workers", str(workers)]
    for batch in batches or ():
        command += ["--batch", batch]
    workspace.logs_dir.mkdir(parents=True, exist_ok=True)
    output = workspace.logs_dir / OUTPUT_NAME
    ready, say_ready = os.pipe()
    try:
        with output.open("ab") as out:
            process = subprocess.Popen(
                [*command, "--ready-fd", str(say_ready)],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                pass_fds=(say_ready,),
                start_new_session=True,
                cwd=workspace.root,
            )
        os.close(say_ready)
        say_ready = -1
        said = _read_line(ready, _START_TIMEOUT_S)
    finally:
        os.close(ready)
        if say_ready >= 0:
            os.close(say_ready)
    if said is None:
        process.kill()
        tail = output.read_bytes()[-_TAIL_BYTES:].decode(errors="replace").strip().rpartition("\n")[2]
        raise UserError(f"the engine did not start; {output} ends with: {tail or 'nothing'}")
    if "error" in said:
        process.wait()
        raise UserError(str(said["error"]))
    threading.Thread(target=process.wait, daemon=True).start()  # so that its end leaves no zombie
    return Started(process.pid, said["workers"], said["workers_asked"])


def _read_line(fd: int, timeout_s: float) -> dict[str, Any] | None:
    """The JSON line the engine says when it is ready or cannot be; None where it ended or took too long."""
    deadline, data = time.monotonic() + timeout_s, b""
    while not data.endswith(b"\n"):
        readable, _, _ = select.select([fd], [], [], max(0.0, deadline - time.monotonic()))
        chunk = os.read(fd, 4096) if readable else b""
        if not chunk:
            return None
        data += chunk
    document: dict[str, Any] = json.loads(data)
    return document
