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
_PR_SET_PDEATHSIG = 1  # prctl(2)


def guard() -> None:
    """Returns in a child process, which carries the command out; this one waits, passes on its exit code, and ends."""
    if sys.platform != "linux":
        return
    waited_for = _ENDS | {signal.SIGCHLD}
    libc = ctypes.CDLL(None)
    before = signal.pthread_sigmask(signal.SIG_BLOCK, waited_for)
    parent, child = os.getpid(), os.fork()
    if child:
        _wait_for(child, waited_for)
    libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)
    signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _wait_for(child: int, waited_for: frozenset[signal.Signals]) -> NoReturn:
    """Ends as the child does, or without it if no signal ends it."""
    asked: int | None = None
    deadline = float("inf")
    while True:
        remaining_s = min(3600.0, max(0.0, deadline - time.monotonic()))
        found = signal.sigtimedwait(waited_for, remaining_s)
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            code = os.waitstatus_to_exitcode(status)
            os._exit(code if code >= 0 else 128 - code)
        if found is not None and found.si_signo in _ENDS:
            if found.si_code <= 0:  # somebody sent it to this process alone; a terminal sends it to both
                os.kill(child, found.si_signo)
            if asked is None:
                asked, deadline = found.si_signo, time.monotonic() + _ENDS_WITHIN_S
        if asked is not None and time.monotonic() >= deadline:
            _end(child, asked)


def _end(child: int, asked: int) -> NoReturn:
    os.kill(child, signal.SIGKILL)
    deadline = time.monotonic() + _ENDS_WITHIN_S
    while time.monotonic() < deadline and not os.waitpid(child, os.WNOHANG)[0]:
        time.sleep(0.05)
    if time.monotonic() >= deadline:
        message = (
            f"photostat: what it reads does not answer. Its process {child} is left behind: no signal ends it, and it "
            "ends when that answers"
        )
        click.echo(message, err=True)
    os._exit(128 + asked)
