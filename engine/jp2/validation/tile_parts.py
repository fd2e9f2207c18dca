"""The chain of tile-parts (ISO/IEC 15444-1 A.4), followed from length to length."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from engine.jp2.codestream.coding_style import StyleMarkers, Styles
from engine.jp2.codestream.main_header import ImageSize, MainHeader
from engine.jp2.codestream.marker_segments import Marker, segments
from engine.jp2.errors import corrupt, truncated
from engine.jp2.file_reader import Source
from engine.jp2.validation.packets import Packets, sum_of_lengths

MAX_TILE_PARTS = 1_000_000
"""More than any file at hand or any profile has; the walk ends here instead of taking minutes."""

MAX_SEGMENTS = 1_000_000
"""Marker segments in all tile-part headers together."""

MAX_PACKET_LENGTH_BYTES = 2 * 1024 * 1024
"""PLT marker segments are added up to this many bytes, a fraction of a second; beyond they are left out."""

_SOT_BYTES = 12
_SCAN_BYTES = 1024 * 1024


@dataclass(frozen=True)
class Heading:
    """A tile-part's header: what stands between SOT and SOD."""

    data: int
    """Offset of the first byte after SOD."""
    markers: tuple[int, ...] = ()
    packet_bytes: int | None = None
    """What the PLT marker segments add up to; None without them."""
    styles: Styles | None = None
    """Where it has COD or COC of its own, how the tile is coded."""


@dataclass(frozen=True)
class TilePart:
    """One tile-part; offsets in bytes from the start of the file."""

    tile: int
    """Isot."""
    index: int
    """TPsot."""
    count: int
    """TNsot: how many tile-parts the tile has; 0 where it is not said here."""
    start: int
    end: int
    heading: Heading

    @property
    def name(self) -> str:
        return f"tile-part {self.index} of tile {self.tile}"


@dataclass
class Chain:
    """What the walk found."""

    start: int
    """The first tile-part, where the main header ends."""
    tile_parts: int = 0
    segments: int = 0
    """Marker segments in all tile-part headers."""
    has_packet_lengths: bool = False
    is_counted: bool = True
    """Every tile said how many tile-parts it has."""
    end: int = 0
    """Where the last tile-part ends."""
    warnings: list[str] = field(default_factory=list)


def walk_chain(source: Source, main: MainHeader, codestream_end: int) -> Chain:
    """Follows the chain to its end and counts tiles and tile-parts.

    `codestream_end` is where the codestream's box says it ends, or the end of the file. Raises ImageError:
    TRUNCATED where bytes, tiles or tile-parts are missing, CORRUPT where the chain leads to no tile-part and
    no EOC.
    """
    chain = Chain(main.first_tile_part, end=main.first_tile_part)
    found: dict[int, int] = {}
    promised: dict[int, int] = {}
    lengths: list[tuple[int, int]] = []
    packets = Packets()
    for part in tile_parts(source, main, codestream_end):
        heading = part.heading
        _check_order(part, found, main.size)
        found[part.tile] = part.index + 1
        promised[part.tile] = max(part.count, promised.get(part.tile, 0))
        packets.add(
            part.tile, (heading.data, part.end), heading.packet_bytes, heading.markers, heading.styles
        )
        lengths.append((part.tile, part.end - part.start))
        chain.end = part.end
        chain.segments += len(heading.markers)
        if chain.segments > MAX_SEGMENTS:
            corrupt(f"more than {MAX_SEGMENTS:,} marker segments in the tile-part headers")
    chain.tile_parts = len(lengths)
    chain.is_counted = all(promised.values())
    _check_complete(source, main.size, found, promised)
    chain.has_packet_lengths = packets.are_told
    chain.warnings += packets.check(source, main)
    _check_lengths(source, main, lengths, chain)
    return chain


def tile_parts(source: Source, main: MainHeader, codestream_end: int) -> Iterator[TilePart]:
    """Each in turn, to the end of the chain; raises ImageError TRUNCATED or CORRUPT where it breaks off."""
    position = main.first_tile_part
    for _ in range(MAX_TILE_PARTS):
        marker = source.read(position, 2)
        if marker != Marker.SOT.to_bytes(2):
            if position == main.first_tile_part:
                corrupt("there is no tile-part after the main header")
            if position != codestream_end:
                _check_chain_end(source, marker, position)
            return
        part = _tile_part_at(source, main, position)
        yield part
        position = part.end
    corrupt(f"more than {MAX_TILE_PARTS:,} tile-parts")


def _tile_part_at(source: Source, main: MainHeader, start: int) -> TilePart:
    head = source.read(start, _SOT_BYTES)
    if len(head) < _SOT_BYTES:
        truncated(source, f"the file ends inside the tile-part header at byte {start:,}")
    length = int.from_bytes(head[2:4])
    tile = int.from_bytes(head[4:6])
    psot = int.from_bytes(head[6:10])
    index, count = head[10], head[11]
    name = f"tile-part {index} of tile {tile}"
    if length != 10:
        corrupt(f"the SOT marker at byte {start:,} has the length {length}, not 10")
    if psot == _SOT_BYTES:
        # Empty, without even an SOD: against the standard, and harmless; OpenJPEG steps over it.
        return TilePart(tile, index, count, start, start + psot, Heading(start + psot))
    if psot != 0 and psot < _SOT_BYTES + 2:
        corrupt(f"{name} claims a length of {psot} bytes")
    end = start + psot
    if end > source.size:
        truncated(source, f"{name} ends at byte {end:,}, beyond the end of the file")
    heading = _read_heading(source, main, start, end if psot else source.size, name)
    if psot == 0:
        end = _end_of_open_part(source, heading.data)
    return TilePart(tile, index, count, start, end, heading)


def _read_heading(source: Source, main: MainHeader, start: int, end: int, name: str) -> Heading:
    position = start + _SOT_BYTES
    markers: list[int] = []
    packet_bytes: int | None = None
    styles = StyleMarkers()
    looked_at = 0
    for segment in segments(source, position):
        markers.append(segment.marker)
        position = segment.end
        if segment.marker == Marker.PLT and looked_at <= MAX_PACKET_LENGTH_BYTES:
            looked_at += segment.length
            lengths = source.read(segment.offset + 5, segment.length - 3)
            packet_bytes = (packet_bytes or 0) + sum_of_lengths(lengths)
        elif segment.marker in (Marker.COD, Marker.COC):
            styles.take(source, segment, len(main.size.components))
    if source.read(position, 2) != Marker.SOD.to_bytes(2):
        corrupt(f"{name} has no start of data (SOD) at byte {position:,}")
    if position + 2 > end:
        corrupt(f"the header of {name} is longer than the tile-part")
    return Heading(
        data=position + 2,
        markers=tuple(markers),
        packet_bytes=packet_bytes if looked_at <= MAX_PACKET_LENGTH_BYTES else None,
        styles=styles.over(main.styles) if styles.are_any else None,
    )


def _end_of_open_part(source: Source, data: int) -> int:
    """Where a tile-part of unsaid length (Psot 0) ends: at the first marker that packets cannot hold.

    Within packets a byte after FF is below 90, but for SOP and EPH (A.1.1, B.10.1). TRUNCATED without one.
    """
    position = data
    last = b""
    while position < source.size and (block := source.read(position, _SCAN_BYTES)):
        at = _find_delimiter(last + block)
        if at is not None:
            end = position - len(last) + at
            if source.read(end, 2) != Marker.EOC.to_bytes(2):
                corrupt(
                    f"a tile-part of unsaid length is not the last: another marker follows at byte {end:,}"
                )
            return end
        last = block[-1:]
        position += len(block)
    return truncated(source, "the last tile-part, of unsaid length, is not ended by an end marker (EOC)")


def _find_delimiter(block: bytes) -> int | None:
    at = block.find(b"\xff")
    while 0 <= at < len(block) - 1:
        following = block[at + 1]
        if following >= 0x90 and following not in (0x91, 0x92, 0xFF):
            return at
        at = block.find(b"\xff", at + 1)
    return None


def _check_chain_end(source: Source, marker: bytes, position: int) -> None:
    """After the last tile-part come EOC or nothing; anything else means that a length led astray."""
    if marker in (b"", b"\xff", Marker.EOC.to_bytes(2)):
        return
    if not source.read(position, 4096).strip(b"\x00"):
        truncated(source, f"from byte {position:,} on there are only zeros instead of tile-parts and EOC")
    corrupt(
        f"the tile-part that should end at byte {position:,} is followed by {marker.hex(' ')} there, "
        "neither a tile-part nor the end marker (EOC)"
    )


def _check_order(part: TilePart, found: dict[int, int], size: ImageSize) -> None:
    tiles = size.tiles_across * size.tiles_down
    if part.tile >= tiles:
        corrupt(f"a tile-part at byte {part.start:,} names tile {part.tile} of {tiles}")
    expected = found.get(part.tile, 0)
    if part.index != expected:
        corrupt(f"{part.name} comes where its tile-part {expected} should: one is missing or out of order")


def _check_complete(source: Source, size: ImageSize, found: dict[int, int], promised: dict[int, int]) -> None:
    tiles = size.tiles_across * size.tiles_down
    if len(found) < tiles:
        missing = next(tile for tile in range(tiles) if tile not in found)
        truncated(
            source, f"{tiles - len(found):,} of {tiles:,} tiles are missing, the first of them tile {missing}"
        )
    for tile, count in promised.items():
        if found[tile] < count:
            truncated(source, f"tile {tile} has {found[tile]} of its {count} tile-parts")


def _check_lengths(source: Source, main: MainHeader, lengths: list[tuple[int, int]], chain: Chain) -> None:
    """TLM against what is there: writers get it wrong and readers do without, so it is a warning.

    It counts where nobody else does: when no tile says how many tile-parts it has.
    """
    said = main.tile_part_lengths
    if len(said) > len(lengths) and not chain.is_counted:
        truncated(source, f"the TLM marker lists {len(said):,} tile-parts, and {len(lengths):,} are there")
    agrees = len(said) == len(lengths) and all(
        length == real and tile in (None, real_tile)
        for (tile, length), (real_tile, real) in zip(said, lengths, strict=True)
    )
    if said and not agrees:
        chain.warnings.append("the TLM marker's list of tile-part lengths differs from the tile-parts")
