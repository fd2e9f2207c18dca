"""The codestream's main header (ISO/IEC 15444-1 Annex A): SIZ, COD and what else decides how to decode."""

from __future__ import annotations

from dataclasses import dataclass

from engine.jp2.codestream.coding_style import CodingStyle, StyleMarkers, Styles
from engine.jp2.codestream.marker_segments import Body, Marker, segments
from engine.jp2.errors import corrupt, truncated, unsupported
from engine.jp2.file_reader import Source
from engine.jp2.model import Component

SIGNATURE = b"\xff\x4f\xff\x51"
"""SOC and SIZ: how every codestream begins."""

MAX_COMPONENTS = 16384
MAX_TILES = 65535
MAX_BITS = 38
DECODER_BITS = 31
"""OpenJPEG keeps samples in 32-bit integers and refuses more than this."""

_IMPLAUSIBLE_PIXELS = 2**32
_IMPLAUSIBLE_PIXELS_PER_BYTE = 10_000
"""Together: more than the largest JPEG holds, out of a file that could only be one flat colour."""

_HIGH_THROUGHPUT = 0x00020000
"""Pcap bit 15 counted from the top: Part 15, HTJ2K (ISO/IEC 15444-15 A.3)."""


@dataclass(frozen=True)
class ImageSize:
    """The SIZ marker segment (A.5.1)."""

    capabilities: int
    x0: int
    y0: int
    x1: int
    y1: int
    tile_width: int
    tile_height: int
    tile_x0: int
    tile_y0: int
    components: tuple[Component, ...]

    @property
    def tiles_across(self) -> int:
        return -(-(self.x1 - self.tile_x0) // self.tile_width)

    @property
    def tiles_down(self) -> int:
        return -(-(self.y1 - self.tile_y0) // self.tile_height)


@dataclass(frozen=True)
class MainHeader:
    size: ImageSize
    styles: Styles
    first_tile_part: int
    """Offset of the first SOT in the file."""
    markers: frozenset[int]
    """Which marker segments there are."""
    tile_part_lengths: tuple[tuple[int | None, int], ...]
    """TLM: for each tile-part in order its tile (None where not told) and its length in bytes."""
    warnings: tuple[str, ...]

    @property
    def style(self) -> CodingStyle:
        """COD."""
        return self.styles.style


def read_main_header(source: Source, start: int) -> MainHeader:
    """The main header of the codestream that begins at `start`.

    Raises ImageError: TRUNCATED where the file ends before the first tile-part, CORRUPT for values the
    standard does not allow, UNSUPPORTED for those the decoder does not.
    """
    signature = source.read(start, 4)
    if signature != SIGNATURE:
        if SIGNATURE.startswith(signature):
            truncated(source, "the file ends where the codestream begins")
        corrupt(f"the codestream at byte {start:,} begins with {signature.hex(' ')}, not with SOC and SIZ")
    size: ImageSize | None = None
    styles = StyleMarkers()
    markers: set[int] = set()
    lengths: list[tuple[int | None, int]] = []
    warnings: list[str] = []
    position = start + 2
    for segment in segments(source, position):
        position = segment.end
        body = Body(source, segment)
        markers.add(segment.marker)
        match segment.marker:
            case Marker.SIZ:
                size = size or _parse_size(body)
            case Marker.COD | Marker.COC:
                styles.take(source, segment, len(size.components) if size else MAX_COMPONENTS)
            case Marker.CAP:
                _check_capabilities(body)
            case Marker.TLM:
                lengths += _parse_lengths(body, warnings)
    if size is None or styles.style is None or Marker.QCD not in markers:
        missing = "SIZ" if size is None else "COD" if styles.style is None else "QCD"
        corrupt(f"the main header has no {missing} marker")
    check_plausible(size, source.size)
    if size.capabilities & 0x8000:
        warnings.append(f"the codestream asks for extensions of Part 2 (Rsiz {size.capabilities:#06x})")
    return MainHeader(
        size=size,
        styles=Styles(styles.style, styles.components),
        first_tile_part=position,
        markers=frozenset(markers),
        tile_part_lengths=tuple(lengths),
        warnings=tuple(warnings),
    )


def _parse_size(body: Body) -> ImageSize:
    capabilities, x1, y1, x0, y0, tile_width, tile_height, tile_x0, tile_y0, count = body.unpack(">H8IH")
    if not 1 <= count <= MAX_COMPONENTS:
        corrupt(f"SIZ claims {count:,} components; 1 to {MAX_COMPONENTS:,} are possible")
    if body.size != 36 + 3 * count:
        corrupt(f"SIZ is {body.size + 2} bytes long, which does not fit {count:,} components")
    if x1 <= x0 or y1 <= y0:
        corrupt(f"SIZ claims an image area without pixels: {x0},{y0} to {x1},{y1}")
    if tile_width == 0 or tile_height == 0:
        corrupt(f"SIZ claims tiles of {tile_width} × {tile_height} pixels")
    if tile_x0 > x0 or tile_y0 > y0 or tile_x0 + tile_width <= x0 or tile_y0 + tile_height <= y0:
        corrupt(
            f"SIZ puts the first tile, {tile_width:,} × {tile_height:,} at {tile_x0:,},{tile_y0:,}, "
            f"outside the image area that begins at {x0:,},{y0:,}"
        )
    raw = body.unpack(f">{3 * count}B", at=36)
    area = (x0, y0, x1, y1)
    components = tuple(
        _component(at // 3, raw[at], raw[at + 1], raw[at + 2], area) for at in range(0, len(raw), 3)
    )
    return ImageSize(capabilities, x0, y0, x1, y1, tile_width, tile_height, tile_x0, tile_y0, components)


def _component(index: int, depth: int, dx: int, dy: int, area: tuple[int, int, int, int]) -> Component:
    bits = (depth & 0x7F) + 1
    if dx == 0 or dy == 0:
        corrupt(f"SIZ gives component {index} the subsampling {dx} × {dy}")
    if bits > MAX_BITS:
        corrupt(f"SIZ gives component {index} {bits} bits; {MAX_BITS} are possible")
    if bits > DECODER_BITS:
        unsupported(f"component {index} has {bits} bits; the decoder takes {DECODER_BITS}")
    x0, y0, x1, y1 = area
    width = -(-x1 // dx) + (-x0 // dx)
    height = -(-y1 // dy) + (-y0 // dy)
    if width <= 0 or height <= 0:
        corrupt(f"component {index}, subsampled {dx} × {dy}, has no samples in the image area")
    return Component(width, height, dx, dy, bits, bool(depth & 0x80))


def _check_capabilities(body: Body) -> None:
    """CAP (A.5.2): what beyond Part 1 a decoder must know; OpenJPEG knows Part 15, HT code-blocks, only."""
    (needed,) = body.unpack(">I")
    if others := needed & ~_HIGH_THROUGHPUT:
        parts = ", ".join(str(part) for part in range(1, 33) if others & (1 << (32 - part)))
        unsupported(f"the codestream needs capabilities of ISO/IEC 15444 part {parts}")


def _parse_lengths(body: Body, warnings: list[str]) -> list[tuple[int | None, int]]:
    """TLM (A.7.1): the lengths of all tile-parts, for those who look them up."""
    _, sizes = body.unpack(">BB")
    tile_bytes, length_bytes = (sizes >> 4) & 3, 4 if sizes & 0x40 else 2
    entry = tile_bytes + length_bytes
    count, rest = divmod(body.size - 2, entry)
    if tile_bytes == 3 or rest:
        warnings.append("the TLM marker does not read as a list of tile-part lengths")
        return []
    layout = ">" + ("", "B", "H")[tile_bytes] + ("I" if length_bytes == 4 else "H")
    found = [body.unpack(layout, at=2 + index * entry) for index in range(count)]
    return [(values[0] if tile_bytes else None, values[-1]) for values in found]


def check_plausible(size: ImageSize, file_bytes: int) -> None:
    """Refuses what no honest file says, before anything is allocated for it."""
    tiles = size.tiles_across * size.tiles_down
    if tiles > MAX_TILES:
        corrupt(f"SIZ claims {size.tiles_across:,} × {size.tiles_down:,} tiles; {MAX_TILES:,} are possible")
    width, height = size.x1 - size.x0, size.y1 - size.y0
    pixels = width * height
    if pixels > _IMPLAUSIBLE_PIXELS and pixels > _IMPLAUSIBLE_PIXELS_PER_BYTE * file_bytes:
        corrupt(f"the header promises {width:,} × {height:,} pixels in a file of {file_bytes:,} bytes")
