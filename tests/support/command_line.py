"""Runs the real command line and waits for what it does, always with a bound."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

T = TypeVar("T")

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
    timeout_s: float = 120.0,
    expect: int | None = 0,
) -> Outcome:
    """Runs `photostat ARGS` in a process of its own and gives back its outcome.

    `workspace` becomes `-C`. Fails the test when the exit code is not `expect` (None: any) or the time is up.
    """
    command = [*COMMAND, *(["-C", str(workspace)] if workspace else []), *map(str, args)]
    done = subprocess.run(
        command,
        cwd=cwd,
        env=environment(env),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=timeout_s,
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
    }
    return subprocess.Popen(command, **(settings | options))


def environment(more: dict[str, str] | None) -> dict[str, str]:
    """This process's environment, with nothing in it that steers photostat unless `more` says so."""
    clean = {k: v for k, v in os.environ.items() if not k.startswith("PHOTOSTAT_")}
    return clean | {"COLUMNS": "100", "NO_COLOR": "1"} | (more or {})


def until(condition: Callable[[], T | None], what: str = "the condition", timeout_s: float = 30.0) -> T:
    """Asks again and again until `condition()` is true; gives back what it said; fails after `timeout_s`."""
    deadline = time.monotonic() + timeout_s
    pause_s = 0.005
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {timeout_s:g} s for {what} in vain")
        time.sleep(pause_s)
        pause_s = min(pause_s * 1.5, 0.2)
