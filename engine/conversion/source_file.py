"""A source that is opened once: its checksum, its JPEG 2000 parts, and whether it changes under way."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

from engine.failures import Cause, ImageError, Stage
from engine.jp2.file_reader import FileReader, source_error
from engine.jp2.jp2_file import Jp2File
from engine.jp2.validation.zero_pages import ZeroPageFinder

_CHUNK_BYTES = 1 << 20
_ALGORITHMS: dict[str, Callable[..., Any]] = {
    "md5": hashlib.md5,
    "sha1": hashlib.sha1,
    "sha256": hashlib.sha256,
}


class SourceFile:
    """An open source; a context manager that closes it."""

    def __init__(self, path: str) -> None:
        """Raises ImageError SOURCE_MISSING or SOURCE_UNREADABLE."""
        self._reader = FileReader.open(path)
        self._identity_at_start = _identity(self._reader.status())
        self.jp2 = Jp2File(self._reader)
        self.zero_pages = ZeroPageFinder()
        """In the bytes that were digested."""
        self.digested = ""
        """`ALGORITHM:HEX` of all bytes, once they have been read."""

    @property
    def size(self) -> int:
        return self._reader.size

    def digest(self, expected: str = "") -> str:
        """`ALGORITHM:HEX` of the bytes, by the algorithm of `expected` ("sha256:…"), else MD5.

        Raises ImageError CORRUPT if they are not the expected ones, SOURCE_UNREADABLE if they cannot be read.
        """
        algorithm, _, wanted = expected.partition(":")
        algorithm = algorithm.lower() or "md5"
        make = _ALGORITHMS.get(algorithm)
        if make is None:
            message = f"the manifest's checksum is of an unknown kind: {algorithm}"
            raise ImageError(Cause.UNSUPPORTED, Stage.READING, message)
        state = make(usedforsecurity=False)
        offset = 0
        while chunk := self._reader.read(offset, _CHUNK_BYTES):
            state.update(chunk)
            self.zero_pages.add(chunk)
            offset += len(chunk)
        found = state.hexdigest()
        self.digested = f"{algorithm}:{found}"
        if wanted and wanted.lower() != found:
            message = f"the source's {algorithm} is {found}, the manifest says {wanted.lower()}"
            raise ImageError(Cause.CORRUPT, Stage.READING, message)
        return self.digested

    def check_unchanged(self) -> None:
        """Raises ImageError SOURCE_UNREADABLE if another file has the name now, or this one was written to."""
        path = self._reader.path
        try:
            now = os.stat(path)  # noqa: PTH116 - the path may not be UTF-8
        except OSError as error:
            raise source_error(error, path) from error
        if _identity(now) != self._identity_at_start:
            message = f'the source changed while it was being converted: "{path}"'
            raise ImageError(Cause.SOURCE_UNREADABLE, Stage.READING, message)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._reader.close()


def _identity(status: os.stat_result) -> tuple[int, int, int, int]:
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns
