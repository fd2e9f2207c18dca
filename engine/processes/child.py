"""The engine's child processes: spawned with a fresh interpreter, a pipe each, and ended when the engine ends."""

from __future__ import annotations

import ctypes
import multiprocessing
import os
import signal
import sys
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection
from typing import Any

from engine.memory.usage import OOM_WORKER, set_oom_score
from engine.visible_stderr import make_stderr_visible

_PR_SET_PDEATHSIG = 1  # prctl(2)
_context = multiprocessing.get_context("spawn")


def tie_to_parent(parent_pid: int, *, killed_first: bool) -> None:
    """For a child before its work: leave the signals to the parent, and end when it ends.

    Ctrl-C and SIGTERM reach a whole process group; only the supervisor decides what they mean. With `killed_first` the
    kernel kills this process before the supervisor when memory runs out."""
    make_stderr_visible()
    for left_to_the_parent in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(left_to_the_parent, signal.SIG_IGN)
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if killed_first:
            set_oom_score(OOM_WORKER)
    if os.getppid() != parent_pid:  # the parent ended before the request was in force
        os._exit(1)


class Child:
    """A child process and our end of its pipe. Messages are frozen dataclasses of `engine.messages`."""

    def __init__(self, name: str, main: Callable[..., None], *args: object) -> None:
        """Starts `main(connection, parent_pid, *args)` in a fresh interpreter."""
        ours, theirs = _context.Pipe(duplex=True)
        self.connection: Connection[Any, Any] = ours
        self.process = _context.Process(
            target=main, args=(theirs, os.getpid(), *args), name=name, daemon=True
        )
        self.process.start()
        theirs.close()

    @property
    def pid(self) -> int:
        return self.process.pid or 0

    @property
    def exit_code(self) -> int | None:
        """None while it runs; minus the signal's number if a signal ended it."""
        return self.process.exitcode

    def send(self, message: object) -> None:
        """Send a message; that a child has ended is noticed by its sentinel, not here."""
        try:
            self.connection.send(message)
        except (BrokenPipeError, ConnectionResetError):
            return

    def messages(self) -> Iterator[Any]:
        """What it has sent so far, without waiting; also the last messages of a child that has ended."""
        try:
            while self.connection.poll():
                yield self.connection.recv()
        except (EOFError, ConnectionResetError):
            return

    def kill(self) -> None:
        if self.process.exitcode is None:
            self.process.kill()

    def close(self, timeout_s: float = 5.0) -> None:
        """Wait for its end, kill it if that takes too long, and close the pipe."""
        self.process.join(timeout_s)
        if self.process.exitcode is None:
            self.process.kill()
            self.process.join()
        self.connection.close()


def describe_exit(exit_code: int | None) -> str:
    """`was killed by SIGSEGV`, or `ended with exit code 3`."""
    if exit_code is not None and exit_code < 0:
        try:
            return f"was killed by {signal.Signals(-exit_code).name}"
        except ValueError:
            return f"was killed by signal {-exit_code}"
    return f"ended with exit code {exit_code}"
