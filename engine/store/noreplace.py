"""Renaming a file without ever replacing another, for file systems that have no hard links."""

from __future__ import annotations

import ctypes
import errno
import os
import sys
from pathlib import Path

_AT_FDCWD = -100
_RENAME_NOREPLACE = 1
_UNKNOWN = frozenset({errno.ENOSYS, errno.EINVAL, errno.ENOTSUP, errno.EOPNOTSUPP})


def rename_without_replacing(old: Path, new: Path) -> None:
    """Rename; raises FileExistsError where `new` is taken, OSError otherwise.

    Linux's RENAME_NOREPLACE (renameat2(2)) decides and renames in one step. Where the C library or the file
    system does not know it, a look comes before the rename; another writer could slip between the two, but
    the ledger's lock lets only one storer write."""
    if sys.platform == "linux" and (
        renameat2 := getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    ):
        if renameat2(_AT_FDCWD, os.fsencode(old), _AT_FDCWD, os.fsencode(new), _RENAME_NOREPLACE) == 0:
            return
        code = ctypes.get_errno()
        if code not in _UNKNOWN:
            raise OSError(code, os.strerror(code), str(new))
    if os.path.lexists(new):
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(new))
    old.rename(new)
