"""The error output of the engine's processes: names and messages from outside are made visible, and a full disk under
it ends no process."""

from __future__ import annotations

import contextlib
import io
import sys

from engine.formatting import visible_lines


class _VisibleStream(io.TextIOWrapper):
    def write(self, text: str) -> int:
        with contextlib.suppress(OSError):
            super().write(visible_lines(text))
        return len(text)

    def flush(self) -> None:
        with contextlib.suppress(OSError):
            super().flush()


def make_stderr_visible() -> None:
    """Tracebacks and log messages may quote what a terminal would obey, and people look at them in one."""
    if isinstance(sys.stderr, io.TextIOWrapper) and not isinstance(sys.stderr, _VisibleStream):
        sys.stderr = _VisibleStream(
            sys.stderr.buffer, encoding="utf-8", errors="backslashreplace", write_through=True
        )
