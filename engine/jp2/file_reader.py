"""Positioned reads of a source file that is opened once, through a window that saves round trips."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from types import TracebackType
from typing import Self

from engine.failures import Cause, ImageError, Stage
from engine.files.near_path import Difference, find_near_path
from engine.files.regular_files import NotRegular, open_regular

HEADER_WINDOW_BYTES = 64 * 1024
"""A read of this size holds nearly every file's whole header; on a network share a read is a round trip."""

TILE_PART_WINDOW_BYTES = 4096
"""Tile-part headers lie far apart: a small read at each."""

_NEAR_REMEDIES = {
    Difference.BLANKS: "If the blanks are the export's, set strip = true under [manifest], add the export again, then "
    "requeue; else rename the file."
}
_ABSENT = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG, errno.ELOOP})


class FileReader:
    """Random access to a regular file. It holds one window of the file in memory and moves no file position.

    Raises ImageError SOURCE_MISSING or SOURCE_UNREADABLE if the operating system refuses anything.
    """

    def __init__(self, descriptor: int, path: str, size: int, window_bytes: int) -> None:
        self._descriptor = descriptor
        self.path = path
        self.size = size
        """Bytes of the file when it was opened."""
        self._window_bytes = window_bytes
        self._window = b""
        self._window_start = 0

    @classmethod
    def open(cls, path: str | Path) -> Self:
        """Opens a file for reading; the caller closes it."""
        name = os.fspath(path)
        try:
            descriptor = open_regular(name)
        except NotRegular as error:
            message = f'"{name}" is {error.what}'
            raise ImageError(Cause.SOURCE_UNREADABLE, Stage.READING, message) from error
        except OSError as error:
            raise source_error(error, name) from error
        except ValueError as error:
            message = f"{name!a} cannot be the name of a file: {error}"
            raise ImageError(Cause.SOURCE_MISSING, Stage.READING, message) from error
        try:
            size = _status(descriptor, name).st_size
        except BaseException:
            os.close(descriptor)
            raise
        return cls(descriptor, name, size, HEADER_WINDOW_BYTES)

    def with_window(self, window_bytes: int) -> FileReader:
        """The same open file through a window of its own; closing the first reader closes both."""
        return FileReader(self._descriptor, self.path, self.size, window_bytes)

    def status(self) -> os.stat_result:
        """fstat(2) of the open file."""
        return _status(self._descriptor, self.path)

    def read(self, offset: int, count: int) -> bytes:
        """The bytes from `offset`; fewer than `count` only if the file ends before them."""
        if count <= 0 or offset < 0 or offset >= self.size:
            return b""
        start = offset - self._window_start
        if start >= 0 and start + count <= len(self._window):
            return self._window[start : start + count]
        if count >= self._window_bytes:
            return self._read_from_file(offset, count)
        self._window = self._read_from_file(offset, self._window_bytes)
        self._window_start = offset
        return self._window[:count]

    def _read_from_file(self, offset: int, count: int) -> bytes:
        wanted = min(count, self.size - offset)
        parts: list[bytes] = []
        try:
            while wanted > 0 and (part := os.pread(self._descriptor, wanted, offset)):
                parts.append(part)
                offset += len(part)
                wanted -= len(part)
        except OSError as error:
            raise source_error(error, self.path) from error
        return b"".join(parts)

    def close(self) -> None:
        os.close(self._descriptor)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _status(descriptor: int, path: str) -> os.stat_result:
    try:
        return os.fstat(descriptor)
    except OSError as error:
        raise source_error(error, path) from error


def source_error(error: OSError, path: str) -> ImageError:
    """The operating system's error as a failure: the source is absent, or it is there and cannot be read."""
    cause = Cause.SOURCE_MISSING if error.errno in _ABSENT else Cause.SOURCE_UNREADABLE
    name = errno.errorcode.get(error.errno, "unknown") if error.errno is not None else "unknown"
    message = f'{error.strerror or error} ({name}): "{path}"'
    near = find_near_path(path) if cause == Cause.SOURCE_MISSING else None
    if near is None:
        return ImageError(cause, Stage.READING, message)
    names = f"the export has {near.wanted_name!a}, the file is called {near.found_name!a}"
    message += f'; there is "{near.path}", which differs {near.difference}: {names}'
    return ImageError(cause, Stage.READING, message, _NEAR_REMEDIES.get(near.difference, ""))
