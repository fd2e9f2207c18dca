"""A command's own temporary directory in scratch; what a killed one has left there goes with the next."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_NEW_S = 60.0
"""A directory so young may not be locked yet."""


@contextmanager
def temporary_directory(within: Path, purpose: str) -> Iterator[Path]:
    """It is locked while it is in use, as nothing else in scratch says whether its process lives. Raises OSError."""
    prefix = f"photostat-{purpose}-"
    for left in within.glob(f"{prefix}*"):
        _remove_unless_used(left)
    with tempfile.TemporaryDirectory(prefix=prefix, dir=within) as name, _opened(Path(name)) as descriptor:
        with contextlib.suppress(OSError):  # without locks there, nobody removes it
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield Path(name)


def _remove_unless_used(path: Path) -> None:
    with contextlib.suppress(OSError), _opened(path) as descriptor:
        found = os.fstat(descriptor)
        if found.st_mtime < time.time() - _NEW_S:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(path, ignore_errors=True)


@contextmanager
def _opened(path: Path) -> Iterator[int]:
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        yield descriptor
    finally:
        os.close(descriptor)
