"""Whose fault is it? Every error a store can meet: the image's, the configuration's or the world's."""

from __future__ import annotations

import errno

from engine.failures import Cause
from engine.messages import Trouble
from engine.store import StoreTrouble

_DISK_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
_DENIED = frozenset({errno.EACCES, errno.EPERM, errno.EROFS})
_BAD_NAME = frozenset({errno.ENAMETOOLONG, errno.EILSEQ, errno.EINVAL})


def sort_os_error(error: OSError, what: str) -> StoreTrouble:
    """The trouble behind an operating-system error in a local store; `what` names what was done."""
    code = error.errno
    said = f"{what}: {error.strerror or type(error).__name__}"
    if code in _DISK_FULL:
        quota = " (quota)" if code == errno.EDQUOT else ""
        return StoreTrouble(Trouble.WORLD, Cause.DISK_FULL, f"{said}{quota}")
    if code in _DENIED:
        hint = "Give the account that runs photostat the right to write there, then resume."
        if code == errno.EROFS:
            hint = "The file system is mounted read-only: mount it for writing, then resume."
        return StoreTrouble(Trouble.CONFIGURATION, Cause.STORE_DENIED, said, hint)
    if code in _BAD_NAME:
        hint = "The file system cannot hold this name: give the row another in the export, then requeue."
        return StoreTrouble(Trouble.IMAGE, Cause.STORE_DENIED, said, hint)
    if code in (errno.ENOTDIR, errno.EISDIR):
        hint = "Something else has this name in the store: move it away, then requeue."
        return StoreTrouble(Trouble.IMAGE, Cause.STORE_MISMATCH, said, hint)
    return StoreTrouble(Trouble.WORLD, Cause.STORE_UNAVAILABLE, said)
