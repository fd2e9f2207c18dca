"""The JP2 Header superbox (ISO/IEC 15444-1 I.5.3): what the samples mean."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field

from engine.jp2.boxes.walk import Box, BoxError, walk
from engine.jp2.errors import corrupt, truncated, unsupported
from engine.jp2.file_reader import Source
from engine.jp2.model import Channel, ChannelKind, Colour, ColourSpace, Palette, Resolution

MAX_PROFILE_BYTES = 255 * 65519
"""What a JPEG's APP2 markers can hold (ICC.1:2022 B.4): a larger profile could not be kept."""

_SPACES = {
    12: ColourSpace.CMYK,
    14: ColourSpace.CIELAB,
    16: ColourSpace.SRGB,
    17: ColourSpace.GREY,
    18: ColourSpace.SYCC,
}
"""EnumCS (ISO/IEC 15444-1 Table I.10, 15444-2 Table M.25)."""

_KINDS = {
    0: ChannelKind.COLOUR,
    1: ChannelKind.OPACITY,
    2: ChannelKind.PREMULTIPLIED,
    65535: ChannelKind.UNSPECIFIED,
}


@dataclass(frozen=True)
class ImageHeaderBox:
    """`ihdr` (I.5.3.1)."""

    width: int
    height: int
    components: int
    bits: int | None
    """None where `bpcc` says it for each component."""
    compression: int


@dataclass(frozen=True)
class ColourBox:
    """A `colr` box (I.5.3.3) with what decides which of several counts."""

    colour: Colour
    precedence: int
    approximation: int
    usable: bool


@dataclass
class Jp2Header:
    """What the superbox said; filled box by box."""

    image: ImageHeaderBox | None = None
    bits_per_component: tuple[int, ...] = ()
    colours: list[ColourBox] = field(default_factory=list)
    palette: _PaletteTable | None = None
    mapping: tuple[tuple[int, int | None], ...] | None = None
    channels: tuple[Channel, ...] = ()
    capture_resolution: Resolution | None = None
    display_resolution: Resolution | None = None
    warnings: list[str] = field(default_factory=list)

    def full_palette(self) -> Palette | None:
        """`pclr` with its `cmap`; CORRUPT when one is without the other (ruled out by I.5.3.4, I.5.3.5)."""
        if self.palette is None:
            if self.mapping is not None:
                corrupt("there is a component mapping (cmap) but no palette (pclr)")
            return None
        if self.mapping is None:
            corrupt("there is a palette (pclr) but no component mapping (cmap)")
        return Palette(self.palette.bits, self.palette.signed, self.palette.table, self.mapping)


@dataclass(frozen=True)
class _PaletteTable:
    bits: tuple[int, ...]
    signed: tuple[bool, ...]
    table: tuple[tuple[int, ...], ...]


def read_jp2_header(source: Source, superbox: Box) -> Jp2Header:
    """Every box of the superbox; raises ImageError where one of them cannot be what it says."""
    found = Jp2Header()
    try:
        for box in walk(source, superbox.content, superbox.end):
            take_header_box(source, box, found)
    except BoxError as error:
        if superbox.is_cut:
            truncated(source, "the file ends inside its JP2 header")
        corrupt(f"the JP2 header's boxes break off: {error}")
    if superbox.is_cut:
        truncated(source, "the file ends inside its JP2 header")
    return found


def take_header_box(source: Source, box: Box, found: Jp2Header) -> None:
    """Reads one box of a header into `found`; of each kind but `colr` the first counts."""
    match box.kind:
        case b"ihdr":
            found.image = found.image or _image_header(content_of(source, box, 14))
        case b"bpcc":
            depths = content_of(source, box, 1, most=16384)
            found.bits_per_component = found.bits_per_component or tuple((b & 0x7F) + 1 for b in depths)
        case b"colr":
            found.colours.append(_colour(source, box, found.warnings))
        case b"pclr":
            found.palette = found.palette or _palette(content_of(source, box, 3, most=2**22))
        case b"cmap":
            found.mapping = found.mapping or _mapping(content_of(source, box, 4, most=4 * 65536))
        case b"cdef":
            found.channels = found.channels or _channels(content_of(source, box, 2, most=2 + 6 * 65536))
        case b"res ":
            _resolutions(source, box, found)


def content_of(source: Source, box: Box, least: int, most: int = 65536) -> bytes:
    """All of a box that holds from `least` to `most` bytes; raises ImageError where it does not."""
    if box.is_cut:
        corrupt(f"the {box.name!r} box reaches beyond the box around it")
    if not least <= box.content_bytes <= most:
        corrupt(f"the {box.name!r} box holds {box.content_bytes:,} bytes, which cannot be")
    data = source.read(box.content, box.content_bytes)
    if len(data) < box.content_bytes:
        truncated(source, f"the file ends inside its {box.name!r} box")
    return data


def _image_header(data: bytes) -> ImageHeaderBox:
    height, width, components, depth, compression = struct.unpack_from(">IIHBB", data)
    return ImageHeaderBox(
        width, height, components, None if depth == 255 else (depth & 0x7F) + 1, compression
    )


def _colour(source: Source, box: Box, warnings: list[str]) -> ColourBox:
    head = _content_head(source, box)
    method, precedence, approximation = struct.unpack_from(">BbB", head)
    if method == 1:
        return _enumerated(head, precedence, approximation)
    if method in (2, 3):
        if box.content_bytes - 3 > MAX_PROFILE_BYTES:
            unsupported(
                f"the ICC profile has {box.content_bytes - 3:,} bytes; a JPEG holds {MAX_PROFILE_BYTES:,}"
            )
        profile = content_of(source, box, 3, most=3 + MAX_PROFILE_BYTES)[3:]
        declared = int.from_bytes(profile[:4])
        if len(profile) < 128 or profile[36:40] != b"acsp":
            warnings.append("a colr box promises an ICC profile and holds none")
            return ColourBox(Colour(ColourSpace.OTHER), precedence, approximation, usable=False)
        if declared > len(profile):
            warnings.append(f"the ICC profile is cut: {len(profile):,} of {declared:,} bytes")
        elif 128 <= declared < len(profile):
            profile = profile[:declared]
        return ColourBox(Colour(ColourSpace.ICC, icc=profile), precedence, approximation, usable=True)
    warnings.append(f"a colr box has the method {method}, which is not read here")
    return ColourBox(Colour(ColourSpace.OTHER), precedence, approximation, usable=False)


def _content_head(source: Source, box: Box) -> bytes:
    if box.content_bytes < 3:
        corrupt(f"the 'colr' box holds {box.content_bytes} bytes, which cannot be")
    return source.read(box.content, min(box.content_bytes, 64))


def _enumerated(head: bytes, precedence: int, approximation: int) -> ColourBox:
    if len(head) < 7:
        corrupt("a colr box ends before the colour space it names")
    (number,) = struct.unpack_from(">I", head, 3)
    rest = head[7 : 7 + (len(head) - 7) // 4 * 4]
    parameters = struct.unpack(f">{len(rest) // 4}I", rest)
    space = _SPACES.get(number, ColourSpace.OTHER)
    colour = Colour(space, enumerated=number, parameters=parameters)
    return ColourBox(colour, precedence, approximation, usable=space is not ColourSpace.OTHER)


def choose_colour(colours: list[ColourBox], by_precedence: bool) -> Colour:
    """The `colr` box that counts.

    Of a JP2 the first (ISO/IEC 15444-1 I.5.3.3) that can be used; of a JPX the one of highest precedence,
    then of best approximation, then the first (15444-2 M.11.7.2).
    """
    usable = [c for c in colours if c.usable]
    if not usable:
        return colours[0].colour if colours else Colour(ColourSpace.UNSPECIFIED)
    if not by_precedence:
        return usable[0].colour
    return min(usable, key=lambda c: (-c.precedence, c.approximation or 255)).colour


def _palette(data: bytes) -> _PaletteTable:
    entries, columns = struct.unpack_from(">HB", data)
    if not 1 <= entries <= 1024 or columns == 0 or len(data) < 3 + columns:
        corrupt(f"the palette claims {entries} entries of {columns} columns")
    depths = data[3 : 3 + columns]
    bits = tuple((depth & 0x7F) + 1 for depth in depths)
    signed = tuple(bool(depth & 0x80) for depth in depths)
    sizes = [-(-b // 8) for b in bits]
    if len(data) < 3 + columns + entries * sum(sizes):
        corrupt(f"the palette holds {len(data):,} bytes, too few for {entries} entries of {columns} columns")
    table: list[tuple[int, ...]] = []
    at = 3 + columns
    for _ in range(entries):
        row: list[int] = []
        for size, is_signed in zip(sizes, signed, strict=True):
            row.append(int.from_bytes(data[at : at + size], signed=is_signed))
            at += size
        table.append(tuple(row))
    return _PaletteTable(bits, signed, tuple(table))


def _mapping(data: bytes) -> tuple[tuple[int, int | None], ...]:
    rows: list[tuple[int, int | None]] = []
    for component, kind, column in struct.iter_unpack(">HBB", data[: len(data) // 4 * 4]):
        if kind > 1:
            corrupt(f"the component mapping has the type {kind}; 0 and 1 exist")
        rows.append((component, column if kind else None))
    return tuple(rows)


def _channels(data: bytes) -> tuple[Channel, ...]:
    (count,) = struct.unpack_from(">H", data)
    if count == 0 or len(data) < 2 + 6 * count:
        corrupt(f"the channel definition claims {count} channels in {len(data)} bytes")
    rows = struct.iter_unpack(">HHH", data[2 : 2 + 6 * count])
    return tuple(Channel(index, _KINDS.get(kind, ChannelKind.UNSPECIFIED), to) for index, kind, to in rows)


def _resolutions(source: Source, superbox: Box, found: Jp2Header) -> None:
    """`resc` and `resd` (I.5.3.7): a broken one costs the density, not the image."""
    try:
        for box in walk(source, superbox.content, superbox.end, limit=16):
            if box.kind in (b"resc", b"resd"):
                resolution = _resolution(source.read(box.content, min(box.content_bytes, 10)))
                if resolution is None:
                    found.warnings.append(
                        f"the resolution in the {box.name!r} box is not a number of pixels per metre"
                    )
                elif box.kind == b"resc":
                    found.capture_resolution = resolution
                else:
                    found.display_resolution = resolution
    except BoxError as error:
        found.warnings.append(f"the resolution box breaks off: {error}")


def _resolution(data: bytes) -> Resolution | None:
    if len(data) < 10:
        return None
    y_over, y_under, x_over, x_under, y_power, x_power = struct.unpack(">HHHHbb", data)
    if not (y_over and y_under and x_over and x_under):
        return None
    return Resolution(x_over / x_under * 10.0**x_power, y_over / y_under * 10.0**y_power)
