"""A file as OpenJPEG reads it through callbacks, with some bytes patched; the file itself stays as it is."""

from __future__ import annotations

import ctypes
import os
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from engine.failures import Cause, ImageError, Stage
from engine.files.regular_files import open_regular
from engine.jp2.codestream.features import Patch

_READ = ctypes.CFUNCTYPE(ctypes.c_size_t, ctypes.c_void_p, ctypes.c_size_t, ctypes.c_void_p)
_SKIP = ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_int64, ctypes.c_void_p)
_SEEK = ctypes.CFUNCTYPE(ctypes.c_int32, ctypes.c_int64, ctypes.c_void_p)
_END = ctypes.c_size_t(-1).value
"""What openjpeg.h's opj_stream_read_fn returns at the end of the stream, or on an error."""
_BUFFER_BYTES = 1 << 20
"""OPJ_J2K_STREAM_CHUNK_SIZE, that of OpenJPEG's own file streams."""


class _PatchedFile:
    """Where reading is, and the patches; those beyond the end of the file make it longer."""

    def __init__(self, descriptor: int, patches: Sequence[Patch]) -> None:
        self._descriptor = descriptor
        self._bytes = {patch.offset + at: byte for patch in patches for at, byte in enumerate(patch.data)}
        self._offsets = sorted(self._bytes)
        self._file_bytes = os.fstat(descriptor).st_size
        self.size = max(self._file_bytes, *(at + 1 for at in self._offsets))
        self._position = 0

    def read(self, buffer: int, count: int, _: Any) -> int:
        try:
            target = (ctypes.c_uint8 * count).from_address(buffer)
            found = os.preadv(self._descriptor, [target], self._position)
        except OSError:
            return _END
        if self._position + found >= self._file_bytes:
            found = max(found, min(count, self.size - self._position))
        start, end = self._position, self._position + found
        for at in self._offsets[bisect_left(self._offsets, start) : bisect_left(self._offsets, end)]:
            target[at - start] = self._bytes[at]
        self._position = end
        return found or _END

    def skip(self, count: int, _: Any) -> int:
        if count < 0 and self._position + count < 0:
            return -1
        self._position += count
        return count

    def seek(self, position: int, _: Any) -> int:
        if position < 0:
            return 0
        self._position = position
        return 1


@contextmanager
def patched_stream(library: Any, path: str, patches: Sequence[Patch]) -> Iterator[int]:
    """An opj_stream_t of the patched file. Raises ImageError SOURCE_UNREADABLE if it cannot be opened."""
    try:
        descriptor = open_regular(path)
    except OSError as error:
        message = f"{path} cannot be opened: {error.strerror}"
        raise ImageError(Cause.SOURCE_UNREADABLE, Stage.DECODING, message) from error
    try:
        file = _PatchedFile(descriptor, patches)
        # C keeps pointers to these: they live until the stream is destroyed.
        read, skip, seek = _READ(file.read), _SKIP(file.skip), _SEEK(file.seek)
        _declare(library)
        stream = library.opj_stream_create(_BUFFER_BYTES, 1)
        if not stream:
            raise ImageError(Cause.OUT_OF_MEMORY, Stage.DECODING, "no memory for OpenJPEG's stream")
        try:
            library.opj_stream_set_read_function(stream, read)
            library.opj_stream_set_skip_function(stream, skip)
            library.opj_stream_set_seek_function(stream, seek)
            library.opj_stream_set_user_data_length(stream, file.size)
            yield stream
        finally:
            library.opj_stream_destroy(stream)
    finally:
        os.close(descriptor)


def _declare(library: Any) -> None:
    library.opj_stream_create.argtypes = [ctypes.c_size_t, ctypes.c_int32]
    library.opj_stream_create.restype = ctypes.c_void_p
    library.opj_stream_set_read_function.argtypes = [ctypes.c_void_p, _READ]
    library.opj_stream_set_skip_function.argtypes = [ctypes.c_void_p, _SKIP]
    library.opj_stream_set_seek_function.argtypes = [ctypes.c_void_p, _SEEK]
    library.opj_stream_set_user_data_length.argtypes = [ctypes.c_void_p, ctypes.c_uint64]
    library.opj_stream_destroy.argtypes = [ctypes.c_void_p]
