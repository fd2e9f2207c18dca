"""The names of unfinished files in a local store: they say whose they are, so that only our own are ever removed."""

from __future__ import annotations

import os
import re
import secrets
import socket
import time
from collections.abc import Callable

from msgspec import Struct

STALE_AFTER_S = 24 * 3600.0
_NAME = re.compile(
    r"\.photostat-(?:(?P<owner>[0-9a-f]{16})-)?(?P<host>[0-9A-Za-z]*)-(?P<pid>[0-9]+)-[0-9a-f]{16}\.partial"
)


class PartialFile(Struct, frozen=True):
    """What the name of an unfinished file says of its writer."""

    owner: str
    """See KnownStore; empty in the names of earlier photostats."""
    host: str
    pid: int

    @property
    def is_of_this_host(self) -> bool:
        return self.host == this_host()


def partial_name(owner: str = "", host: str = "") -> str:
    """A new name for a file that this process is writing; for `host` see KnownStore."""
    whose = f"{owner}-" if owner else ""
    return f".photostat-{whose}{this_host(host)}-{os.getpid()}-{secrets.token_hex(8)}.partial"


def parse_partial(name: str) -> PartialFile | None:
    """None if this is no name of an unfinished file."""
    match = _NAME.fullmatch(name)
    return PartialFile(match["owner"] or "", match["host"], int(match["pid"])) if match else None


def is_partial(name: str) -> bool:
    """Whether this is one of photostat's names for an unfinished file."""
    return parse_partial(name) is not None


def is_left_behind(
    name: str,
    modified: float,
    owner: str = "",
    host: str = "",
    now: Callable[[], float] = time.time,
) -> bool:
    """Whether the one uploader that this workspace has on this host, which does not write this file, may remove it.

    One of this workspace may go whoever has its writer's process number now; but if another host wrote it, only after
    a day of silence. One without an owner may go if its writer is gone. Those of other workspaces stay. `modified` is
    its modification time, `now` gives the time by the clock that it is by; Unix time, s."""
    partial = parse_partial(name)
    if partial is None or partial.owner not in ("", owner):
        return False
    if partial.host != this_host(host):
        return now() - modified > STALE_AFTER_S
    return bool(partial.owner) or (partial.pid != os.getpid() and not is_alive(partial.pid))


def this_host(name: str = "") -> str:
    """As names of unfinished files have it. Several hosts of one run may be on one machine: then `name` tells them
    apart."""
    return "".join(re.sub(r"[^0-9A-Za-z]", "", part)[:40] for part in (socket.gethostname(), name))


def is_alive(pid: int) -> bool:
    """Whether a process has this number now."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
