"""Holes: pages of nothing but zeros within the compressed data, as an interrupted copy leaves them.

A file of the right length whose middle never arrived decodes without an error in every decoder: zeros read as
empty packets, or as samples that are wrong. Compressed data has no such runs, but for blank pictures cut into
very many precincts; so a hole is a warning.
"""

from __future__ import annotations

import numpy as np

from engine.jp2.model import Header

PAGE_BYTES = 4096
"""What file systems and networks leave out is whole pages of this size."""

_EMPTY = bytes(PAGE_BYTES)


class HoleFinder:
    """Is shown a file's bytes as they are read, in order; a fiftieth of what a checksum costs."""

    def __init__(self) -> None:
        self._position = 0
        self._pages: list[int] = []
        """Offsets of empty pages, in the file."""
        self._rest = b""

    def look(self, chunk: bytes) -> None:
        """The next bytes of the file; quickest where chunks are whole pages."""
        data = self._rest + chunk if self._rest else chunk
        pages = len(data) // PAGE_BYTES
        samples = np.frombuffer(data, np.uint8, pages * PAGE_BYTES).reshape(pages, PAGE_BYTES)
        for page in np.flatnonzero(~samples[:, ::512].any(axis=1)):
            start = int(page) * PAGE_BYTES
            if data[start : start + PAGE_BYTES] == _EMPTY:
                self._pages.append(self._position + start)
        self._rest = data[pages * PAGE_BYTES :]
        self._position += pages * PAGE_BYTES

    def warnings(self, header: Header) -> list[str]:
        """At most one: the holes between the codestream's beginning and its end."""
        start = header.codestream_offset
        end = min(start + header.codestream_bytes, header.file_bytes)
        inside = [page for page in self._pages if start <= page and page + PAGE_BYTES <= end]
        if not inside:
            return []
        size = len(inside) * PAGE_BYTES
        return [
            f"{size:,} bytes of the compressed data are zeros, from byte {inside[0]:,} on: a copy broken off?"
        ]
