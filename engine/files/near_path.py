"""A path that is not there, and one that is and only looks the same: blanks, Unicode form, capitals, encoding."""

from __future__ import annotations

import os
import unicodedata
from enum import StrEnum
from functools import lru_cache
from itertools import islice

from msgspec import Struct

_MOST_ENTRIES = 20_000
"""Of a directory that is listed to find a name; a larger one takes too long over a network."""


class Difference(StrEnum):
    BLANKS = "in blanks at the start or end of a name"
    UNICODE = "in Unicode form"
    CAPITALS = "in capitals"
    ENCODING = "in encoding: the file's name is not UTF-8"
    SEVERAL = "in blanks, Unicode form and capitals"


class NearPath(Struct, frozen=True):
    path: str
    difference: Difference
    wanted_name: str
    """The first component that differs, as the export has it."""
    found_name: str


def find_near_path(path: str) -> NearPath | None:
    """None if there is no such path, or several. Looks at every component, and lists a few directories at most."""
    current, first = ("/" if path.startswith("/") else "."), None
    for name in path.split("/"):
        if name in ("", "."):
            continue
        found = name if _exists(current, name) else _near_name(current, name)
        if found is None:
            return None
        if found != name and first is None:
            first = (name, found)
        current = _below(current, found)
    return None if first is None else NearPath(current, difference(*first), *first)


def difference(wanted: str, found: str) -> Difference:
    """Of two names that are equal once all differences are folded."""
    if wanted.strip() == found.strip():
        return Difference.BLANKS
    if unicodedata.normalize("NFC", wanted) == unicodedata.normalize("NFC", found):
        return Difference.UNICODE
    if wanted.casefold() == found.casefold():
        return Difference.CAPITALS
    return Difference.ENCODING if _text(found) != found else Difference.SEVERAL


def _below(directory: str, name: str) -> str:
    return f"{directory.rstrip('/')}/{name}"


def _exists(directory: str, name: str) -> bool:
    try:
        return os.path.lexists(_below(directory, name))
    except ValueError:  # a NUL
        return False


def _near_name(directory: str, name: str) -> str | None:
    """The one entry of the directory that looks like this name."""
    for variant in (name.strip(), unicodedata.normalize("NFC", name), unicodedata.normalize("NFD", name)):
        if variant and variant != name and _exists(directory, variant):
            return variant
    try:
        names = _names(directory, os.stat(directory).st_mtime_ns)  # noqa: PTH116 - it may not be UTF-8
    except OSError:
        return None
    return names.get(_folded(name))


@lru_cache(maxsize=32)
def _names(directory: str, mtime_ns: int) -> dict[str, str | None]:
    """A directory's entries, folded; None for several that are equal then. Many images may be missing in one."""
    found: dict[str, str | None] = {}
    with os.scandir(directory) as entries:
        for entry in islice(entries, _MOST_ENTRIES):
            key = _folded(entry.name)
            found[key] = None if key in found else entry.name
    return found


def _folded(name: str) -> str:
    return unicodedata.normalize("NFC", _text(name).casefold()).strip()


def _text(name: str) -> str:
    """A name with bytes that are not UTF-8 as Latin-1."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return os.fsencode(name).decode("latin-1")
    return name
