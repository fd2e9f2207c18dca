"""A source file opened for looking: positioned reads through one window."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from types import TracebackType
from typing import Self

from engine.failures import Cause, ImageError, Stage

WINDOW_BYTES = 64 * 1024
"""A read of this size holds nearly every file's whole header; on a network share a read is a round trip."""

_ABSENT = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG, errno.ELOOP})


class Source:
    """Random access to a regular file without holding it in memory or moving a file position.

    Raises ImageError SOURCE_MISSING or SOURCE_UNREADABLE wherever the operating system says no.
    """

    def __init__(self, path: str | Path, window_bytes: int = WINDOW_BYTES) -> None:
        self.path = os.fspath(path)
        self._window_bytes = window_bytes
        try:
            # O_NONBLOCK: opening a named pipe would otherwise wait for a writer for ever.
            self._fd = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        except OSError as error:
            raise source_error(error, self.path) from error
        except ValueError as error:
            message = f"{self.path!a} cannot be the name of a file: {error}"
            raise ImageError(Cause.SOURCE_MISSING, Stage.READING, message) from error
        try:
            self.size = self._regular_size()
        except BaseException:
            os.close(self._fd)
            raise
        self._window = b""
        self._window_start = 0

    def _regular_size(self) -> int:
        try:
            status = os.fstat(self._fd)
        except OSError as error:
            raise source_error(error, self.path) from error
        if not stat.S_ISREG(status.st_mode):
            what = "a directory" if stat.S_ISDIR(status.st_mode) else "not a regular file"
            raise ImageError(Cause.SOURCE_UNREADABLE, Stage.READING, f"{self.path} is {what}")
        return status.st_size

    def read(self, offset: int, count: int) -> bytes:
        """The bytes from `offset`, fewer than `count` only where the file ends."""
        if count <= 0 or offset < 0 or offset >= self.size:
            return b""
        start = offset - self._window_start
        if start >= 0 and start + count <= len(self._window):
            return self._window[start : start + count]
        if count >= self._window_bytes:
            return self._pread(offset, count)
        self._window = self._pread(offset, self._window_bytes)
        self._window_start = offset
        return self._window[:count]

    def _pread(self, offset: int, count: int) -> bytes:
        wanted = min(count, self.size - offset)
        parts: list[bytes] = []
        try:
            while wanted > 0 and (part := os.pread(self._fd, wanted, offset)):
                parts.append(part)
                offset += len(part)
                wanted -= len(part)
        except OSError as error:
            raise source_error(error, self.path) from error
        return b"".join(parts)

    def close(self) -> None:
        os.close(self._fd)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def source_error(error: OSError, path: str) -> ImageError:
    """What the operating system said of a source, as a cause: absent, or there and unreadable."""
    cause = Cause.SOURCE_MISSING if error.errno in _ABSENT else Cause.SOURCE_UNREADABLE
    name = errno.errorcode.get(error.errno, "unknown") if error.errno is not None else "unknown"
    return ImageError(cause, Stage.READING, f"{error.strerror or error} ({name}): {path}")
