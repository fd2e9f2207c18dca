"""The codestream's main header (ISO/IEC 15444-1 Annex A): SIZ, COD and what else matters to a decoder."""

from __future__ import annotations

from msgspec import Struct

from engine.jp2.codestream.coding_style import CodingStyle, StyleMarkers, Styles
from engine.jp2.codestream.marker_segments import Marker, Parameters, segments
from engine.jp2.errors import corrupt, truncated, unsupported
from engine.jp2.file_reader import FileReader
from engine.jp2.header import Area, Component, ReferenceGrid

SIGNATURE = b"\xff\x4f\xff\x51"
"""SOC and SIZ, with which every codestream begins."""

MAX_COMPONENTS = 16384
MAX_TILES = 65535
MAX_BITS = 38
DECODER_BITS = 31
"""OpenJPEG keeps samples in 32-bit integers and refuses more bits than this."""

_IMPLAUSIBLE_PIXELS = 2**32
_IMPLAUSIBLE_PIXELS_PER_BYTE = 10_000
"""Both exceeded: more pixels than the largest JPEG holds, in a file so small that it can only be one flat colour."""

_LATIN_1 = 1
"""Rcom of a text (Table A.44)."""
_MOST_COMMENTS = 4
_MOST_COMMENT_BYTES = 200

_HIGH_THROUGHPUT = 0x00020000
"""Pcap bit 15 counted from the top: Part 15, HTJ2K (ISO/IEC 15444-15 A.3)."""


class ImageSize(Struct, frozen=True):
    """The SIZ marker segment (A.5.1)."""

    capabilities: int
    """Rsiz."""
    grid: ReferenceGrid
    components: tuple[Component, ...]

    @property
    def asks_for_part_2(self) -> bool:
        """Of extensions in ISO/IEC 15444-2; without its bit 14, which 15444-15 has."""
        return bool(self.capabilities & 0x8000)


class MainHeader(Struct, frozen=True):
    size: ImageSize
    styles: Styles
    first_tile_part: int
    """Offset of the first SOT in the file."""
    markers: frozenset[int]
    """The kinds of marker segment that it has."""
    tile_part_lengths: tuple[tuple[int | None, int], ...]
    """TLM: for each tile-part in order its tile (None if TLM names none) and its length in bytes."""
    length_markers: tuple[int, ...]
    """Offsets of the TLM marker segments in the file."""
    warnings: tuple[str, ...]
    comments: tuple[str, ...] = ()
    """The beginnings of the first texts in COM."""

    @property
    def style(self) -> CodingStyle:
        """COD."""
        return self.styles.style


def read_main_header(reader: FileReader, start: int) -> MainHeader:
    """The main header of the codestream that begins at `start`.

    Raises ImageError: TRUNCATED if the file ends before the first tile-part, CORRUPT for values that the standard
    does not allow, UNSUPPORTED for values that OpenJPEG does not.
    """
    signature = reader.read(start, 4)
    if signature != SIGNATURE:
        if SIGNATURE.startswith(signature):
            truncated(reader, "the file ends where the codestream begins")
        corrupt(f"the codestream at byte {start:,} begins with {signature.hex(' ')}, not with SOC and SIZ")
    size: ImageSize | None = None
    styles = StyleMarkers()
    markers: set[int] = set()
    lengths: list[tuple[int | None, int]] = []
    length_markers: list[int] = []
    warnings: list[str] = []
    comments: list[str] = []
    position = start + 2
    # All of them first: an extension that is named last may explain a value in COD.
    for segment in list(segments(reader, position)):
        position = segment.end
        parameters = Parameters(reader, segment)
        markers.add(segment.marker)
        match segment.marker:
            case Marker.SIZ:
                size = size or _parse_size(parameters)
                styles.part_2 = size.asks_for_part_2
            case Marker.COD | Marker.COC:
                styles.read(reader, segment, len(size.components) if size else MAX_COMPONENTS)
            case Marker.CAP:
                _check_capabilities(parameters)
            case Marker.TLM:
                length_markers.append(segment.offset)
                lengths += _parse_lengths(parameters, warnings)
            case Marker.COM if len(comments) < _MOST_COMMENTS:
                comments += _parse_comment(parameters)
    if size is None or styles.style is None or Marker.QCD not in markers:
        missing = "SIZ" if size is None else "COD" if styles.style is None else "QCD"
        corrupt(f"the main header has no {missing} marker")
    _check_plausible(size, reader.size)
    if size.asks_for_part_2:
        warnings.append(f"the codestream asks for extensions of Part 2 (Rsiz {size.capabilities:#06x})")
    return MainHeader(
        size=size,
        styles=Styles(styles.style, styles.components),
        first_tile_part=position,
        markers=frozenset(markers),
        tile_part_lengths=tuple(lengths),
        length_markers=tuple(length_markers),
        warnings=tuple(warnings),
        comments=tuple(comments),
    )


def _parse_size(parameters: Parameters) -> ImageSize:
    capabilities, x1, y1, x0, y0, tile_width, tile_height, tile_x0, tile_y0, count = parameters.unpack(
        ">H8IH"
    )
    if not 1 <= count <= MAX_COMPONENTS:
        corrupt(f"SIZ claims {count:,} components; 1 to {MAX_COMPONENTS:,} are possible")
    if parameters.size != 36 + 3 * count:
        corrupt(f"SIZ is {parameters.size + 2} bytes long, which does not fit {count:,} components")
    if x1 <= x0 or y1 <= y0:
        corrupt(f"SIZ claims an image area without pixels: {x0},{y0} to {x1},{y1}")
    if tile_width == 0 or tile_height == 0:
        corrupt(f"SIZ claims tiles of {tile_width} × {tile_height} pixels")
    if tile_x0 > x0 or tile_y0 > y0 or tile_x0 + tile_width <= x0 or tile_y0 + tile_height <= y0:
        corrupt(
            f"SIZ puts the first tile, {tile_width:,} × {tile_height:,} at {tile_x0:,},{tile_y0:,}, "
            f"outside the image area that begins at {x0:,},{y0:,}"
        )
    raw = parameters.unpack(f">{3 * count}B", at=36)
    components = tuple(
        _component(at // 3, raw[at], raw[at + 1], raw[at + 2], (x0, y0, x1, y1))
        for at in range(0, len(raw), 3)
    )
    grid = ReferenceGrid(x0, y0, x1, y1, tile_width, tile_height, tile_x0, tile_y0)
    return ImageSize(capabilities, grid, components)


def _component(index: int, depth: int, dx: int, dy: int, area: Area) -> Component:
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


def _check_capabilities(parameters: Parameters) -> None:
    """CAP (A.5.2): what a decoder needs beyond Part 1; OpenJPEG has Part 15, HT code-blocks, and no other."""
    (needed,) = parameters.unpack(">I")
    if others := needed & ~_HIGH_THROUGHPUT:
        parts = ", ".join(str(part) for part in range(1, 33) if others & (1 << (32 - part)))
        unsupported(f"the codestream needs capabilities of ISO/IEC 15444 part {parts}")


def _parse_lengths(parameters: Parameters, warnings: list[str]) -> list[tuple[int | None, int]]:
    """TLM (A.7.1): the lengths of all tile-parts."""
    _, sizes = parameters.unpack(">BB")
    tile_bytes, length_bytes = (sizes >> 4) & 3, 4 if sizes & 0x40 else 2
    entry = tile_bytes + length_bytes
    count, rest = divmod(parameters.size - 2, entry)
    if tile_bytes == 3 or rest:
        warnings.append("the TLM marker does not read as a list of tile-part lengths")
        return []
    layout = ">" + ("", "B", "H")[tile_bytes] + ("I" if length_bytes == 4 else "H")
    found = [parameters.unpack(layout, at=2 + index * entry) for index in range(count)]
    return [(values[0] if tile_bytes else None, values[-1]) for values in found]


def _parse_comment(parameters: Parameters) -> list[str]:
    """COM (A.9.2): the beginning of a text, which is Latin-1; nothing for binary data."""
    if parameters.size < 3 or parameters.unpack(">H") != (_LATIN_1,):
        return []
    count = min(parameters.size - 2, _MOST_COMMENT_BYTES)
    return [bytes(parameters.unpack(f">{count}B", at=2)).decode("latin-1")]


def _check_plausible(size: ImageSize, file_bytes: int) -> None:
    """Refuses sizes that no real image has, before any memory is taken for them."""
    grid = size.grid
    if grid.tiles > MAX_TILES:
        corrupt(f"SIZ claims {grid.tiles_across:,} × {grid.tiles_down:,} tiles; {MAX_TILES:,} are possible")
    pixels = grid.width * grid.height
    if pixels > _IMPLAUSIBLE_PIXELS and pixels > _IMPLAUSIBLE_PIXELS_PER_BYTE * file_bytes:
        corrupt(
            f"the header promises {grid.width:,} × {grid.height:,} pixels in a file of {file_bytes:,} bytes"
        )
