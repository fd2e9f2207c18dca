"""Gives back the memory of samples that have become pixels, row by row, while the rest is still needed."""

from __future__ import annotations

import ctypes
import mmap
import sys
from collections.abc import Sequence
from functools import cache
from typing import Any

from engine.jp2.decoding.openjpeg import Plane

_DONTNEED = 4
"""MADV_DONTNEED, Linux (madvise(2)): private pages read as zeros afterwards; nobody reads these again."""


def release_rows(planes: Sequence[Plane], y: int) -> None:
    """Frees whole pages of the rows above `y` on the reference grid; their samples are lost.

    Decoding an image whole peaks at 12 bytes a pixel of RGB in OpenJPEG's own samples; with this the pixels
    made of them need no room of their own beside.
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
            madvise(first, last - first, _DONTNEED)


@cache
def _madvise() -> Any:
    if sys.platform != "linux":
        return None
    call = ctypes.CDLL(None).madvise
    call.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
    return call
