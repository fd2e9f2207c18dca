"""The JP2 Header superbox (ISO/IEC 15444-1 I.5.3): size, depth, colour, palette, channels and resolution."""

from __future__ import annotations

import struct

from msgspec import Struct, field, structs

from engine.jp2.boxes.palette import read_palette
from engine.jp2.boxes.walk import Box, BoxError, content_of, walk
from engine.jp2.errors import corrupt, truncated, unsupported
from engine.jp2.file_reader import FileReader
from engine.jp2.header import ChannelDefinition, ChannelKind, Colour, ColourSpace, Palette, Resolution
from engine.jp2.icc import read_profile

MAX_PROFILE_BYTES = 255 * 65519
"""What a JPEG's APP2 markers can hold (ICC.1:2022 B.4): a larger profile cannot be kept."""

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


class ImageHeaderBox(Struct, frozen=True):
    """`ihdr` (I.5.3.1)."""

    width: int
    height: int
    components: int
    bits: int | None
    """None if `bpcc` gives them for each component."""
    compression: int


class ColourBox(Struct, frozen=True):
    """A `colr` box (I.5.3.3), with the fields that decide which one of several counts."""

    colour: Colour
    precedence: int
    approximation: int
    usable: bool


class Jp2Header(Struct):
    """The content of the superbox, filled box by box; of each kind but `colr` the first counts."""

    superbox: Box | None = None
    boxes: list[Box] = field(default_factory=list)
    """All of them in their order, also those whose content is not read."""
    sound_resolutions: list[Box] = field(default_factory=list)
    """The `res ` boxes that hold resolutions and nothing else."""
    image: ImageHeaderBox | None = None
    bits_per_component: tuple[int, ...] = ()
    colours: list[ColourBox] = field(default_factory=list)
    palette: Palette | None = None
    """Without its mapping."""
    mapping: tuple[tuple[int, int | None], ...] | None = None
    channels: tuple[ChannelDefinition, ...] = ()
    capture_resolution: Resolution | None = None
    display_resolution: Resolution | None = None
    warnings: list[str] = field(default_factory=list)

    def full_palette(self) -> Palette | None:
        """`pclr` with its `cmap`; CORRUPT if one is without the other, which I.5.3.4 and I.5.3.5 rule out."""
        if self.palette is None:
            if self.mapping is not None:
                corrupt("there is a component mapping (cmap) but no palette (pclr)")
            return None
        if self.mapping is None:
            corrupt("there is a palette (pclr) but no component mapping (cmap)")
        return structs.replace(self.palette, mapping=self.mapping)


def read_jp2_header(reader: FileReader, superbox: Box) -> Jp2Header:
    """Reads the superbox; raises ImageError if a box in it cannot be sound."""
    found = Jp2Header(superbox)
    try:
        for box in walk(reader, superbox.content, superbox.end):
            found.boxes.append(box)
            read_header_box(reader, box, found)
    except BoxError as error:
        if superbox.is_cut:
            truncated(reader, "the file ends inside its JP2 header")
        corrupt(f"the JP2 header's boxes break off: {error}")
    if superbox.is_cut:
        truncated(reader, "the file ends inside its JP2 header")
    return found


def read_header_box(reader: FileReader, box: Box, found: Jp2Header) -> None:
    """Reads one box of a header into `found`."""
    match box.kind:
        case b"ihdr":
            found.image = found.image or _image_header(content_of(reader, box, 14))
        case b"bpcc":
            depths = content_of(reader, box, 1, most=16384)
            found.bits_per_component = found.bits_per_component or tuple((b & 0x7F) + 1 for b in depths)
        case b"colr":
            found.colours.append(_colour(reader, box, found.warnings))
        case b"pclr":
            found.palette = found.palette or read_palette(
                content_of(reader, box, 3, most=2**22), found.warnings
            )
        case b"cmap":
            found.mapping = found.mapping or _mapping(content_of(reader, box, 4, most=4 * 65536))
        case b"cdef":
            found.channels = found.channels or _channels(content_of(reader, box, 2, most=2 + 6 * 65536))
        case b"res ":
            _read_resolutions(reader, box, found)


def _image_header(data: bytes) -> ImageHeaderBox:
    height, width, components, depth, compression = struct.unpack_from(">IIHBB", data)
    return ImageHeaderBox(
        width, height, components, None if depth == 255 else (depth & 0x7F) + 1, compression
    )


def _colour(reader: FileReader, box: Box, warnings: list[str]) -> ColourBox:
    head = _content_head(reader, box)
    method, precedence, approximation = struct.unpack_from(">BbB", head)
    if method == 1:
        return _enumerated(head, precedence, approximation)
    if method in (2, 3):
        if box.content_bytes - 3 > MAX_PROFILE_BYTES:
            unsupported(
                f"the ICC profile has {box.content_bytes - 3:,} bytes; a JPEG holds {MAX_PROFILE_BYTES:,}"
            )
        profile = content_of(reader, box, 3, most=3 + MAX_PROFILE_BYTES)[3:]
        declared = int.from_bytes(profile[:4])
        if len(profile) < 128 or profile[36:40] != b"acsp":
            warnings.append("a colr box promises an ICC profile and holds none")
            return ColourBox(Colour(ColourSpace.OTHER), precedence, approximation, usable=False)
        if declared > len(profile):
            warnings.append(f"the ICC profile is cut: {len(profile):,} of {declared:,} bytes")
        elif 128 <= declared < len(profile):
            profile = profile[:declared]
        known = read_profile(profile)
        is_usable = known is not None and known.describes_samples and known.space in ("GRAY", "RGB", "CMYK")
        return ColourBox(Colour(ColourSpace.ICC, icc=profile), precedence, approximation, is_usable)
    warnings.append(f"a colr box has the method {method}, which is not read here")
    return ColourBox(Colour(ColourSpace.OTHER), precedence, approximation, usable=False)


def _content_head(reader: FileReader, box: Box) -> bytes:
    if box.content_bytes < 3:
        corrupt(f"the 'colr' box holds {box.content_bytes} bytes, which cannot be")
    return reader.read(box.content, min(box.content_bytes, 64))


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

    In a JP2 it is the first that can be used (ISO/IEC 15444-1 I.5.3.3); in a JPX the one of highest precedence,
    then of best approximation, then the first (15444-2 M.11.7.2).
    """
    usable = [c for c in colours if c.usable]
    if not usable:
        return colours[0].colour if colours else Colour(ColourSpace.UNSPECIFIED)
    if not by_precedence:
        return usable[0].colour
    return min(usable, key=lambda c: (-c.precedence, c.approximation or 255)).colour


def _mapping(data: bytes) -> tuple[tuple[int, int | None], ...]:
    rows: list[tuple[int, int | None]] = []
    for component, kind, column in struct.iter_unpack(">HBB", data[: len(data) // 4 * 4]):
        if kind > 1:
            corrupt(f"the component mapping has the type {kind}; 0 and 1 exist")
        rows.append((component, column if kind else None))
    return tuple(rows)


def _channels(data: bytes) -> tuple[ChannelDefinition, ...]:
    (count,) = struct.unpack_from(">H", data)
    if count == 0 or len(data) < 2 + 6 * count:
        corrupt(f"the channel definition claims {count} channels in {len(data)} bytes")
    rows = struct.iter_unpack(">HHH", data[2 : 2 + 6 * count])
    return tuple(
        ChannelDefinition(index, _KINDS.get(kind, ChannelKind.UNSPECIFIED), association)
        for index, kind, association in rows
    )


def _read_resolutions(reader: FileReader, superbox: Box, found: Jp2Header) -> None:
    """`resc` and `resd` (I.5.3.7): a broken one costs the density, not the image."""
    is_sound = True
    try:
        for box in walk(reader, superbox.content, superbox.end, limit=16):
            is_sound &= _read_resolution(reader, box, found)
    except BoxError as error:
        found.warnings.append(f"the resolution box breaks off: {error}")
        return
    if is_sound:
        found.sound_resolutions.append(superbox)


def _read_resolution(reader: FileReader, box: Box, found: Jp2Header) -> bool:
    """Whether the box is a sound resolution."""
    if box.kind not in (b"resc", b"resd"):
        return False
    resolution = _resolution(reader.read(box.content, min(box.content_bytes, 10)))
    if resolution is None:
        found.warnings.append(f"the resolution in the '{box.name}' box is not a number of pixels per metre")
        return False
    if box.kind == b"resc":
        found.capture_resolution = resolution
    else:
        found.display_resolution = resolution
    return box.content_bytes == 10


def _resolution(data: bytes) -> Resolution | None:
    if len(data) < 10:
        return None
    y_over, y_under, x_over, x_under, y_power, x_power = struct.unpack(">HHHHbb", data)
    if not (y_over and y_under and x_over and x_under):
        return None
    return Resolution(x_over / x_under * 10.0**x_power, y_over / y_under * 10.0**y_power)
