"""What `add` says about values that are well formed and still will not be found, or will look odd, as they are."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from msgspec import Struct, field

from engine.config import SourcePaths, is_windows_path
from engine.formatting import counted, visible

_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://?")
_ROOT = re.compile(r"[A-Za-z]:(?!//)|[\\/]{2}[^\\/]+|[A-Za-z][A-Za-z0-9+.-]+:/{0,2}[^/]*|~[^/]*|")
"""A drive, a server, a URL's scheme and host, or a home directory."""
_SHOWN_CHARACTERS = 120
_MOST_PREFIXES = 8


class _Seen(Struct):
    rows: int = 0
    line: int = 0
    """Of the first, as the text."""
    text: str = ""
    prefixes: dict[str, str] = field(default_factory=dict)
    """What all paths below a root share, for the first roots."""

    def add(self, line: int, text: str) -> None:
        if not self.rows:
            self.line, self.text = line, text
        self.rows += 1
        match = _ROOT.match(text)
        root = match[0] if match else ""
        prefix = self.prefixes.get(root)
        if prefix is None:
            if len(self.prefixes) < _MOST_PREFIXES:
                self.prefixes[root] = text
        elif not text.startswith(prefix):
            self.prefixes[root] = _common(prefix, text)

    def told(self, one: str, many: str) -> str:
        """`12 rows have …`, with the first as the example."""
        example = visible(json.dumps(self.text[:_SHOWN_CHARACTERS], ensure_ascii=False))
        return f"{counted(self.rows, 'row')} {one if self.rows == 1 else many} (line {self.line}: {example})"


class SourceHints:
    """Sees every well-formed row."""

    def __init__(self, replace: Mapping[str, str]) -> None:
        self._sources = SourcePaths(Path("/"), replace)
        self._windows, self._url, self._home = _Seen(), _Seen(), _Seen()
        self._padded, self._decomposed = _Seen(), _Seen()

    def look(self, line: int, source: str, values: Sequence[str]) -> None:
        """`values` are all that the row is made from, the source included."""
        path = self._sources.replaced(source)
        if not path.startswith("/"):
            if is_windows_path(path):
                self._windows.add(line, source)
            elif _URL.match(path):
                self._url.add(line, source)
            elif path.startswith("~"):
                self._home.add(line, source)
        if not source.isascii() and not unicodedata.is_normalized("NFC", source):
            self._decomposed.add(line, source)
        for value in values:
            if value[:1].isspace() or value[-1:].isspace():
                self._padded.add(line, value)
                break

    def notes(self) -> list[str]:
        """One for each kind that occurs."""
        found = [
            _no_file(self._windows, "a Windows path", "Windows paths", lambda _: "/mnt/scans/"),
            _no_file(self._url, "a URL", "URLs", _path_in),
            _no_file(
                self._home, "a path in a home directory", "paths in a home directory", lambda _: "/home/"
            ),
        ]
        if self._padded.rows:
            what = self._padded.told(
                "has a value with blanks at its start or end", "have values with blanks at their start or end"
            )
            found.append(
                f"{what}: they stay in names and paths; strip = true under [manifest] takes them off"
            )
        if self._decomposed.rows:
            what = self._decomposed.told(
                "writes its source path with decomposed accents",
                "write their source paths with decomposed accents",
            )
            found.append(
                f"{what}, Unicode's form NFD: a file whose name has composed ones is not found by them"
            )
        return [note for note in found if note]


def _common(one: str, other: str) -> str:
    length = next((place for place, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), None)
    return min(one, other, key=len) if length is None else one[:length]


def _no_file(seen: _Seen, one: str, many: str, place_of: Callable[[str], str]) -> str:
    if not seen.rows:
        return ""
    entries = ", ".join(
        f"{visible(json.dumps(prefix, ensure_ascii=False))} = {json.dumps(place_of(prefix))}"
        for prefix in map(_directory, seen.prefixes.values())
    )
    what = seen.told(f"has {one} as its source", f"have {many} as their sources")
    return (
        f"{what}, and no file is called so here: say where they are, with replace = {{ {entries} }} "
        "under [manifest]; the export need not be added again"
    )


def _directory(prefix: str) -> str:
    return prefix[: max(prefix.rfind("/"), prefix.rfind("\\")) + 1] or prefix


def _path_in(url: str) -> str:
    """A file: URL's own path, if it is of this machine."""
    match = re.match(r"file:(?://(?:localhost)?)?(/[^/].*/|/$)", url, re.IGNORECASE)
    return match[1] if match else "/mnt/scans/"
