"""Memory of pixels and samples that is given back while an image is converted."""

from __future__ import annotations

import contextlib
import ctypes
import math
import mmap
import os
import sys
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from engine.jp2.decoding.openjpeg import DecodedPlane
from engine.jp2.decoding.pixels import Pixels
from engine.memory.usage import reset_peak

KEPT_PIXEL_BYTES = 48 * 2**20
"""Those of 16 megapixels of RGB: more than most images of a collection have, and less than a worker itself."""

ReleasePages = Callable[[], None]
"""Drops the pages of a pixel file from this process's memory; to be called now and then while pixels are read."""


def nothing_to_release() -> None:
    pass


class PixelMemory:
    """Memory for the pixels of one image after another, which are lent one at a time.

    The kernel clears every page that it gives: of 12 megapixels that took 2 % of a conversion in tiles. An image gets
    as much memory as it needs, and no more stays resident from a larger one before it; what is lent holds whatever
    was there. Of images beyond `most_bytes` nothing is kept.
    """

    def __init__(self, most_bytes: int = KEPT_PIXEL_BYTES) -> None:
        self._most_bytes = most_bytes
        self._mapping: mmap.mmap | None = None
        self._resident_bytes = 0
        """At most: the pages before this offset have been written to."""

    def lend(self, shape: tuple[int, int, int], dtype: np.dtype[Any]) -> Pixels:
        """Raises MemoryError, or OSError ENOMEM."""
        count = math.prod(shape)
        size = count * dtype.itemsize
        if sys.platform != "linux" or size > self._most_bytes:
            self.release()
            return np.empty(shape, dtype)
        if self._mapping is None:
            self._mapping = mmap.mmap(-1, self._most_bytes, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
            with contextlib.suppress(OSError):  # a kernel without huge pages
                self._mapping.madvise(mmap.MADV_HUGEPAGE)
        self._drop_from(size)
        self._resident_bytes = size
        pixels: Pixels = np.frombuffer(self._mapping, dtype, count).reshape(shape)
        return pixels

    def release(self) -> None:
        """Gives the pages back. Nothing that was lent may be in use any more."""
        self._drop_from(0)

    def _drop_from(self, offset: int) -> None:
        """Private pages of no file are gone after that (madvise(2))."""
        first = -(-offset // mmap.PAGESIZE) * mmap.PAGESIZE
        if self._mapping is not None and first < self._resident_bytes:
            self._mapping.madvise(mmap.MADV_DONTNEED, first, len(self._mapping) - first)
            self._resident_bytes = offset
            reset_peak()  # what an earlier image has left is not this one's


def mapped_pixels(
    file: Path, shape: tuple[int, int, int], dtype: np.dtype[Any]
) -> tuple[Pixels, ReleasePages]:
    """Pixels in a mapped file. Its blocks are allocated now: a full disk is an error here, and no SIGBUS later."""
    size = math.prod(shape) * dtype.itemsize
    with file.open("w+b") as opened:
        _allocate(opened.fileno(), size)
        mapping = mmap.mmap(opened.fileno(), size)
    pixels: Pixels = np.frombuffer(mapping, dtype).reshape(shape)

    def release_pages() -> None:
        # Of a shared mapping this drops the pages from the process, not from the file (madvise(2)).
        if hasattr(mmap, "MADV_DONTNEED"):
            mapping.madvise(mmap.MADV_DONTNEED)

    return pixels, release_pages


def _allocate(descriptor: int, size: int) -> None:
    if hasattr(os, "posix_fallocate"):
        os.posix_fallocate(descriptor, 0, size)
        return
    block = bytes(1 << 20)
    for start in range(0, size, len(block)):
        os.write(descriptor, block[: size - start])


_MADV_DONTNEED = 4
"""Linux (madvise(2)): private pages read as zeros afterwards, and nothing reads these again."""


def release_rows(planes: Sequence[DecodedPlane], y: int) -> None:
    """Frees whole pages of the rows above `y` on the reference grid; their samples are lost.

    Decoding an image whole peaks at OpenJPEG's own samples, 12 bytes a pixel of RGB: with this the pixels that are
    made of them need no further memory.
    """
    madvise = _madvise()
    if madvise is None:
        return
    for plane in planes:
        height, width = plane.samples.shape
        rows = min(max(y // plane.dy - plane.y0, 0), height)
        start = plane.samples.ctypes.data
        first = -(-start // mmap.PAGESIZE) * mmap.PAGESIZE
        last = (start + rows * width * 4) // mmap.PAGESIZE * mmap.PAGESIZE
        if last > first:
            madvise(first, last - first, _MADV_DONTNEED)


@cache
def _madvise() -> Any:
    if sys.platform != "linux":
        return None
    call = ctypes.CDLL(None).madvise
    call.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
    return call
