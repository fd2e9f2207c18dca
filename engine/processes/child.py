"""The engine's child processes: each with a fresh interpreter and a pipe, and ended when the engine ends."""

from __future__ import annotations

import contextlib
import ctypes
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from typing import Any

from engine.memory.usage import OOM_WORKER, set_oom_score
from engine.visible_stderr import make_stderr_visible

_PR_SET_PDEATHSIG = 1  # prctl(2)
_LEFT_TO_THE_PARENT = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_libc = ctypes.CDLL(None, use_errno=True)  # before the first fork: nothing is loaded between fork and exec
_ONE_THREAD_EACH = ("OPENBLAS_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")
"""numpy's matrix products would use every core in every worker; the setting counts when numpy is imported."""
_HUGE_PAGES = "glibc.malloc.hugetlb=1"
"""glibc asks for huge pages where it takes much memory at once (glibc manual, Memory Allocation Tunables): an image
of 12 megapixels meets a seventh of the page faults. Other C libraries do not read it."""


def tie_to_parent(parent_pid: int, *, killed_first: bool) -> None:
    """For a child before its work: leave the signals to the parent, and end when it ends.

    Ctrl-C and SIGTERM reach a whole process group; only the supervisor decides what they mean. With `killed_first` the
    kernel kills this process before the supervisor when memory runs out."""
    _obey_the_parent_alone()
    make_stderr_visible()
    if sys.platform == "linux" and killed_first:
        set_oom_score(OOM_WORKER)
    if os.getppid() != parent_pid:  # the parent ended before the request was in force
        os._exit(1)


def _obey_the_parent_alone() -> None:
    """Done between fork and exec, which keeps it: a child that is stopped at once is tied to its parent too."""
    for left_to_the_parent in _LEFT_TO_THE_PARENT:
        signal.signal(left_to_the_parent, signal.SIG_IGN)
    end_with_parent()


def end_with_parent() -> None:
    """The kernel is to kill this process when its parent ends, where it can; also between fork and exec."""
    if sys.platform == "linux":
        _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def settings_of_children(environment: Mapping[str, str]) -> dict[str, str]:
    """The variables of its own that a child gets; what a person has set counts."""
    tunables = environment.get("GLIBC_TUNABLES", "")
    chosen = (
        tunables if "glibc.malloc.hugetlb" in tunables else ":".join(filter(None, (tunables, _HUGE_PAGES)))
    )
    return {name: environment.get(name, "1") for name in _ONE_THREAD_EACH} | {"GLIBC_TUNABLES": chosen}


class Child:
    """A child process and our end of its pipe. Messages are frozen Structs of `engine.messages`."""

    def __init__(self, name: str, main: Callable[..., None], *args: object) -> None:
        """Starts `main(connection, parent_pid, *args)` in a fresh interpreter."""
        self.name = name
        self.killed_at: float | None = None
        """Monotonic, s. A process that the kernel keeps in a read or a write that never ends outlives it."""
        ours, theirs = Pipe(duplex=True)
        self.connection: Connection[Any, Any] = ours
        self._readable = select.poll()
        """The connection's own `poll` makes a selector each time, and this is asked at every turn of the loop."""
        self._readable.register(ours.fileno(), select.POLLIN)
        code = f"from {__name__} import spawn_main; spawn_main({theirs.fileno()}, {os.getpid()})"
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-X", "utf8", "-c", code, name],
            stdin=subprocess.DEVNULL,
            env=os.environ | settings_of_children(os.environ),
            pass_fds=(theirs.fileno(),),
            preexec_fn=_obey_the_parent_alone,
        )
        theirs.close()
        self.send(sys.path)
        self.send((main, args))

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def exit_code(self) -> int | None:
        """None while it runs; minus the signal's number if a signal ended it."""
        return self._process.poll()

    def send(self, message: object) -> None:
        """Send a message; that a child has ended is noticed by the end of its pipe, not here."""
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            self.connection.send(message)

    def messages(self) -> Iterator[Any]:
        """What it has sent so far, without waiting; also the last messages of a child that has ended."""
        try:
            while not self.connection.closed and self._readable.poll(0):
                yield self.connection.recv()
        except (EOFError, ConnectionResetError):
            return

    def kill(self) -> None:
        if self.exit_code is None:
            self.killed_at = self.killed_at or time.monotonic()
            self._process.kill()

    def wait(self, timeout_s: float) -> bool:
        """Wait for its end; False if it has not come by then."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout_s)
        return self.exit_code is not None

    def close(self, timeout_s: float = 5.0) -> bool:
        """Close the pipe, and kill it if it does not end in time; False if no signal ends it."""
        ended = self.wait(timeout_s)
        if not ended:
            self.kill()
            ended = self.wait(timeout_s)
        self.connection.close()
        return ended


def spawn_main(descriptor: int, parent_pid: int) -> None:
    """The child's first function; its command line names it."""
    tie_to_parent(parent_pid, killed_first=False)
    connection: Connection[Any, Any] = Connection(descriptor)
    sys.path[:] = connection.recv()
    main, args = connection.recv()
    main(connection, parent_pid, *args)


def describe_exit(exit_code: int | None) -> str:
    """`was killed by SIGSEGV`, or `ended with exit code 3`."""
    if exit_code is not None and exit_code < 0:
        try:
            return f"was killed by {signal.Signals(-exit_code).name}"
        except ValueError:
            return f"was killed by signal {-exit_code}"
    return f"ended with exit code {exit_code}"
