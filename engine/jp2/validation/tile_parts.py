"""The chain of tile-parts (ISO/IEC 15444-1 A.4), followed from one to the next by their lengths."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

from msgspec import Struct, field

from engine.failures import ImageError
from engine.jp2.codestream.coding_style import StyleMarkers, Styles
from engine.jp2.codestream.features import CodestreamFeatures, Patch
from engine.jp2.codestream.main_header import MainHeader
from engine.jp2.codestream.marker_segments import Marker, segments
from engine.jp2.errors import corrupt, truncated
from engine.jp2.file_reader import FileReader
from engine.jp2.validation.end_marker import ChainEnd, costs_no_pixel, fault_of_what_follows
from engine.jp2.validation.packets import Packets, sum_of_lengths

MAX_TILE_PARTS = 1_000_000
"""More than any known file or profile has; beyond it the file is refused, which takes seconds and not minutes."""

MAX_SEGMENTS = 1_000_000
"""Marker segments in all tile-part headers together."""

MAX_PACKET_LENGTH_BYTES = 2 * 1024 * 1024
"""PLT marker segments are summed up to this many bytes, a fraction of a second; with more they are left out."""

_SOT_BYTES = 12
_SCAN_BYTES = 1024 * 1024


_PACKED_HEADERS = frozenset({Marker.PPM, Marker.PPT})
_PSOT_OFFSET = 6
"""Of Psot in a SOT marker segment (A.4.2)."""
_TNSOT_OFFSET = 11
"""Of TNsot, from SOT's first byte (A.4.2)."""
_MOST_STATED = 255


class TilePartHeader(Struct, frozen=True):
    """The marker segments between SOT and SOD."""

    data: int
    """Offset of the first byte after SOD."""
    markers: tuple[int, ...] = ()
    packet_bytes: int | None = None
    """The sum of the PLT marker segments; None without them."""
    styles: Styles | None = None
    """How the tile is coded, if the header has a COD or COC of its own."""


class TilePart(Struct, frozen=True):
    """One tile-part; offsets in bytes from the start of the file."""

    tile: int
    """Isot."""
    index: int
    """TPsot."""
    count: int
    """TNsot: how many tile-parts the tile has; 0 if this one does not give it."""
    start: int
    end: int
    header: TilePartHeader
    is_open: bool = False
    """Psot is 0: it reaches to the end of the codestream."""

    @property
    def name(self) -> str:
        return f"tile-part {self.index} of tile {self.tile}"


class TilePartChain(Struct):
    """What a walk along the chain found."""

    start: int
    """Offset of the first tile-part, where the main header ends."""
    tile_parts: int = 0
    segments: int = 0
    """Marker segments in all tile-part headers."""
    has_packet_lengths: bool = False
    is_counted: bool = True
    """Every tile gives the number of its tile-parts."""
    end: int = 0
    """Offset where the last tile-part ends."""
    is_open: bool = False
    """The last tile-part does not give its length."""
    is_listed: bool = False
    """TLM lists these tile-parts, with these lengths."""
    has_every_packet: bool = False
    """Every packet of every tile was followed to its end. If it is false, they may be there all the same."""
    is_padded: bool = False
    """Zeros follow the last packet of some tile."""
    features: CodestreamFeatures = field(default_factory=CodestreamFeatures)
    warnings: list[str] = field(default_factory=list)

    @property
    def chain_end(self) -> ChainEnd:
        has_every_packet = self.has_every_packet and not (self.is_open and self.is_padded)
        return ChainEnd(self.end, self.is_open, self.is_counted, self.is_listed, has_every_packet)


def walk_chain(reader: FileReader, main: MainHeader, codestream_end: int) -> TilePartChain:
    """Follows the chain to its end and counts tiles and tile-parts.

    `codestream_end` is where the codestream's box ends, or the end of the file. Raises ImageError: TRUNCATED if
    bytes, tiles or tile-parts are missing, CORRUPT if the chain leads to neither a tile-part nor EOC.
    """
    chain = TilePartChain(main.first_tile_part, end=main.first_tile_part)
    found: dict[int, int] = {}
    promised: dict[int, int] = {}
    lengths: list[tuple[int, int]] = []
    counts: list[_StatedCount] = []
    with_data: Counter[int] = Counter()
    high_throughput, tile_markers = main.styles.high_throughput, set[int]()
    packets = Packets()
    tile_styles: dict[int, Styles] = {}
    for part in tile_parts(reader, main, codestream_end):
        header = part.header
        _check_order(part, found, main.size.grid.tiles)
        found[part.tile] = part.index + 1
        promised[part.tile] = max(part.count, promised.get(part.tile, 0))
        packets.add(part.tile, (header.data, part.end), header.packet_bytes, header.markers, header.styles)
        lengths.append((part.tile, part.end - part.start))
        counts.append(_StatedCount(part.tile, part.start, part.count))
        tile_markers.update(header.markers)
        with_data[part.tile] += part.end > part.start + _SOT_BYTES
        if header.styles is not None:
            tile_styles.setdefault(part.tile, header.styles)
            high_throughput |= header.styles.high_throughput
        chain.end, chain.is_open = part.end, part.is_open
        chain.segments += len(header.markers)
        if chain.segments > MAX_SEGMENTS:
            corrupt(f"more than {MAX_SEGMENTS:,} marker segments in the tile-part headers")
    chain.tile_parts = len(lengths)
    chain.is_counted = all(promised.values())
    chain.has_packet_lengths = packets.has_lengths
    fault = fault_of_what_follows(reader, chain.end, codestream_end)
    try:
        _check_tiles(reader, main.size.grid.tiles, found)
        chain.warnings += _check_packets(reader, main, packets, found, promised)
        patches = _check_lengths(reader, main, lengths, chain)
    except ImageError as error:
        raise fault or error from error
    chain.has_every_packet, chain.is_padded = packets.are_all_there, packets.are_padded
    if fault is not None and not costs_no_pixel(reader, chain.end, chain.has_every_packet):
        raise fault
    patches += _check_counts(counts, found, chain)
    chain.features = CodestreamFeatures(
        high_throughput=high_throughput,
        packed_headers=not _PACKED_HEADERS.isdisjoint(tile_markers | set(main.markers)),
        tile_parts=tuple(
            with_data[tile] if found[tile] <= _MOST_STATED else 0 for tile in range(main.size.grid.tiles)
        ),
        patches=tuple(sorted(patches, key=lambda patch: patch.offset)),
        tile_styles=tile_styles,
        tile_markers=frozenset(tile_markers),
    )
    return chain


def tile_parts(reader: FileReader, main: MainHeader, codestream_end: int) -> Iterator[TilePart]:
    """Each tile-part, to where none follows; raises ImageError TRUNCATED or CORRUPT if one cannot be."""
    position = main.first_tile_part
    for _ in range(MAX_TILE_PARTS):
        marker = reader.read(position, 2)
        if marker != Marker.SOT.to_bytes(2):
            if position == main.first_tile_part:
                corrupt("there is no tile-part after the main header")
            return
        part = _tile_part_at(reader, main, position, codestream_end)
        yield part
        position = part.end
    corrupt(f"more than {MAX_TILE_PARTS:,} tile-parts")


def _tile_part_at(reader: FileReader, main: MainHeader, start: int, codestream_end: int) -> TilePart:
    head = reader.read(start, _SOT_BYTES)
    if len(head) < _SOT_BYTES:
        truncated(reader, f"the file ends inside the tile-part header at byte {start:,}")
    length = int.from_bytes(head[2:4])
    tile = int.from_bytes(head[4:6])
    psot = int.from_bytes(head[6:10])
    index, count = head[10], head[11]
    name = f"tile-part {index} of tile {tile}"
    if length != 10:
        corrupt(f"the SOT marker at byte {start:,} has the length {length}, not 10")
    if psot == _SOT_BYTES:
        # Empty, without an SOD: against the standard, and harmless; OpenJPEG skips it.
        return TilePart(tile, index, count, start, start + psot, TilePartHeader(start + psot))
    if psot != 0 and psot < _SOT_BYTES + 2:
        corrupt(f"{name} claims a length of {psot} bytes")
    end = start + psot
    if end > reader.size:
        truncated(reader, f"{name} ends at byte {end:,}, beyond the end of the file")
    header = _read_header(reader, main, start, end if psot else reader.size, name)
    if psot == 0:
        end = _end_of_open_part(reader, header.data, min(codestream_end, reader.size))
    return TilePart(tile, index, count, start, end, header, is_open=psot == 0)


def _read_header(reader: FileReader, main: MainHeader, start: int, end: int, name: str) -> TilePartHeader:
    position = start + _SOT_BYTES
    markers: list[int] = []
    packet_bytes: int | None = None
    styles = StyleMarkers(main.size.asks_for_part_2)
    plt_bytes = 0
    for segment in segments(reader, position):
        markers.append(segment.marker)
        position = segment.end
        if segment.marker == Marker.PLT and plt_bytes <= MAX_PACKET_LENGTH_BYTES:
            plt_bytes += segment.length
            lengths = reader.read(segment.offset + 5, segment.length - 3)
            packet_bytes = (packet_bytes or 0) + sum_of_lengths(lengths)
        elif segment.marker in (Marker.COD, Marker.COC):
            styles.read(reader, segment, len(main.size.components))
    if reader.read(position, 2) != Marker.SOD.to_bytes(2):
        corrupt(f"{name} has no start of data (SOD) at byte {position:,}")
    if position + 2 > end:
        corrupt(f"the header of {name} is longer than the tile-part")
    return TilePartHeader(
        data=position + 2,
        markers=tuple(markers),
        packet_bytes=packet_bytes if plt_bytes <= MAX_PACKET_LENGTH_BYTES else None,
        styles=styles.over(main.styles) if styles.are_any else None,
    )


def _end_of_open_part(reader: FileReader, data: int, codestream_end: int) -> int:
    """Where a tile-part of open length (Psot 0) ends: at the first marker that packets cannot hold, or at the end.

    Within packets a byte after FF is below 90, but for SOP and EPH, and none ends in FF (A.1.1, B.10.1).
    """
    position = data
    last = b""
    while position < codestream_end and (
        block := reader.read(position, min(_SCAN_BYTES, codestream_end - position))
    ):
        at = _find_delimiter(last + block)
        if at is not None:
            end = position - len(last) + at
            if reader.read(end, 2) != Marker.EOC.to_bytes(2):
                corrupt(f"a tile-part of open length is not the last: another marker follows at byte {end:,}")
            return end
        last = block[-1:]
        position += len(block)
    return codestream_end - (last == b"\xff")


def _find_delimiter(block: bytes) -> int | None:
    at = block.find(b"\xff")
    while 0 <= at < len(block) - 1:
        following = block[at + 1]
        if following >= 0x90 and following not in (0x91, 0x92, 0xFF):
            return at
        at = block.find(b"\xff", at + 1)
    return None


def _check_order(part: TilePart, found: dict[int, int], tiles: int) -> None:
    if part.tile >= tiles:
        corrupt(f"a tile-part at byte {part.start:,} names tile {part.tile} of {tiles}")
    expected = found.get(part.tile, 0)
    if part.index != expected:
        corrupt(f"{part.name} comes where its tile-part {expected} should: one is missing or out of order")


def _check_tiles(reader: FileReader, tiles: int, found: dict[int, int]) -> None:
    if len(found) < tiles:
        missing = next(tile for tile in range(tiles) if tile not in found)
        truncated(
            reader, f"{tiles - len(found):,} of {tiles:,} tiles are missing, the first of them tile {missing}"
        )


def _check_packets(
    reader: FileReader, main: MainHeader, packets: Packets, found: dict[int, int], promised: dict[int, int]
) -> list[str]:
    """The packets' warnings. Fewer tile-parts than a tile states are enough if every packet was followed to its end."""
    short = next((tile for tile, count in promised.items() if found[tile] < count), None)
    warnings: list[str] = []
    try:
        warnings = packets.check(reader, main)
    except ImageError:
        if short is None:
            raise
    if short is not None and not packets.are_all_there:
        truncated(reader, f"tile {short} has {found[short]} of its {promised[short]} tile-parts")
    return warnings


class _StatedCount(NamedTuple):
    """What one tile-part states of its tile: there can be a million of them."""

    tile: int
    start: int
    stated: int
    """TNsot."""


def _check_counts(counts: list[_StatedCount], found: dict[int, int], chain: TilePartChain) -> list[Patch]:
    """TNsot against the tile-parts that are there; patches that state the right number.

    Adobe's plug-in numbers the tile-parts from 0 to N under TNsot N. From 2.5.3 on, OpenJPEG then leaves the last one
    out, which holds the finest resolution, without an error.
    """
    more = {part.tile for part in counts if 0 < part.stated < found[part.tile]}
    if more:
        chain.warnings.append(
            f"tiles that have more tile-parts than they state (TNsot): {len(more):,}; all are decoded"
        )
    fewer = {part.tile for part in counts if part.stated > found[part.tile]}
    if fewer:
        chain.warnings.append(
            f"tiles that have fewer tile-parts than they state (TNsot): {len(fewer):,}; every packet is there"
        )
    # A count may be left out (0). OpenJPEG's index of what it has read then has holes, and without a count and a
    # length it finds no end of the last tile, if it decodes tile by tile.
    patches = [
        Patch(part.start + _TNSOT_OFFSET, bytes([found[part.tile]]))
        for part in counts
        if part.stated != found[part.tile] <= _MOST_STATED
    ]
    if chain.is_open and (psot := chain.end - counts[-1].start) < 1 << 32:
        patches.append(Patch(counts[-1].start + _PSOT_OFFSET, psot.to_bytes(4)))
    return patches


def _check_lengths(
    reader: FileReader, main: MainHeader, lengths: list[tuple[int, int]], chain: TilePartChain
) -> list[Patch]:
    """TLM against the tile-parts: writers get it wrong and readers do without it, so a difference is a warning.

    It is an error only if TLM lists more tile-parts and no tile gives the number of its own. From 2.5.3 on, OpenJPEG
    finds tiles by TLM, right or wrong, so patches turn a wrong TLM into a comment.
    """
    listed = main.tile_part_lengths
    if len(listed) > len(lengths) and not chain.is_counted:
        truncated(reader, f"the TLM marker lists {len(listed):,} tile-parts, and {len(lengths):,} are there")
    agrees = len(listed) == len(lengths) and all(
        length == real and tile in (None, real_tile)
        for (tile, length), (real_tile, real) in zip(listed, lengths, strict=True)
    )
    if agrees:
        chain.is_listed = bool(listed)
        return []
    if listed:
        chain.warnings.append("the TLM marker's list of tile-part lengths differs from the tile-parts")
    return [Patch(offset, Marker.COM.to_bytes(2)) for offset in main.length_markers]
