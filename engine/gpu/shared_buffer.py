"""Memory that a worker owns and the decoding process writes to: a codestream, and behind it the samples."""

from __future__ import annotations

import fcntl
import mmap
import os
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.gpu.protocol import samples_offset

_SEALS = 0x0002 | 0x0004
"""F_SEAL_SHRINK and F_SEAL_GROW: memory that shrinks under its reader kills it."""
_ADD_SEALS = 1033
"""F_ADD_SEALS of fcntl(2)."""


class SharedBuffer:
    """Unnamed memory: nothing of it is left when its processes have ended, whatever ended them."""

    def __init__(self, size: int) -> None:
        """Raises OSError if there is no memory."""
        self.size = samples_offset(max(1, size))
        self.descriptor = os.memfd_create("photostat-samples", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
        try:
            os.ftruncate(self.descriptor, self.size)
            fcntl.fcntl(self.descriptor, _ADD_SEALS, _SEALS)
            self._map = mmap.mmap(self.descriptor, self.size)
        except BaseException:
            os.close(self.descriptor)
            raise

    @property
    def bytes(self) -> NDArray[np.uint8]:
        return np.frombuffer(self._map, np.uint8)

    def samples(self, source_bytes: int, shape: tuple[int, int, int], item_bytes: int) -> NDArray[Any]:
        """(rows, columns, components) behind a codestream of this size."""
        return samples_in(self.bytes, source_bytes, shape, item_bytes)

    def close(self) -> None:
        """The memory itself goes when nobody looks at it any more."""
        os.close(self.descriptor)


class AttachedBuffer:
    """The other process's view of it."""

    def __init__(self, descriptor: int) -> None:
        """Takes the descriptor over. Raises OSError if it is no such memory."""
        try:
            self.size = os.fstat(descriptor).st_size
            self._map = mmap.mmap(descriptor, self.size)
        finally:
            os.close(descriptor)

    @property
    def bytes(self) -> NDArray[np.uint8]:
        return np.frombuffer(self._map, np.uint8)


def samples_in(
    memory: NDArray[np.uint8], source_bytes: int, shape: tuple[int, int, int], item_bytes: int
) -> NDArray[Any]:
    """Raises ValueError if the memory is too small for that."""
    start = samples_offset(source_bytes)
    end = start + shape[0] * shape[1] * shape[2] * item_bytes
    if min(source_bytes, item_bytes, *shape) <= 0 or end > len(memory):
        raise ValueError(f"{end} bytes in a shared buffer of {len(memory)}")
    return memory[start:end].view(np.uint8 if item_bytes == 1 else np.uint16).reshape(shape)
