"""Who gives an order: the user as the kernel says it, the terminal, and the machine that they sit at."""

from __future__ import annotations

import os
import pwd
import socket
import sys
from functools import lru_cache
from pathlib import Path

from engine.control.peers import Peer
from engine.control.snapshot import Person

_PSEUDO_TERMINALS = range(136, 144)


def person_at(peer: Peer | None) -> Person:
    """Whose process this is; `host` is that of an SSH connection if the process belongs to one."""
    if peer is None:
        return Person(_user(os.geteuid()), socket.gethostname(), "")
    return Person(_user(peer.uid), _host(peer.pid), _terminal(peer.pid))


def person_here() -> Person:
    """Whose process this one is."""
    return person_at(Peer(os.geteuid(), os.getpid()))


@lru_cache(maxsize=64)
def _user(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"uid {uid}"


def _terminal(pid: int) -> str:
    """`pts/3`; empty for a process without one, and for one that cannot be looked at.

    From proc_pid_stat(5), field 7, whose first 256 pseudo-terminals have major number 136 (Linux, Documentation/
    admin-guide/devices.txt). psutil knows only the terminals that there were when it was first asked.
    """
    try:
        number = int(Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()[4])
        if number <= 0:
            return ""
        major, minor = os.major(number), os.minor(number)
        if major in _PSEUDO_TERMINALS:
            return f"pts/{minor + 256 * (major - _PSEUDO_TERMINALS.start)}"
        return Path(f"/sys/dev/char/{major}:{minor}").readlink().name
    except OSError:
        return ""


def _host(pid: int) -> str:
    """SSH_CONNECTION is `client-address client-port server-address server-port` (sshd(8))."""
    here = socket.gethostname()
    if not pid:
        return here
    came_from = _environment(pid).get("SSH_CONNECTION", "").split()
    return came_from[0] if came_from else here


def _environment(pid: int) -> dict[str, str]:
    """As it was when the process started; empty if nobody may know it."""
    try:
        variables = os.fsdecode(Path(f"/proc/{pid}/environ").read_bytes()).split("\0")  # proc_pid_environ(5)
        return {name: value for name, equals, value in (one.partition("=") for one in variables) if equals}
    except OSError:
        if sys.platform == "linux":
            return {}
    import psutil  # only here: a command should start quickly

    try:
        return psutil.Process(pid).environ()
    except (psutil.Error, OSError):
        return {}
