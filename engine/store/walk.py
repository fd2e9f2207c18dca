"""The files under a directory in the order of their keys' UTF-8 bytes, as S3 lists objects, streaming."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path


def walk(root: Path, prefix: str = "") -> Iterator[tuple[str, int]]:
    """(key, size in bytes) of every file under `root` whose key starts with `prefix`.

    Symbolic links count as what they point at. A root that is not there is empty. Raises OSError."""
    if root.is_dir():
        yield from _walk(str(root), "", prefix)


def _walk(directory: str, above: str, prefix: str) -> Iterator[tuple[str, int]]:
    with os.scandir(directory) as entries:
        # A directory sorts as its keys will: "a/" comes after "a.jpg", for "." is before "/".
        found = sorted(
            ((entry.name + "/" if entry.is_dir() else entry.name, entry) for entry in entries),
            key=lambda pair: os.fsencode(pair[0]),
        )
    for name, entry in found:
        key = above + name
        if not (key.startswith(prefix) or prefix.startswith(key)):
            continue
        if name.endswith("/"):
            yield from _walk(entry.path, key, prefix)
        elif key.startswith(prefix):
            try:
                size_bytes = entry.stat().st_size
            except FileNotFoundError:  # removed meanwhile, or a link into nothing
                continue
            yield key, size_bytes
