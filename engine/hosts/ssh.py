"""Hosts that the engine starts over ssh, with the system's own `ssh`: they end when the engine or the connection does.

The invitation goes through the standard input of ssh, so that it is on no disk and no command line there. `photostat
host - --while-stdin` ends as soon as its standard input does, whatever has become of the engine.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shlex
import subprocess
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import cache

from engine.config.ssh_hosts import SshHost
from engine.failures import one_line
from engine.formatting import duration
from engine.hosts.children import Journal
from engine.ledger.states import EventKind
from engine.processes.child import end_with_parent

SAYS = "photostat host: "
"""What `photostat host` says on stderr begins so."""
_STARTS_WITHIN_S = 90.0
_ENDS_WITHIN_S = 10.0
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 5.0, 600.0
_LOOK_EVERY_S = 0.05
_TAIL_BYTES = 4096
_NOT_FOUND = 127
_OPTIONS = (
    "BatchMode=yes",  # it asks nobody for anything
    "ConnectTimeout=15",
    "ConnectionAttempts=1",
    "ServerAliveInterval=5",
    "ServerAliveCountMax=3",
    "ControlMaster=no",
    "ControlPath=none",
    "ClearAllForwardings=yes",
    "RemoteCommand=none",
    "LogLevel=ERROR",
)


def ssh_command(host: SshHost, command: str) -> list[str]:
    """`command` is photostat's where the host has none of its own. A login shell finds it: ssh's PATH is short."""
    remote = f"exec {host.command or command} host - --while-stdin"
    if host.workers is not None:
        remote += f" --workers {host.workers}"
    if host.scratch:
        remote += f" --scratch {shlex.quote(host.scratch)}"
    options = [word for option in _OPTIONS for word in ("-o", option)]
    return ["ssh", "-T", "-x", "-a", *options, "--", host.at, shlex.join(["sh", "-lc", remote])]


def pause_s(failures: int) -> float:
    """Before it is tried again, after so many attempts in a row that have failed."""
    return min(_LONGEST_PAUSE_S, _FIRST_PAUSE_S * 2.0 ** max(0, failures - 1))


@dataclass
class _Started:
    """One ssh."""

    process: subprocess.Popen[bytes]
    since: float
    said: bytes = b""
    has_begun: bool = False
    """Photostat has said something there."""
    has_joined: bool = False
    was_late: bool = False

    def listen(self) -> None:
        assert self.process.stderr is not None
        with contextlib.suppress(BlockingIOError):
            while data := os.read(self.process.stderr.fileno(), 65536):
                self.said = (self.said + data)[-_TAIL_BYTES:]
        self.has_begun = self.has_begun or SAYS.encode() in self.said

    @property
    def last_line(self) -> str:
        lines = filter(None, (line.strip() for line in self.said.decode(errors="replace").splitlines()))
        return one_line(next(reversed(list(lines)), "")).removeprefix(SAYS).rstrip(".")


@dataclass
class _Wanted:
    host: SshHost
    started: _Started | None = None
    failures: int = 0
    next_at: float = 0.0
    told: str = ""
    left: bool = field(default=False)
    """A person has let it go: this engine does not start it again."""


class SshHosts:
    def __init__(
        self,
        hosts: Iterable[SshHost],
        command: str,
        invitation: Callable[[str], str],
        is_there: Callable[[str], bool],
        events: Journal,
        is_forgotten: Callable[[str], bool],
    ) -> None:
        """`invitation` is the text of one for a host of this name; `is_there` is whether it has joined, `is_forgotten`
        whether a person has ended its invitation."""
        self._wanted = [_Wanted(host) for host in hosts]
        self._command = command
        self._invitation = cache(invitation)  # a host that is tried often is invited once
        self._is_there = is_there
        self._events = events
        self._is_forgotten = is_forgotten

    def look(self, now: float) -> None:
        """At every turn of the loop: start those that are not there, and tell why one is not."""
        for one in self._wanted:
            if one.started is None:
                if not one.left and now >= one.next_at and not self._is_there(one.host.name):
                    self._start_unless_forgotten(one, now)
                continue
            self._look_at(one, one.started, now)

    async def close(self) -> None:
        """They end with their standard input; whoever does not is cut off."""
        running = list(self._running())
        for started in running:
            self._end_input(started)
        deadline = time.monotonic() + _ENDS_WITHIN_S
        while any(one.process.poll() is None for one in running) and time.monotonic() < deadline:
            for one in running:
                one.listen()
            await asyncio.sleep(_LOOK_EVERY_S)
        for one in running:
            _cut_off(one)

    def end_inputs(self) -> None:
        """They are to end; does not wait for it."""
        for started in self._running():
            self._end_input(started)

    def _running(self) -> Iterator[_Started]:
        return (one.started for one in self._wanted if one.started is not None)

    def _start_unless_forgotten(self, one: _Wanted, now: float) -> None:
        name = one.host.name
        if not self._is_forgotten(name):
            self._start(one, now)
            return
        one.left = True
        self._events.warning(
            EventKind.ENGINE,
            f"{name} is not started over ssh, for it was forgotten: if that was a mistake, `photostat host invite "
            f"{name}` and the next engine start it again",
        )

    def _start(self, one: _Wanted, now: float) -> None:
        try:
            process = subprocess.Popen(
                ssh_command(one.host, self._command),
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                start_new_session=True,  # without a terminal, on which it could ask for a password
                preexec_fn=end_with_parent,
            )
        except OSError as error:
            self._failed(one, f"ssh cannot be started: {error.strerror}", now)
            return
        assert process.stdin is not None and process.stderr is not None
        os.set_blocking(process.stderr.fileno(), False)
        with contextlib.suppress(BrokenPipeError):  # it has ended: why is on its stderr
            process.stdin.write(self._invitation(one.host.name).encode("ascii"))
            process.stdin.flush()
        one.started = _Started(process, now)

    def _look_at(self, one: _Wanted, started: _Started, now: float) -> None:
        started.listen()
        if self._is_there(one.host.name):
            started.has_joined, one.failures, one.told = True, 0, ""
        if started.process.poll() is None:
            if not started.has_begun and now - started.since > _STARTS_WITHIN_S and not started.was_late:
                started.was_late = True
                started.process.kill()
            return
        started.listen()
        one.started = None
        _cut_off(started)
        one.left = started.has_joined and started.process.returncode == 0
        if started.has_joined:
            one.next_at = now + pause_s(1)  # that it is lost, the engine tells
            return
        self._failed(one, _why(started), now)

    def _failed(self, one: _Wanted, why: str, now: float) -> None:
        one.failures += 1
        one.next_at = now + pause_s(one.failures)
        if why == one.told:
            return
        one.told = why
        again = duration(pause_s(one.failures))
        self._events.warning(
            EventKind.ENGINE,
            f"{one.host.name} was not started over ssh: {why}. Tried again in {again}, then less and less often; "
            "the others go on",
        )

    def _end_input(self, started: _Started) -> None:
        assert started.process.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            started.process.stdin.close()


def _why(started: _Started) -> str:
    line = started.last_line
    if started.was_late:
        return f"nothing has begun there within {_STARTS_WITHIN_S:.0f} s" + (f" ({line})" if line else "")
    code = started.process.returncode
    if code == _NOT_FOUND:
        return f"{line or 'no such command'}: install photostat there, or set [cluster] command to its path"
    return line or f"ssh ended with exit code {code}"


def _cut_off(started: _Started) -> None:
    process = started.process
    if process.poll() is None:
        process.kill()
        process.wait()
    for pipe in (process.stdin, process.stderr):
        if pipe is not None:
            with contextlib.suppress(BrokenPipeError):
                pipe.close()
