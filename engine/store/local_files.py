"""The temporary names in a local store, and which of them a storer that was killed has left behind."""

from __future__ import annotations

import os
import re
import secrets
import socket
import time

_STALE_AFTER_S = 24 * 3600.0
_PARTIAL = re.compile(r"\.photostat-(?P<host>[^/]*)-(?P<pid>[0-9]+)-[0-9a-f]{16}\.partial")


def partial_name() -> str:
    """A new name for a file that is being written by this process."""
    return f".photostat-{_host()}-{os.getpid()}-{secrets.token_hex(8)}.partial"


def is_partial(name: str) -> bool:
    """Is this a name of photostat's own for an unfinished file?"""
    return _PARTIAL.fullmatch(name) is not None


def left_behind(name: str, modified: float) -> bool:
    """May the file be removed: unfinished, and its writer gone (or, on another host, silent for a day)?

    `modified` is its modification time, Unix time, s."""
    match = _PARTIAL.fullmatch(name)
    if match is None:
        return False
    if match["host"] != _host():
        return time.time() - modified > _STALE_AFTER_S
    pid = int(match["pid"])
    return pid != os.getpid() and not _alive(pid)


def _host() -> str:
    return re.sub(r"[^0-9A-Za-z]", "", socket.gethostname())[:40]


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
