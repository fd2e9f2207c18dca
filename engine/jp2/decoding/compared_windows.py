"""Which parts of tiles and strips are compared with the picture at a reduced resolution. Pure.

Decoding takes as long as the compressed data are, comparing as the picture is large: of a file that is coded in few
bits, comparing everything costs a tenth of its conversion. So there only some windows are compared. Every tile, every
strip and every seam between strips is still looked at.
"""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct

from engine.jp2.header import Header

_FEW_BITS = 2.0
"""A sample. Lossless pictures have 3 to 5, and comparing all of them costs 3 % at most; at 20:1 it is 0.4."""


class Windows(Struct, frozen=True):
    """Each n-th of the rows of windows, from the first that a tile or a strip completes on, and some of its columns."""

    every_row: int = 1
    every_column: int = 1

    @property
    def are_some(self) -> bool:
        return self.every_column > 1

    def of(self, columns: tuple[int, int], width: int, turn: int, place: int) -> Iterator[tuple[int, int]]:
        """The first and last column of each window that is compared, the last outside.

        `turn` counts rows of windows in what was decoded now, `place` in the picture: the columns change from one to
        the next. Of few windows across, one is compared.
        """
        first, last = columns
        if not self.are_some:
            yield columns
            return
        if first == last or turn % self.every_row:
            return
        count = -(-(last - first) // width)
        every = min(self.every_column, count)
        for index in range(place % every, count, every):
            start = first + index * width
            yield start, min(start + width, last)


ALL = Windows()
SOME = Windows(every_row=4, every_column=6)
"""Measured at 20:1: 2 % of the conversion, beside 2 % for the decode at a reduced resolution."""


def windows_for(header: Header) -> Windows:
    samples = sum(part.width * part.height for part in header.components)
    size = min(header.codestream_end, header.file_bytes) - header.codestream_offset
    return ALL if 8 * size >= _FEW_BITS * samples else SOME
