"""Files that appear whole or not at all, and names that survive a power cut."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """An OSError without a file's name, as write(2) gives it, gets this one."""
    try:
        yield
    except OSError as error:
        if error.filename is not None or error.errno is None:
            raise
        raise OSError(error.errno, os.strerror(error.errno), str(path)) from error


@contextmanager
def replacing(path: Path) -> Iterator[TextIO]:
    """A UTF-8 text file that takes the name `path` when the block ends; after an error nothing of it is left.

    Line ends are written as they are given. Raises OSError."""
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with naming(path), unfinished.open("w", encoding="utf-8", newline="") as stream:
            yield stream
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)


def sync_directory(directory: Path) -> None:
    """Make the names in a directory durable: fsync(2) of a file does not cover its entry in the directory.

    A file system that cannot do this (some shares) is no error. Raises OSError if the directory is not there."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        with contextlib.suppress(OSError):
            os.fsync(descriptor)
    finally:
        os.close(descriptor)
