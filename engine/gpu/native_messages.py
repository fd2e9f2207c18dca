"""What nvImageCodec and its loaders write by themselves: kept for whoever asks, and out of the engine's log.

Without a card it names every library that is not there, and with one it complains of each codestream that it refuses.
"""

from __future__ import annotations

import io
import os
import sys

from engine.visible_stderr import make_stderr_visible

_STDOUT, _STDERR = 1, 2
_KEPT_BYTES = 4096


class NativeMessages:
    """From its making to the process's end. What Python writes, tracebacks among it, goes where it went before."""

    def __init__(self) -> None:
        self._kept = os.memfd_create("photostat-native-messages", os.MFD_CLOEXEC)
        before = os.dup(_STDERR)
        stream = io.TextIOWrapper(os.fdopen(before, "wb", 0), errors="backslashreplace", write_through=True)
        self._stream = sys.stderr = stream  # kept, because it closes what is under it when nobody has it
        make_stderr_visible()
        for descriptor in (_STDOUT, _STDERR):
            os.dup2(self._kept, descriptor)

    def take(self) -> str:
        """The last of what was written since the last call."""
        size = os.fstat(self._kept).st_size
        found = os.pread(self._kept, _KEPT_BYTES, max(0, size - _KEPT_BYTES)) if size else b""
        os.ftruncate(self._kept, 0)
        os.lseek(self._kept, 0, os.SEEK_SET)
        return found.decode(errors="replace").strip()
