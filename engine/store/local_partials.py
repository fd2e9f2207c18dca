"""Unfinished files in a local store: each has a name of its own until it is whole, and none stays for good."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO

from engine.store.local_files import FileId
from engine.store.partial_names import is_left_behind, is_partial, partial_name


class PartialFiles:
    """Of one process; several threads may use it."""

    def __init__(self, owner: str, host: str) -> None:
        """Whose workspace they are, and on which machine."""
        self._owner, self._host = owner, host
        self._lock = threading.Lock()
        self._swept: set[tuple[FileId, str]] = set()
        """Directories, by the root's id and their path in it, without unfinished files of other processes."""
        self._writing: set[str] = set()
        """The names of the unfinished files that this process is writing."""

    @contextmanager
    def new(self, directory: int) -> Iterator[tuple[BinaryIO, str]]:
        """An unfinished file, open for writing, and its name, which is gone afterwards. Raises OSError."""
        name = partial_name(self._owner, self._host)
        self._writing.add(name)
        try:
            descriptor = os.open(
                name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666, dir_fd=directory
            )
            try:
                with os.fdopen(descriptor, "wb", buffering=0) as file:
                    yield file, name
            finally:
                self._remove(name, directory)
        finally:
            self._writing.discard(name)

    def sweep(self, directory: int, which: tuple[FileId, str]) -> None:
        """At the first use of a directory, remove what a killed uploader, or an unmounted volume, left there."""
        with self._lock:
            if which in self._swept:
                return
            with os.scandir(directory) as entries:
                unfinished = [
                    entry for entry in entries if is_partial(entry.name) and entry.name not in self._writing
                ]
            leftovers = [entry.name for entry in unfinished if self._is_left_behind(entry, directory)]
            for name in leftovers:
                self._remove(name, directory)
            self._swept.add(which)

    def _is_left_behind(self, entry: os.DirEntry[str], directory: int) -> bool:
        """By the clock of the file system: that of this machine may be a day ahead of other machines' clocks."""

        def now() -> float:
            with self.new(directory) as (file, _):
                return os.fstat(file.fileno()).st_mtime

        modified = entry.stat(follow_symlinks=False).st_mtime
        return is_left_behind(entry.name, modified, self._owner, self._host, now)

    def _remove(self, name: str, directory: int) -> None:
        try:
            os.unlink(name, dir_fd=directory)
        except FileNotFoundError:
            return
        except OSError:
            self._swept.clear()  # it stays for now
            raise
