"""Whether all packets of a tile are there: by the lengths in PLT, by a byte a packet at least, and one by one.

This finds what the chain of tile-parts cannot: a tile-part that was cut and its own length corrected, one that is
missing although none gives their count, and a header that promises more precincts than were written.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator

from msgspec import Struct, field

from engine.jp2.codestream.coding_style import Styles
from engine.jp2.codestream.main_header import ImageSize, MainHeader
from engine.jp2.codestream.marker_segments import Marker
from engine.jp2.codestream.packet_headers import Read
from engine.jp2.codestream.packet_order import WalkEnd, walk_tile
from engine.jp2.codestream.precincts import levels_of, precincts_of
from engine.jp2.errors import corrupt, truncated
from engine.jp2.file_reader import FileReader

_MOST_LEVELS = 100_000
"""Resolution levels of tile-components counted one by one, a tenth of a second; beyond it only layers are counted."""

_MOST_BLOCKS = 2_000_000
"""Code-blocks followed one by one, six seconds: those of 2.7 gigasamples as they are usually coded."""

_TAIL_BYTES = 64 * 1024
"""Of what is left after the last packet, enough to tell zeros from data."""

_HEADERS_ELSEWHERE = frozenset({Marker.PPM, Marker.PPT})
"""Packet headers lie in these: a packet may take no byte of the tile-part."""
_ORDER_ELSEWHERE = frozenset({Marker.POC})
"""Progression order changes, which the packet walk does not follow."""


class _Tile(Struct):
    """What the tile-parts of one tile hold and declare."""

    spans: list[tuple[int, int]] = field(default_factory=list)
    """Offsets in the file where the packets of each tile-part begin and end."""
    declared_bytes: int | None = None
    """The sum of all PLT; None without one."""
    markers: set[int] = field(default_factory=set)
    styles: Styles | None = None

    @property
    def held_bytes(self) -> int:
        return sum(end - start for start, end in self.spans)


class Packets:
    """Collects, tile-part by tile-part, where a tile's packets are and what its markers declare of them."""

    def __init__(self) -> None:
        self._tiles: dict[int, _Tile] = {}
        self.are_all_there = False
        """Every packet of every tile was followed to its end."""
        self.are_padded = False
        """Zeros follow the last packet of some tile."""

    def add(
        self,
        tile: int,
        span: tuple[int, int],
        declared_bytes: int | None,
        markers: Collection[int],
        styles: Styles | None,
    ) -> None:
        """`declared_bytes` is the sum of a tile-part's PLT, None without one; `styles` are those of its own header."""
        known = self._tiles.setdefault(tile, _Tile())
        known.spans.append(span)
        if declared_bytes is not None:
            known.declared_bytes = (known.declared_bytes or 0) + declared_bytes
        known.markers.update(markers)
        known.styles = known.styles or styles

    @property
    def has_lengths(self) -> bool:
        """There was a PLT."""
        return any(tile.declared_bytes is not None for tile in self._tiles.values())

    def check(self, reader: FileReader, main: MainHeader) -> list[str]:
        """Warnings; raises ImageError CORRUPT or TRUNCATED if a tile has too few packets, or other ones."""
        too_long = padded = 0
        for number, tile in self._tiles.items():
            surplus = tile.held_bytes - tile.declared_bytes if tile.declared_bytes is not None else 0
            if surplus < 0:
                corrupt(f"tile {number} is {-surplus:,} bytes shorter than its packets (PLT) add up to")
            too_long += surplus > 0
        if _HEADERS_ELSEWHERE.isdisjoint(main.markers):
            padded = self._count(reader, main)
        self.are_padded = padded > 0
        warnings = []
        if too_long:
            warnings.append(f"tiles that hold more bytes than their packets (PLT) add up to: {too_long:,}")
        if padded:
            warnings.append(f"tiles in which zeros follow the last packet: {padded:,}")
        return warnings

    def _count(self, reader: FileReader, main: MainHeader) -> int:
        """Counts packets; returns how many tiles have zeros after them."""
        size = main.size
        levels = len(self._tiles) * len(size.components) * (main.style.levels + 1)
        if levels > _MOST_LEVELS:
            self._count_layers(reader, main)
            return 0
        blocks = padded = whole = 0
        in_order = main.markers.isdisjoint(_ORDER_ELSEWHERE)
        for number, tile in self._countable():
            styles = tile.styles or main.styles
            can_walk = in_order and not styles.high_throughput and tile.markers.isdisjoint(_ORDER_ELSEWHERE)
            packets = 0
            for level in levels_of(size, styles, number):
                packets += styles.style.layers * level.precincts
                _check_least(reader, number, tile, packets)
                blocks += level.most_blocks
            if can_walk and blocks <= _MOST_BLOCKS:
                end = _walk(reader, size, number, tile, styles)
                padded += end is WalkEnd.BYTES_LEFT
                whole += end in (WalkEnd.ALL_THERE, WalkEnd.BYTES_LEFT)
        self.are_all_there = whole == len(self._tiles)
        return padded

    def _count_layers(self, reader: FileReader, main: MainHeader) -> None:
        is_full = all(part.dx == part.dy == 1 for part in main.size.components)
        for number, tile in self._countable():
            styles = tile.styles or main.styles
            _check_least(reader, number, tile, styles.style.layers if is_full else 0)

    def _countable(self) -> Iterator[tuple[int, _Tile]]:
        return ((n, tile) for n, tile in self._tiles.items() if tile.markers.isdisjoint(_HEADERS_ELSEWHERE))


def _check_least(reader: FileReader, number: int, tile: _Tile, least: int) -> None:
    """A packet takes one byte at least, also if it is empty (B.10.3)."""
    if tile.held_bytes < least:
        truncated(reader, f"tile {number} has {tile.held_bytes:,} bytes for {least:,} packets or more")


def _walk(reader: FileReader, size: ImageSize, number: int, tile: _Tile, styles: Styles) -> WalkEnd:
    """BYTES_LEFT if zeros follow the last packet.

    Data that end inside a code-block are left to the decoder, which finds them too and reports more.
    """
    read = _tile_reader(reader, tile)
    walked = walk_tile(read, tile.held_bytes, list(precincts_of(size, styles, number)), styles)
    of_all = f"of the {walked.promised:,} packets of tile {number}"
    if walked.end in (WalkEnd.BETWEEN_PACKETS, WalkEnd.IN_A_HEADER):
        truncated(reader, f"the data end after {walked.packets:,} {of_all}")
    if walked.end is WalkEnd.UNREADABLE:
        corrupt(f"after {walked.packets:,} {of_all} follows nothing that can be read as a packet")
    if walked.end is WalkEnd.BYTES_LEFT and read(walked.offset, _TAIL_BYTES).strip(b"\0"):
        left = tile.held_bytes - walked.offset
        corrupt(f"{left:,} bytes are left after the last {of_all}: they are not what the header describes")
    return walked.end


def _tile_reader(reader: FileReader, tile: _Tile) -> Read:
    """Reads the tile's packets as if its tile-parts were one."""
    if len(tile.spans) == 1:
        ((first, end),) = tile.spans
        return lambda offset, count: reader.read(first + offset, min(count, end - first - offset))

    def read(offset: int, count: int) -> bytes:
        parts = []
        for start, end in tile.spans:
            length = end - start
            if offset < length:
                part = reader.read(start + offset, min(count, length - offset))
                parts.append(part)
                count -= len(part)
                offset += len(part)
                if count <= 0 or not part:
                    break
            offset -= length
        return b"".join(parts)

    return read


def sum_of_lengths(data: bytes) -> int:
    """Iplt (A.7.3): seven bits a byte; the top bit is set if more follow."""
    total = length = 0
    for byte in data:
        length = length << 7 | byte & 0x7F
        if byte < 0x80:
            total += length
            length = 0
    return total
