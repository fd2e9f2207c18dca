"""Pages of nothing but zeros within the compressed data, as an interrupted copy leaves them.

A file of the right length whose middle never arrived decodes without an error in every decoder: zeros read as empty
packets, or as samples that are wrong. Compressed data has no such runs, except for blank pictures cut into very many
precincts; so zero pages are a warning.
"""

from __future__ import annotations

import numpy as np

from engine.jp2.header import Header

PAGE_BYTES = 4096
"""File systems and networks leave out whole pages of this size."""

_ZEROS = bytes(PAGE_BYTES)


class ZeroPageFinder:
    """Takes a file's bytes in their order as they are read; costs a fiftieth of a checksum."""

    def __init__(self) -> None:
        self._position = 0
        self._pages: list[int] = []
        """Offsets of zero pages in the file."""
        self._rest = b""

    def add(self, chunk: bytes) -> None:
        """The next bytes of the file; quickest if chunks are whole pages."""
        data = self._rest + chunk if self._rest else chunk
        pages = len(data) // PAGE_BYTES
        samples = np.frombuffer(data, np.uint8, pages * PAGE_BYTES).reshape(pages, PAGE_BYTES)
        for page in np.flatnonzero(~samples[:, ::512].any(axis=1)):
            start = int(page) * PAGE_BYTES
            if data[start : start + PAGE_BYTES] == _ZEROS:
                self._pages.append(self._position + start)
        self._rest = data[pages * PAGE_BYTES :]
        self._position += pages * PAGE_BYTES

    def warnings(self, header: Header) -> list[str]:
        """At most one, for the zero pages between the codestream's beginning and its end."""
        end = min(header.codestream_end, header.file_bytes)
        inside = [p for p in self._pages if header.codestream_offset <= p and p + PAGE_BYTES <= end]
        if not inside:
            return []
        size = len(inside) * PAGE_BYTES
        return [
            f"{size:,} bytes of the compressed data are zeros, from byte {inside[0]:,} on: a copy broken off?"
        ]
