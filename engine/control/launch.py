"""Starts an engine as a process of its own: a session leader that outlives the terminal, the connection and the TUI."""

from __future__ import annotations

import contextlib
import json
import os
import select
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from msgspec import Struct, convert, to_builtins

from engine.failures import UserError
from engine.workspace import Workspace

OUTPUT_NAME = "engine-output.log"
"""In logs/: what the engine's libraries print, and the reason for an unexpected end."""
AFTER_THE_END = "photostat, after the engine's end: "
"""A line of that file which begins so does not say why it ended."""
_START_TIMEOUT_S = 60.0
_TAIL_BYTES, _LONGEST_LINE = 8192, 600


class Started(Struct, frozen=True, tag=True):
    """A new engine answers."""

    pid: int
    workers: int
    workers_asked: int
    """By the options, the settings or the machine's cores; more than `workers` where memory allows no more."""


class NotStarted(Struct, frozen=True, tag=True):
    """The engine ends again; `error` says why in one line."""

    error: str


def start_engine(
    workspace: Workspace, batches: Sequence[str] | None = None, workers: int | None = None
) -> Started:
    """A new engine whose socket answers; raises UserError with its reason if none came up.

    Every file descriptor is given explicitly, so that it works from inside a running Textual app too.
    """
    command = _command(workspace, batches, workers)
    workspace.logs_dir.mkdir(parents=True, exist_ok=True)
    output = workspace.logs_dir / OUTPUT_NAME
    ready, write_ready = os.pipe()
    try:
        with output.open("ab") as out:
            process = subprocess.Popen(
                [*command, "--ready-fd", str(write_ready)],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                pass_fds=(write_ready,),
                start_new_session=True,
                cwd=workspace.root,
            )
        os.close(write_ready)
        write_ready = -1
        report = _read_report(ready, _START_TIMEOUT_S)
    finally:
        os.close(ready)
        if write_ready >= 0:
            os.close(write_ready)
    if report is None:
        process.kill()
        raise UserError(f"the engine did not start; {output} ends with: {last_line(output) or 'nothing'}")
    if isinstance(report, NotStarted):
        process.wait()
        raise UserError(report.error)
    threading.Thread(target=process.wait, daemon=True).start()  # so that its end leaves no zombie
    return report


def become_engine(workspace: Workspace, batches: Sequence[str] | None, workers: int | None) -> NoReturn:
    """This process becomes the engine, and has its exit code: for services, whose manager watches one process.

    It may be the manager that starts it again, after a crash or a reboot, and no person: so it stays paused if the
    engine before was."""
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.chdir(workspace.root)
    command = [*_command(workspace, batches, workers), "--keep-pause"]
    os.execv(command[0], command)


def _command(workspace: Workspace, batches: Sequence[str] | None, workers: int | None) -> list[str]:
    command = [sys.executable, "-P", "-X", "utf8", "-m", "engine", str(workspace.root)]
    if workers is not None:
        command += ["--workers", str(workers)]
    for batch in batches or ():
        command += ["--batch", batch]
    return command


class StartReport:
    """The new engine's end of the pipe to whoever started it; takes one report, and ignores any other."""

    def __init__(self, fd: int | None) -> None:
        self._fd = fd

    def write(self, report: Started | NotStarted) -> None:
        fd, self._fd = self._fd, None  # another file may get the number of a closed one
        if fd is None:
            return
        with contextlib.suppress(OSError):  # nobody waits for it any more
            os.write(fd, json.dumps(to_builtins(report)).encode() + b"\n")
        os.close(fd)


def _read_report(fd: int, timeout_s: float) -> Started | NotStarted | None:
    """None if the engine ended without a report, or took too long."""
    deadline, data = time.monotonic() + timeout_s, b""
    while not data.endswith(b"\n"):
        readable, _, _ = select.select([fd], [], [], max(0.0, deadline - time.monotonic()))
        chunk = os.read(fd, 4096) if readable else b""
        if not chunk:
            return None
        data += chunk
    report: Started | NotStarted = convert(json.loads(data), Started | NotStarted)
    return report


def last_line(output: Path) -> str:
    """Of a file of text, without what was said after the engine's end. Raises OSError."""
    with output.open("rb") as file:
        file.seek(max(0, file.seek(0, os.SEEK_END) - _TAIL_BYTES))
        lines = file.read().decode(errors="replace").split("\n")
    said = (line.strip() for line in reversed(lines) if not line.startswith(AFTER_THE_END))
    return next(filter(None, said), "")[-_LONGEST_LINE:]
