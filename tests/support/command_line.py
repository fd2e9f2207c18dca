"""Runs the photostat command in processes of its own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support.waiting import LONGEST_WAIT_S

COMMAND = (sys.executable, "-c", "from tui.cli import main; main()")
"""The `photostat` command of the interpreter that runs the tests."""


@dataclass(frozen=True)
class Outcome:
    """What a command did: its exit code and all it wrote."""

    code: int
    stdout: str
    stderr: str

    @property
    def json(self) -> Any:
        """The one document on stdout."""
        return json.loads(self.stdout)


def photostat(
    *args: str | Path,
    workspace: Path | None = None,
    cwd: Path | None = None,
    env: dict[str, str] | None = None,
    expect: int | None = 0,
    inside: Sequence[str] = (),
) -> Outcome:
    """Runs `photostat ARGS` in a process of its own and returns its outcome.

    `workspace` becomes `-C`; `inside` stands in front of the command. Fails the test if the exit code is not `expect`
    (None: any).
    """
    command = [*inside, *COMMAND, *(["-C", str(workspace)] if workspace else []), *map(str, args)]
    done = subprocess.run(
        command,
        cwd=cwd,
        env=environment(env),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=LONGEST_WAIT_S,
        check=False,
    )
    outcome = Outcome(done.returncode, done.stdout, done.stderr)
    if expect is not None and outcome.code != expect:
        shown = " ".join(map(str, args))
        raise AssertionError(
            f"photostat {shown}: exit {outcome.code}, expected {expect}\n{outcome.stdout}\n{outcome.stderr}"
        )
    return outcome


def start(*args: str | Path, workspace: Path | None = None, **options: Any) -> subprocess.Popen[str]:
    """Starts `photostat ARGS` and does not wait; the caller ends it. `options` go to Popen."""
    command = [*COMMAND, *(["-C", str(workspace)] if workspace else []), *map(str, args)]
    settings: dict[str, Any] = {
        "stdin": subprocess.DEVNULL,
        "stdout": subprocess.PIPE,
        "stderr": subprocess.PIPE,
        "text": True,
        "env": environment(None),
        "preexec_fn": _heed_ctrl_c,
    }
    return subprocess.Popen(command, **(settings | options))


def _heed_ctrl_c() -> None:
    """Shells start background jobs with SIGINT ignored, and the tests may run in one."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


def environment(more: dict[str, str] | None) -> dict[str, str]:
    """This process's environment without photostat's variables and cards that decode, and with `more`."""
    clean = {k: v for k, v in os.environ.items() if not k.startswith("PHOTOSTAT_")}
    return clean | {"COLUMNS": "100", "NO_COLOR": "1", "CUDA_VISIBLE_DEVICES": ""} | (more or {})
