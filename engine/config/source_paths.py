"""Where the files are that an export names: prefixes replaced, relative paths below the root. Pure rules."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import unquote

_WINDOWS = re.compile(r"[A-Za-z]:([\\/]|\Z)|\\|[^/]*\\")
_FILE_URL = "file:"
_UNTIDY = re.compile(r"//|/\.|/\Z")
"""What `Path` may write otherwise; looking for it takes a tenth of the time of making a path."""


class SourcePaths:
    """The ledger keeps a source as the export has it; this says which path that is."""

    def __init__(self, directory: Path, replace: Mapping[str, str]) -> None:
        """Relative paths start in `directory`, which is absolute. Of several prefixes that fit the longest counts."""
        self.directory = directory
        longest_first = sorted(replace.items(), key=lambda pair: -len(pair[0]))
        self._replace = [(prefix, os.path.expanduser(to)) for prefix, to in longest_first]  # noqa: PTH111

    def path(self, source: str) -> str:
        """Absolute."""
        replaced = self.replaced(source)
        if replaced.startswith("/") and not _UNTIDY.search(replaced):
            return replaced
        return str(self.directory / replaced)

    def replaced(self, source: str) -> str:
        """The source with the first prefix that fits replaced; itself if none does."""
        for prefix, to in self._replace:
            rest = _rest(source, prefix)
            if rest is not None:
                return _joined(prefix, to, rest)
        return source

    @property
    def replacements(self) -> list[str]:
        """What prefixes are replaced by: absolute directories, as a rule."""
        return [str(self.directory / to) for _, to in self._replace]


def is_windows_path(text: str) -> bool:
    """`Z:\\scans`, `Z:/scans`, `\\\\server\\share` or `scans\\a`."""
    return _WINDOWS.match(text) is not None


def _rest(source: str, prefix: str) -> str | None:
    """What follows the prefix, with slashes; None if the source does not begin with it.

    Windows folds case and takes either slash; a file: URL is percent-encoded."""
    start, rest = source[: len(prefix)], source[len(prefix) :]
    if is_windows_path(prefix):
        same = start.replace("\\", "/").lower() == prefix.replace("\\", "/").lower()
        return rest.replace("\\", "/") if same else None
    if prefix.lower().startswith(_FILE_URL):
        return unquote(rest, errors="surrogateescape") if start.lower() == prefix.lower() else None
    return rest if start == prefix else None


def _joined(prefix: str, to: str, rest: str) -> str:
    """One slash between the two where the prefix has one."""
    if prefix.endswith(("/", "\\")) and to and not to.endswith("/"):
        return f"{to}/{rest}"
    return to + (rest.removeprefix("/") if to.endswith("/") else rest)
