"""Opens for reading what an export or a person names: ordinary files, nothing that waits or acts when it is opened."""

from __future__ import annotations

import errno
import os
import stat
from io import BufferedReader

_KINDS = {
    stat.S_IFDIR: "a directory",
    stat.S_IFIFO: "a named pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


class NotRegular(OSError):
    """What has the name is no ordinary file; `what` says what it is."""

    def __init__(self, path: str, mode: int) -> None:
        self.what = _KINDS.get(stat.S_IFMT(mode), "not an ordinary file")
        super().__init__(errno.EISDIR, f"this is {self.what}, not an ordinary file", path)


def open_regular(path: str | os.PathLike[str], within: int | None = None) -> int:
    """A descriptor for reading; `path` is relative to the open directory `within`.

    Raises NotRegular, and OSError and ValueError as os.open does.
    Opening a named pipe waits for a writer, and a terminal may become the engine's own: neither happens here."""
    name = os.fspath(path)
    try:
        descriptor = os.open(name, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY, dir_fd=within)
    except OSError as error:
        if error.errno == errno.ENXIO:  # a socket, and a device without a driver, cannot be opened at all
            check_regular(os.stat(name, dir_fd=within), name)
        raise
    try:
        check_regular(os.fstat(descriptor), name)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def open_bytes(path: str | os.PathLike[str]) -> BufferedReader:
    """A file object for reading; raises as `open_regular` does."""
    return open(open_regular(path), "rb")


def check_regular(status: os.stat_result, path: str) -> None:
    """Raises NotRegular."""
    if not stat.S_ISREG(status.st_mode):
        raise NotRegular(path, status.st_mode)
