"""The source's bytes read once: their checksum, and whether they changed while they were being converted."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from typing import Any

from engine.failures import Cause, ImageError, Stage
from engine.jp2.file_reader import source_error
from engine.jp2.validation.zero_pages import HoleFinder

_CHUNK_BYTES = 1 << 20
_ALGORITHMS: dict[str, Callable[..., Any]] = {
    "md5": hashlib.md5,
    "sha1": hashlib.sha1,
    "sha256": hashlib.sha256,
}


class WatchedSource:
    """A source file and what `stat` said of it when its conversion began."""

    def __init__(self, path: str) -> None:
        """Raises ImageError SOURCE_MISSING or SOURCE_UNREADABLE."""
        self.path = path
        self._at_first = self._stat()
        self.size = self._at_first.st_size
        self.holes = HoleFinder()
        """Of the bytes that were digested."""

    def digest(self, expected: str = "") -> str:
        """`ALGORITHM:HEX` of the bytes, by the algorithm of `expected` ("sha256:…"), else MD5.

        Raises ImageError CORRUPT where they are not those expected, SOURCE_UNREADABLE where they cannot be read.
        """
        algorithm, _, wanted = expected.partition(":")
        algorithm = algorithm.lower() or "md5"
        make = _ALGORITHMS.get(algorithm)
        if make is None:
            message = f"the manifest's checksum is of a kind that is not known: {algorithm}"
            raise ImageError(Cause.UNSUPPORTED, Stage.READING, message)
        state = make(usedforsecurity=False)
        try:
            with open(self.path, "rb", buffering=0) as file:  # noqa: PTH123 - the path may not be UTF-8
                while chunk := file.read(_CHUNK_BYTES):
                    state.update(chunk)
                    self.holes.look(chunk)
        except OSError as error:
            raise source_error(error, self.path) from error
        found = state.hexdigest()
        if wanted and wanted.lower() != found:
            message = f"the source's {algorithm} is {found}, the manifest says {wanted.lower()}"
            raise ImageError(Cause.CORRUPT, Stage.READING, message)
        return f"{algorithm}:{found}"

    def check_unchanged(self) -> None:
        """Raises ImageError SOURCE_UNREADABLE where the file is another one now, or has been written to."""
        now = self._stat()
        if _identity(now) != _identity(self._at_first):
            message = f"the source changed while it was being converted: {self.path}"
            raise ImageError(Cause.SOURCE_UNREADABLE, Stage.READING, message)

    def _stat(self) -> os.stat_result:
        try:
            return os.stat(self.path)  # noqa: PTH116 - the path may not be UTF-8
        except OSError as error:
            raise source_error(error, self.path) from error


def _identity(status: os.stat_result) -> tuple[int, int, int, int]:
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns
