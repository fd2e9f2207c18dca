"""Names are UTF-8 whatever the locale says; the terminal gets what it can show.

Python encodes names of files by the locale: under a Latin-1 locale `Bürger.tif` would become a file with other bytes
in its name, and `Nr-№.tif` none at all. So a command that finds itself in such a locale starts again in Python's UTF-8
mode (PEP 540), before it does anything. The engine and its children are started in that mode always.
"""

from __future__ import annotations

import codecs
import io
import locale
import os
import sys
from collections.abc import Sequence

_UTF_8 = "utf-8"


def restart_in_utf_8_mode() -> None:
    """Does not return if this process's locale is not UTF-8."""
    if _codec(sys.getfilesystemencoding()) != _UTF_8 and sys.executable:
        os.execv(sys.executable, [sys.executable, "-X", "utf8", *sys.orig_argv[1:]])


def print_what_the_terminal_can_show() -> None:
    """A terminal gets its own encoding, with escapes for characters that it lacks; files and pipes get UTF-8."""
    for stream in (sys.stdout, sys.stderr):
        if not isinstance(stream, io.TextIOWrapper):
            continue
        encoding = _terminal_encoding() if stream.isatty() else None
        if encoding is not None:
            from tui.terminal.plain_glyphs import ESCAPE  # few terminals need it

            stream.reconfigure(encoding=encoding, errors=ESCAPE)
        elif stream.errors == "strict":
            stream.reconfigure(errors="backslashreplace")


def as_typed(arguments: Sequence[str]) -> list[str]:
    """Arguments in the terminal's encoding as text; the names of files that are there keep their bytes."""
    encoding = _terminal_encoding()
    return list(arguments) if encoding is None else [_as_typed(text, encoding) for text in arguments]


def _as_typed(argument: str, encoding: str) -> str:
    try:
        argument.encode()
    except UnicodeEncodeError:
        if not os.path.lexists(argument):
            return os.fsencode(argument).decode(encoding, errors="surrogateescape")
    return argument


def terminal_has(character: str) -> bool:
    """Whether the terminal's encoding has it."""
    try:
        character.encode(_terminal_encoding() or "utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _terminal_encoding() -> str | None:
    """None for UTF-8, and for the C locale, which says nothing about the terminal."""
    codec = _codec(locale.getencoding())
    return None if codec in (_UTF_8, "ascii") else codec


def _codec(encoding: str) -> str:
    try:
        return codecs.lookup(encoding).name
    except LookupError:
        return _UTF_8
