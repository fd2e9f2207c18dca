"""Do a tile's bytes suffice for its packets? By the lengths that PLT tells, and by a byte a packet at the least.

It finds what the chain of tile-parts cannot tell: a tile-part cut and its own length corrected, and a header
that promises more precincts than anyone wrote.
"""

from __future__ import annotations

from collections.abc import Collection

from engine.jp2.codestream import CodingStyle, ImageSize, MainHeader, Marker
from engine.jp2.source import Source
from engine.jp2.verdicts import corrupt, truncated

_MOST_LEVELS = 100_000
"""Resolution levels of tile-components counted one by one, a tenth of a second; beyond, a tile's layers count."""

_OTHER_RULES = frozenset({Marker.COD, Marker.COC, Marker.POC, Marker.PPT})
"""In a tile-part's header: how many packets the tile has, or where their headers are, is decided there."""

_OTHER_MAIN_RULES = frozenset({Marker.COC, Marker.POC, Marker.PPM})

_WHOLE_PRECINCT = 15
"""PPx and PPy where none are given (A.6.1): a precinct of 2^15 samples a side."""


class PacketBytes:
    """Adds up, tile-part by tile-part, what a tile's packets have and what they are said to need."""

    def __init__(self) -> None:
        self._held: dict[int, int] = {}
        self._surplus: dict[int, int] = {}
        self._by_other_rules: set[int] = set()

    def add(self, tile: int, held: int, told: int | None, markers: Collection[int]) -> None:
        """`held` are the bytes of packets in a tile-part, `told` the sum of its PLT, None without one."""
        self._held[tile] = self._held.get(tile, 0) + held
        if told is not None:
            self._surplus[tile] = self._surplus.get(tile, 0) + held - told
        if markers and not _OTHER_RULES.isdisjoint(markers):
            self._by_other_rules.add(tile)

    @property
    def are_told(self) -> bool:
        """There was a PLT."""
        return bool(self._surplus)

    def check(self, source: Source, main: MainHeader) -> list[str]:
        """Warnings; raises ImageError CORRUPT or TRUNCATED where a tile has too few bytes."""
        for tile, surplus in self._surplus.items():
            if surplus < 0:
                corrupt(f"tile {tile} is {-surplus:,} bytes shorter than its packets (PLT) add up to")
        if _OTHER_MAIN_RULES.isdisjoint(main.markers):
            self._check_least(source, main)
        too_long = sum(1 for surplus in self._surplus.values() if surplus > 0)
        if too_long:
            return [f"{too_long:,} tiles hold more bytes than their packets (PLT) add up to"]
        return []

    def _check_least(self, source: Source, main: MainHeader) -> None:
        size, style = main.size, main.style
        levels = len(self._held) * len(size.components) * (style.levels + 1)
        is_full = all(part.dx == part.dy == 1 for part in size.components)
        at_least = style.layers if is_full else 0
        for tile, held in self._held.items():
            if tile not in self._by_other_rules:
                least = packets_of_tile(size, style, tile) if levels <= _MOST_LEVELS else at_least
                if held < least:
                    truncated(source, f"tile {tile} has {held:,} bytes for {least:,} packets or more")


def sum_of_lengths(data: bytes) -> int:
    """Iplt (A.7.3): seven bits a byte, the top bit saying that more follow."""
    total = length = 0
    for byte in data:
        length = length << 7 | byte & 0x7F
        if byte < 0x80:
            total += length
            length = 0
    return total


def packets_of_tile(size: ImageSize, style: CodingStyle, tile: int) -> int:
    """Layers times the precincts of every resolution of every component (B.6, equation B-16).

    A packet takes a byte at the least, and one with nothing in it does (B.10.3).
    """
    row, column = divmod(tile, size.tiles_across)
    left = size.tile_x0 + column * size.tile_width
    top = size.tile_y0 + row * size.tile_height
    x0, x1 = max(left, size.x0), min(left + size.tile_width, size.x1)
    y0, y1 = max(top, size.y0), min(top + size.tile_height, size.y1)
    precincts = 0
    for part in size.components:
        across = (_ceil(x0, part.dx), _ceil(x1, part.dx))
        down = (_ceil(y0, part.dy), _ceil(y1, part.dy))
        for resolution in range(style.levels + 1):
            coarser = 1 << (style.levels - resolution)
            width, height = style.precincts[resolution] if style.precincts else (_WHOLE_PRECINCT,) * 2
            precincts += _precincts(across, coarser, width) * _precincts(down, coarser, height)
    return style.layers * precincts


def _precincts(edges: tuple[int, int], coarser: int, exponent: int) -> int:
    """Precincts along one side of a resolution level that is `coarser` times coarser than its component."""
    first, last = _ceil(edges[0], coarser), _ceil(edges[1], coarser)
    return _ceil(last, 1 << exponent) - (first >> exponent) if last > first else 0


def _ceil(value: int, step: int) -> int:
    return -(-value // step)
