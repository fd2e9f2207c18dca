"""A host's directory for scratch is one process's: two would take each other's files for left ones."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Collection
from pathlib import Path

from engine.failures import UserError
from engine.formatting import counted, data_size
from engine.scratch import Leftovers, sources_in_scratch
from engine.workspace import SCRATCH_ADVICE, is_within, path_variants

_kept: list[int] = []
"""Descriptors; the kernel frees the locks when the process ends, however."""


def what_stays(directory: Path) -> str:
    """What a host that ends leaves there, and what will become of it; empty if that is nothing."""
    found = Leftovers.of(directory)
    files = [(found.jpegs, "JPEG"), (found.unfinished, "unfinished file")]
    what = " and ".join(counted(count, word) for count, word in files if count)
    if not what:
        return ""
    return (
        f"what this host had in hand stays on {directory}: {what}, {data_size(found.size_bytes)}. When it joins again, "
        "JPEGs that the engine still waits for are stored and the rest is removed; if it is not to be started again, "
        "remove that directory: others convert these images"
    )


def conflict(directory: Path, store: Path | None, sources: Collection[str]) -> str | None:
    """Why this directory cannot be a host's scratch, one line; None if it can. `store` is a directory, or None.

    Store and sources may hang: their paths are compared as they are written."""
    for scratch in sorted(path_variants(directory)):
        if store is not None and is_within(scratch, os.path.normpath(store)):
            return f"--scratch {directory}: this is the store, or inside it: {SCRATCH_ADVICE}"
        for source in sources:
            if is_within(os.path.normpath(source), scratch):
                return f"--scratch {directory}: {sources_in_scratch(source)}"
    return None


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
