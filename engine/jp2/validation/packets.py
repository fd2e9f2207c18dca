"""Are all packets of a tile there? By the lengths that PLT tells, by a byte a packet at the least, and one by one.

It finds what the chain of tile-parts cannot tell: a tile-part cut and its own length corrected, one missing where
none says how many there are, and a header that promises more precincts than anyone wrote.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field

from engine.jp2.codestream.coding_style import Styles
from engine.jp2.codestream.main_header import ImageSize, MainHeader
from engine.jp2.codestream.marker_segments import Marker
from engine.jp2.codestream.packet_headers import Read
from engine.jp2.codestream.packet_order import End, walk_tile
from engine.jp2.codestream.precincts import levels_of, precincts_of
from engine.jp2.errors import corrupt, truncated
from engine.jp2.file_reader import Source

_MOST_LEVELS = 100_000
"""Resolution levels of tile-components counted one by one, a tenth of a second; beyond, a tile's layers count."""

_MOST_BLOCKS = 2_000_000
"""Code-blocks looked up one by one, six seconds: those of 2.7 gigasamples as they are usually coded."""

_LOOKED_AT_BYTES = 64 * 1024
"""Of what is left after the last packet."""

_HEADERS_ELSEWHERE = frozenset({Marker.PPM, Marker.PPT})
"""Packet headers of their own: a packet may take no byte of the tile-part."""
_ORDER_ELSEWHERE = frozenset({Marker.POC})


@dataclass
class _Tile:
    """What the tile-parts of one tile have said."""

    spans: list[tuple[int, int]] = field(default_factory=list)
    """Offsets in the file where the packets of each tile-part begin and end."""
    told: int | None = None
    """The sum of all PLT."""
    markers: set[int] = field(default_factory=set)
    styles: Styles | None = None

    @property
    def held(self) -> int:
        return sum(end - start for start, end in self.spans)


class Packets:
    """Collects, tile-part by tile-part, where a tile's packets are and what is said of them."""

    def __init__(self) -> None:
        self._tiles: dict[int, _Tile] = {}

    def add(
        self,
        tile: int,
        span: tuple[int, int],
        told: int | None,
        markers: Collection[int],
        styles: Styles | None,
    ) -> None:
        """`told` is the sum of a tile-part's PLT, None without one; `styles` those of the tile's own header."""
        known = self._tiles.setdefault(tile, _Tile())
        known.spans.append(span)
        if told is not None:
            known.told = (known.told or 0) + told
        known.markers.update(markers)
        known.styles = known.styles or styles

    @property
    def are_told(self) -> bool:
        """There was a PLT."""
        return any(tile.told is not None for tile in self._tiles.values())

    def check(self, source: Source, main: MainHeader) -> list[str]:
        """Warnings; raises ImageError CORRUPT or TRUNCATED where a tile has too few packets, or others."""
        too_long = padded = 0
        for number, tile in self._tiles.items():
            surplus = tile.held - tile.told if tile.told is not None else 0
            if surplus < 0:
                corrupt(f"tile {number} is {-surplus:,} bytes shorter than its packets (PLT) add up to")
            too_long += surplus > 0
        if _HEADERS_ELSEWHERE.isdisjoint(main.markers):
            padded = self._count(source, main)
        warnings = []
        if too_long:
            warnings.append(f"tiles that hold more bytes than their packets (PLT) add up to: {too_long:,}")
        if padded:
            warnings.append(f"tiles in which zeros follow the last packet: {padded:,}")
        return warnings

    def _count(self, source: Source, main: MainHeader) -> int:
        """Counts packets; gives how many tiles have zeros after them."""
        size = main.size
        levels = len(self._tiles) * len(size.components) * (main.style.levels + 1)
        if levels > _MOST_LEVELS:
            self._count_layers(source, main)
            return 0
        blocks = padded = 0
        in_order = main.markers.isdisjoint(_ORDER_ELSEWHERE)
        for number, tile in self._in_reach():
            styles = tile.styles or main.styles
            in_reach = in_order and not styles.high_throughput and tile.markers.isdisjoint(_ORDER_ELSEWHERE)
            packets = 0
            for level in levels_of(size, styles, number):
                packets += styles.style.layers * level.precincts
                _check_least(source, number, tile, packets)
                blocks += level.most_blocks
            if in_reach and blocks <= _MOST_BLOCKS:
                padded += _walk(source, size, number, tile, styles)
        return padded

    def _count_layers(self, source: Source, main: MainHeader) -> None:
        is_full = all(part.dx == part.dy == 1 for part in main.size.components)
        for number, tile in self._in_reach():
            styles = tile.styles or main.styles
            _check_least(source, number, tile, styles.style.layers if is_full else 0)

    def _in_reach(self) -> Iterator[tuple[int, _Tile]]:
        return ((n, tile) for n, tile in self._tiles.items() if tile.markers.isdisjoint(_HEADERS_ELSEWHERE))


def _check_least(source: Source, number: int, tile: _Tile, least: int) -> None:
    """A packet takes a byte at the least, and one with nothing in it does (B.10.3)."""
    if tile.held < least:
        truncated(source, f"tile {number} has {tile.held:,} bytes for {least:,} packets or more")


def _walk(source: Source, size: ImageSize, number: int, tile: _Tile, styles: Styles) -> bool:
    """Whether zeros follow the last packet.

    What ends inside a code-block is left to the decoder, which sees it too and says more.
    """
    read = _reader(source, tile)
    walked = walk_tile(read, tile.held, list(precincts_of(size, styles, number)), styles)
    of_all = f"of the {walked.promised:,} packets of tile {number}"
    if walked.end in (End.BETWEEN_PACKETS, End.IN_A_HEADER):
        truncated(source, f"the data end after {walked.packets:,} {of_all}")
    if walked.end is End.UNREADABLE:
        corrupt(f"after {walked.packets:,} {of_all} comes none that can be read")
    if walked.end is not End.BYTES_LEFT:
        return False
    if read(walked.offset, _LOOKED_AT_BYTES).strip(b"\0"):
        left = tile.held - walked.offset
        corrupt(f"{left:,} bytes are left after the last {of_all}: they are not what the header says")
    return True


def _reader(source: Source, tile: _Tile) -> Read:
    """Reads the tile's packets as if its tile-parts were one."""
    if len(tile.spans) == 1:
        ((first, end),) = tile.spans
        return lambda offset, count: source.read(first + offset, min(count, end - first - offset))

    def read(offset: int, count: int) -> bytes:
        parts = []
        for start, end in tile.spans:
            length = end - start
            if offset < length:
                part = source.read(start + offset, min(count, length - offset))
                parts.append(part)
                count -= len(part)
                offset += len(part)
                if count <= 0 or not part:
                    break
            offset -= length
        return b"".join(parts)

    return read


def sum_of_lengths(data: bytes) -> int:
    """Iplt (A.7.3): seven bits a byte, the top bit saying that more follow."""
    total = length = 0
    for byte in data:
        length = length << 7 | byte & 0x7F
        if byte < 0x80:
            total += length
            length = 0
    return total


def packets_of_tile(size: ImageSize, styles: Styles, tile: int) -> int:
    """Layers times the precincts of every resolution of every component (B.6, equation B-16)."""
    return styles.style.layers * sum(level.precincts for level in levels_of(size, styles, tile))
