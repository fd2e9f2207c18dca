"""Commands that read sources or a store run in a child process, so that Ctrl-C always gives the terminal back.

A process that waits for a share which does not answer is ended by no signal. The one that the shell waits for must
therefore never wait so itself.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import time
from typing import NoReturn

import click

GUARDED = frozenset({"add", "check", "reconcile", "report", "proof", "quality"})
"""The commands that look at files which may be on a share."""
_ENDS = frozenset({signal.SIGINT, signal.SIGTERM, signal.SIGHUP})
_ENDS_WITHIN_S = 5.0
"""After the signal, and again after SIGKILL."""
_LINGERS_S = 1.0
"""The same after its work."""
_LOOK_EVERY_S = 0.1
_PR_SET_PDEATHSIG = 1  # prctl(2)
_result: list[int] = []
"""The child's end of a pipe: its exit code goes there, because threads may keep it from ending."""


def guard() -> None:
    """Returns in a child process, which carries the command out; this one waits, passes on its exit code, and ends."""
    if sys.platform != "linux":
        return
    waited_for = _ENDS | {signal.SIGCHLD}
    libc = ctypes.CDLL(None)
    before = signal.pthread_sigmask(signal.SIG_BLOCK, waited_for)
    result, theirs = os.pipe()
    parent, child = os.getpid(), os.fork()
    if child:
        os.close(theirs)
        os.set_blocking(result, False)
        _wait_for(child, result, waited_for)
    os.close(result)
    _result.append(theirs)
    libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)
    signal.pthread_sigmask(signal.SIG_SETMASK, before)


def report(code: object) -> None:
    """The command has been carried out, and all is printed."""
    if _result:
        sys.stdout.flush()
        os.write(_result.pop(), bytes([code if isinstance(code, int) else 0 if code is None else 1]))


def _wait_for(child: int, result: int, waited_for: frozenset[signal.Signals]) -> NoReturn:
    """Ends as the child does, or without it if no signal ends it."""
    asked: int | None = None
    code: int | None = None
    deadline = float("inf")
    while True:
        remaining_s = min(_LOOK_EVERY_S, max(0.0, deadline - time.monotonic()))
        found = signal.sigtimedwait(waited_for, remaining_s)
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            ended_with = os.waitstatus_to_exitcode(status)
            os._exit(ended_with if ended_with >= 0 else 128 - ended_with)
        if code is None and (code := _read_code(result)) is not None:
            deadline = time.monotonic() + _LINGERS_S
        if found is not None and found.si_signo in _ENDS:
            if found.si_code <= 0:  # somebody sent it to this process alone; a terminal sends it to both
                os.kill(child, found.si_signo)
            if asked is None:
                asked, deadline = found.si_signo, time.monotonic() + _ENDS_WITHIN_S
        if time.monotonic() >= deadline:
            if code is not None:
                _end(child, code, _LINGERS_S)
            _end(child, 128 + (asked or 0), _ENDS_WITHIN_S)


def _read_code(result: int) -> int | None:
    """What the child has reported; None if it has not, or has ended without."""
    try:
        return (os.read(result, 1) or [None])[0]
    except BlockingIOError:
        return None


def _end(child: int, code: int, within_s: float) -> NoReturn:
    os.kill(child, signal.SIGKILL)
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline and not os.waitpid(child, os.WNOHANG)[0]:
        time.sleep(0.05)
    if time.monotonic() >= deadline:
        message = (
            f"photostat: what it reads does not answer. Its process {child} is left behind: no signal ends it, and it "
            "ends when that answers"
        )
        click.echo(message, err=True)
    os._exit(code)
