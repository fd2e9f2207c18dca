"""A host's directory for scratch is one process's: two would take each other's files for left ones."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from engine.failures import UserError

_kept: list[int] = []
"""Descriptors; the kernel frees the locks when the process ends, however."""


def take_scratch(directory: Path) -> bool:
    """Makes it if need be, and says whether it has. Raises UserError if another host works there, or if nothing can be
    written there."""
    try:
        is_new = not directory.exists()
        directory.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        raise UserError(f"{error.filename}: {error.strerror}; --scratch names another directory") from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(descriptor)
        raise UserError(
            f"another `photostat host` works in {directory} already: one is enough on a machine. For another "
            "workspace, start this one in another directory or with --scratch"
        ) from error
    except OSError:  # a file system without locks
        os.close(descriptor)
        return is_new
    _kept.append(descriptor)
    return is_new
