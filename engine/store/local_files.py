"""What a local store needs of a file system: names for unfinished files, naming that never replaces, a sorted walk."""

from __future__ import annotations

import ctypes
import errno
import os
import re
import secrets
import socket
import sys
import time
from collections.abc import Iterator
from pathlib import Path

_STALE_AFTER_S = 24 * 3600.0
_PARTIAL = re.compile(r"\.photostat-(?P<host>[^/]*)-(?P<pid>[0-9]+)-[0-9a-f]{16}\.partial")
_AT_FDCWD = -100
_RENAME_NOREPLACE = 1
_NOT_SUPPORTED = frozenset({errno.ENOSYS, errno.EINVAL, errno.ENOTSUP, errno.EOPNOTSUPP})


def partial_name() -> str:
    """A new name for a file that this process is writing."""
    return f".photostat-{_host()}-{os.getpid()}-{secrets.token_hex(8)}.partial"


def is_partial(name: str) -> bool:
    """Whether this is one of photostat's names for an unfinished file."""
    return _PARTIAL.fullmatch(name) is not None


def is_left_behind(name: str, modified: float) -> bool:
    """Whether the file may be removed: it is unfinished, and its writer is gone or, on another host, silent for a day.

    `modified` is its modification time, Unix time, s."""
    match = _PARTIAL.fullmatch(name)
    if match is None:
        return False
    if match["host"] != _host():
        return time.time() - modified > _STALE_AFTER_S
    pid = int(match["pid"])
    return pid != os.getpid() and not _is_alive(pid)


def give_name(partial: Path, final: Path) -> None:
    """Name a whole, durable file; raises FileExistsError if the name is taken, OSError otherwise.

    The name `partial` may stay beside it."""
    try:
        os.link(partial, final)
    except FileExistsError:
        raise
    except OSError:  # no hard links on this file system: FAT, some network shares
        rename_without_replacing(partial, final)


def rename_without_replacing(old: Path, new: Path) -> None:
    """Rename; raises FileExistsError if `new` is taken, OSError otherwise.

    Linux's RENAME_NOREPLACE (renameat2(2)) checks and renames in one step. If the C library or the file system does
    not know it, the check comes before the rename; another writer could come in between, but the ledger's lock lets
    only one uploader write."""
    if sys.platform == "linux" and (
        renameat2 := getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    ):
        if renameat2(_AT_FDCWD, os.fsencode(old), _AT_FDCWD, os.fsencode(new), _RENAME_NOREPLACE) == 0:
            return
        code = ctypes.get_errno()
        if code not in _NOT_SUPPORTED:
            raise OSError(code, os.strerror(code), str(new))
    if os.path.lexists(new):
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(new))
    old.rename(new)


def walk(root: Path, prefix: str = "") -> Iterator[tuple[str, int]]:
    """(key, size in bytes) of every file under `root` whose key starts with `prefix`, streaming.

    The keys come in the order of their UTF-8 bytes, as S3 lists objects. A symbolic link counts as its target. A root
    that is not there is empty. Raises OSError."""
    if root.is_dir():
        yield from _walk(str(root), "", prefix)


def _walk(directory: str, above: str, prefix: str) -> Iterator[tuple[str, int]]:
    with os.scandir(directory) as entries:
        # A directory sorts as its keys will: "a/" comes after "a.jpg", because "." is before "/".
        found = sorted(
            ((entry.name + "/" if entry.is_dir() else entry.name, entry) for entry in entries),
            key=lambda pair: os.fsencode(pair[0]),
        )
    for name, entry in found:
        key = above + name
        if not (key.startswith(prefix) or prefix.startswith(key)):
            continue
        if name.endswith("/"):
            yield from _walk(entry.path, key, prefix)
        elif key.startswith(prefix):
            try:
                size_bytes = entry.stat().st_size
            except FileNotFoundError:  # removed meanwhile, or a link to nothing
                continue
            yield key, size_bytes


def _host() -> str:
    return re.sub(r"[^0-9A-Za-z]", "", socket.gethostname())[:40]


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
