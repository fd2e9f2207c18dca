"""The boxes around a codestream: writes the JP2 file format (ISO/IEC 15444-1 Annex I) byte by byte."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

SIGNATURE = b"\x00\x00\x00\x0cjP  \r\n\x87\n"
"""The signature box, I.5.1."""

XMP_UUID = bytes.fromhex("be7acfcb97a942e89c71999491e3afac")
EXIF_UUID = b"JpgTiffExif->JP2"
IPTC_UUID = bytes.fromhex("33c7a4d2b81d4723a0baf1a3e097ad38")

ENUMERATED = {"cmyk": 12, "cielab": 14, "srgb": 16, "grey": 17, "sycc": 18}
"""EnumCS, I.5.3.3 and ISO/IEC 15444-2 M.11.7.3."""


@dataclass(frozen=True)
class PaletteTable:
    """A `pclr`, and the `cmap` that maps component 0 through each of its columns."""

    table: tuple[tuple[int, ...], ...]
    """`table[i][c]`: the value of column c for index i."""
    bits: int = 8


@dataclass(frozen=True)
class Wrapping:
    """The content of the boxes; the defaults make a plain JP2."""

    colour: str = ""
    """One of ENUMERATED; empty: grey for one or two components, sRGB for more."""
    icc: bytes | None = None
    """A profile for the `colr` box instead of an enumerated space."""
    icc_method: int = 2
    """METH: 2 restricted, 3 any profile (JPX)."""
    capture_dpi: tuple[float, float] | None = None
    """Horizontal and vertical, dots an inch."""
    display_dpi: tuple[float, float] | None = None
    palette: PaletteTable | None = None
    channels: tuple[tuple[int, int, int], ...] = ()
    """The rows of a `cdef`: channel, type (0 colour, 1 opacity, 2 premultiplied, 65535 none), association."""
    xmp: bytes | None = None
    exif: bytes | None = None
    """A TIFF stream."""
    iptc: bytes | None = None
    uuids: tuple[tuple[bytes, bytes], ...] = ()
    """Further `uuid` boxes: 16 bytes, content."""
    brand: bytes = b"jp2 "
    codestream_length: str = "normal"
    """The length of the `jp2c` box: normal, extended (64 bits) or zero (to the end of the file)."""
    extra_header_boxes: tuple[bytes, ...] = ()
    """Whole boxes at the end of `jp2h`, as they are."""
    trailing_boxes: tuple[bytes, ...] = ()
    """Whole boxes after the codestream."""


def box(kind: bytes, content: bytes, length: str = "normal") -> bytes:
    """A box (I.4): `kind` is its four characters; `length` as in `Wrapping.codestream_length`."""
    return box_start(kind, len(content), length) + content


def box_start(kind: bytes, content_bytes: int, length: str = "normal") -> bytes:
    """The 8 or 16 bytes before a box's content."""
    if length == "zero":
        return struct.pack(">I4s", 0, kind)
    if length == "extended" or content_bytes + 8 >= 2**32:
        return struct.pack(">I4sQ", 1, kind, content_bytes + 16)
    return struct.pack(">I4s", content_bytes + 8, kind)


def jp2_start(width: int, height: int, depths: Sequence[tuple[int, bool]], wrapping: Wrapping) -> bytes:
    """Everything of a JP2 file before its codestream box.

    Width and height are the picture's, in pixels; `depths` has bits and signedness of every component.
    """
    compatibility = wrapping.brand + (b"jp2 " if wrapping.brand != b"jp2 " else b"")
    file_type = box(b"ftyp", wrapping.brand + b"\0\0\0\0" + compatibility)
    header = [
        _image_header(width, height, depths),
        *([_bits_per_component(depths)] if len(set(depths)) > 1 else []),
        _colour(len(depths), wrapping),
        *_palette(wrapping.palette),
        *([_channel_definition(wrapping.channels)] if wrapping.channels else []),
        *_resolution(wrapping),
        *wrapping.extra_header_boxes,
    ]
    return SIGNATURE + file_type + box(b"jp2h", b"".join(header)) + b"".join(_uuid_boxes(wrapping))


def _depth_byte(bits: int, signed: bool) -> int:
    return (bits - 1) | (0x80 if signed else 0)


def _image_header(width: int, height: int, depths: Sequence[tuple[int, bool]]) -> bytes:
    """`ihdr`, I.5.3.1: BPC is 255 where the components differ."""
    depth = _depth_byte(*depths[0]) if len(set(depths)) == 1 else 255
    return box(b"ihdr", struct.pack(">IIHBBBB", height, width, len(depths), depth, 7, 0, 0))


def _bits_per_component(depths: Sequence[tuple[int, bool]]) -> bytes:
    return box(b"bpcc", bytes(_depth_byte(bits, signed) for bits, signed in depths))


def _colour(components: int, wrapping: Wrapping) -> bytes:
    """`colr`, I.5.3.3."""
    if wrapping.icc is not None:
        return box(b"colr", bytes([wrapping.icc_method, 0, 0]) + wrapping.icc)
    channels = len(wrapping.palette.table[0]) if wrapping.palette else components
    space = wrapping.colour or ("grey" if channels < 3 else "srgb")
    return box(b"colr", struct.pack(">BBBI", 1, 0, 0, ENUMERATED[space]))


def _palette(palette: PaletteTable | None) -> list[bytes]:
    """`pclr` and `cmap`, I.5.3.4 and I.5.3.5."""
    if palette is None:
        return []
    columns = len(palette.table[0])
    width = 1 if palette.bits <= 8 else 2
    content = struct.pack(">HB", len(palette.table), columns) + bytes([palette.bits - 1] * columns)
    content += b"".join(value.to_bytes(width, "big") for row in palette.table for value in row)
    mapping = b"".join(struct.pack(">HBB", 0, 1, column) for column in range(columns))
    return [box(b"pclr", content), box(b"cmap", mapping)]


def _channel_definition(channels: Sequence[tuple[int, int, int]]) -> bytes:
    rows = b"".join(struct.pack(">HHH", *channel) for channel in channels)
    return box(b"cdef", struct.pack(">H", len(channels)) + rows)


def _resolution(wrapping: Wrapping) -> list[bytes]:
    """`res `, I.5.3.7."""
    parts = []
    if wrapping.capture_dpi:
        parts.append(box(b"resc", _pixels_per_metre(wrapping.capture_dpi)))
    if wrapping.display_dpi:
        parts.append(box(b"resd", _pixels_per_metre(wrapping.display_dpi)))
    return [box(b"res ", b"".join(parts))] if parts else []


def _pixels_per_metre(dpi: tuple[float, float]) -> bytes:
    horizontal, vertical = (_sixteen_bit_ratio(value / 0.0254) for value in dpi)
    return struct.pack(
        ">HHHHbb", vertical[0], vertical[1], horizontal[0], horizontal[1], vertical[2], horizontal[2]
    )


def _sixteen_bit_ratio(value: float) -> tuple[int, int, int]:
    """Numerator, denominator and power of ten of a resolution, as near to it as 16 bits each allow."""
    exponent = 0
    while value / 10**exponent >= 1000:
        exponent += 1
    scaled = value / 10**exponent
    ratio = Fraction(scaled).limit_denominator(min(65535, int(65535 / max(scaled, 1))))
    return ratio.numerator, ratio.denominator, exponent


def _uuid_boxes(wrapping: Wrapping) -> list[bytes]:
    known = ((XMP_UUID, wrapping.xmp), (EXIF_UUID, wrapping.exif), (IPTC_UUID, wrapping.iptc))
    contents = [(uuid, content) for uuid, content in known if content is not None]
    return [box(b"uuid", uuid + content) for uuid, content in (*contents, *wrapping.uuids)]
