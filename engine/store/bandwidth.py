"""A limit on what is sent to the store, in bytes a second, over all transfers of a process together.

With several machines each uploader has a share of the whole limit, which changes.

Whoever sends takes each piece's time from one budget and waits for it, so that transfers share the limit by pieces.
Between pieces a connection is never quiet for longer than all the others need for theirs, which trips no time limit.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from typing import BinaryIO

_PIECES_PER_S = 50
_SMALLEST_PIECE_BYTES, _LARGEST_PIECE_BYTES = 1 << 10, 64 << 10
_CREDIT_S = 0.05
"""Time that was not used, because a sleep was longer than was asked for, is made good; no more than this."""


class BandwidthLimit:
    """Several threads may use it."""

    def __init__(
        self,
        bytes_per_s: int,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._clock = clock
        self._sleep = sleep
        self._lock = threading.Lock()
        self._free_at = clock()
        self.change(bytes_per_s)

    def change(self, bytes_per_s: int) -> None:
        """From the next piece on."""
        self._bytes_per_s = bytes_per_s
        self.piece_bytes = max(_SMALLEST_PIECE_BYTES, min(bytes_per_s // _PIECES_PER_S, _LARGEST_PIECE_BYTES))

    def take(self, size_bytes: int) -> None:
        """Wait until so many bytes may be sent."""
        with self._lock:
            now = self._clock()
            begins = max(self._free_at, now - _CREDIT_S)
            self._free_at = begins + size_bytes / self._bytes_per_s
        if begins > now:
            self._sleep(begins - now)

    def pieces(self, data: bytes) -> Iterator[memoryview]:
        """The data, each piece when it may be sent."""
        view = memoryview(data)
        while view:
            piece = view[: self.piece_bytes]
            self.take(len(piece))
            yield piece
            view = view[len(piece) :]  # the limit may have changed meanwhile


def limit_of(bytes_per_s: int | None) -> BandwidthLimit | None:
    """As the settings have it."""
    return BandwidthLimit(bytes_per_s) if bytes_per_s is not None else None


class PacedBody:
    """A request's body that is read no faster than the limit allows."""

    def __init__(self, body: BinaryIO, limit: BandwidthLimit) -> None:
        self._body = body
        self._limit = limit

    def read(self, size: int = -1) -> bytes:
        """Less than is asked for, and nothing at the end."""
        most = self._limit.piece_bytes
        data = self._body.read(most if size < 0 else min(size, most))
        self._limit.take(len(data))
        return data

    def seek(self, offset: int, whence: int = 0) -> int:
        return self._body.seek(offset, whence)

    def tell(self) -> int:
        return self._body.tell()
