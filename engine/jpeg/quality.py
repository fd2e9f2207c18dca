"""Quantisation tables of a quality, and the quality that tables were made for."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

Table = tuple[int, ...]
"""64 divisors in natural order, row by row, rows of rising vertical frequency."""

# ITU-T T.81 tables K.1 and K.2.
_LUMA: Table = (
    *(16, 11, 10, 16, 24, 40, 51, 61),
    *(12, 12, 14, 19, 26, 58, 60, 55),
    *(14, 13, 16, 24, 40, 57, 69, 56),
    *(14, 17, 22, 29, 51, 87, 80, 62),
    *(18, 22, 37, 56, 68, 109, 103, 77),
    *(24, 35, 55, 64, 81, 104, 113, 92),
    *(49, 64, 78, 87, 103, 121, 120, 101),
    *(72, 92, 95, 98, 112, 100, 103, 99),
)
_CHROMA: Table = (
    *(17, 18, 24, 47, 99, 99, 99, 99),
    *(18, 21, 26, 66, 99, 99, 99, 99),
    *(24, 26, 56, 99, 99, 99, 99, 99),
    *(47, 66, 99, 99, 99, 99, 99, 99),
    *(99,) * 32,
)


class Quality(Struct, frozen=True):
    """The quality that quantisation tables were made for, or the nearest to it."""

    quality: int
    """1 to 100: the one whose standard tables are nearest by least squares."""
    standard: bool
    """The tables are exactly those of that quality."""
    rms_difference: float
    """Root of the mean squared difference of the divisors."""


BASELINE, EXTENDED = 255, 32767
"""The largest divisor that libjpeg writes: of 8 bits, or of 16 if it may leave baseline."""


def standard_tables(quality: int, largest: int = BASELINE) -> tuple[Table, Table]:
    """Luma and chroma tables of a quality from 1 to 100: T.81 Annex K scaled as the IJG's library does.

    jpeg_quality_scaling and jpeg_add_quant_table of jcparam.c (libjpeg 6b): divisors from 1 to `largest`, which
    only matters under quality 25.
    """
    if not 1 <= quality <= 100:
        raise ValueError(f"a JPEG's quality is from 1 to 100, not {quality}")
    scale = 5000 // quality if quality < 50 else 200 - 2 * quality
    luma, chroma = (
        tuple(min(max((value * scale + 50) // 100, 1), largest) for value in table)
        for table in (_LUMA, _CHROMA)
    )
    return luma, chroma


def estimate_quality(tables: Sequence[Table]) -> Quality:
    """The quality whose standard tables are nearest; `tables` has one for each component, the first is luma.

    Each of the others is compared with luma and chroma both, because in RGB and CMYK all have the first table.
    """
    found = [(_squares(tables, quality, largest), quality) for quality, largest in _CANDIDATES]
    squares, quality = min(found, key=lambda candidate: candidate[0])
    return Quality(quality, squares == 0, (squares / (64 * len(tables))) ** 0.5)


_CANDIDATES = [
    (quality, largest)
    for quality in range(100, 0, -1)
    for largest in (BASELINE, EXTENDED)[: 1 + (quality < 25)]
]


def _squares(tables: Sequence[Table], quality: int, largest: int) -> int:
    """Squared differences of the divisors, added up."""
    luma, chroma = standard_tables(quality, largest)
    apart = {(table, other): _apart(table, other) for table in set(tables) for other in (luma, chroma)}
    others = (min(apart[table, luma], apart[table, chroma]) for table in tables[1:])
    return apart[tables[0], luma] + sum(others)


def _apart(table: Table, other: Table) -> int:
    return sum((a - b) ** 2 for a, b in zip(table, other, strict=True))
