"""The error output of the engine's processes, in which names and messages from outside are made visible."""

from __future__ import annotations

import io
import sys

from engine.formatting import visible_lines


class _VisibleStream(io.TextIOWrapper):
    def write(self, text: str) -> int:
        super().write(visible_lines(text))
        return len(text)


def make_stderr_visible() -> None:
    """Tracebacks and log messages may quote what a terminal would obey, and people look at them in one."""
    if isinstance(sys.stderr, io.TextIOWrapper):
        sys.stderr = _VisibleStream(
            sys.stderr.buffer, encoding="utf-8", errors="backslashreplace", write_through=True
        )
