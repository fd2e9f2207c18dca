"""What a JPEG says of itself in its markers, and the quality its quantisation tables tell of."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

_MOST_SEGMENTS = 4096
"""Before the scan; an ICC profile takes up to 255, Extended XMP more. Beyond this it is no picture's header."""

_STANDALONE = frozenset({0x01, *range(0xD0, 0xD9)})
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_PROGRESSIVE = frozenset({0xC2, 0xC6, 0xCA, 0xCE})
_SOS, _EOI, _DQT = 0xDA, 0xD9, 0xDB

Table = tuple[int, ...]
"""64 divisors in natural order, row by row, rows of rising vertical frequency."""

# ITU-T T.81 figure A.6: place in the zig-zag sequence -> place in the block.
_ZIGZAG = sorted(range(64), key=lambda i: (i // 8 + i % 8, i // 8 if (i // 8 + i % 8) % 2 else i % 8))

# ITU-T T.81 tables K.1 and K.2.
_LUMA: Table = (
    *(16, 11, 10, 16, 24, 40, 51, 61),
    *(12, 12, 14, 19, 26, 58, 60, 55),
    *(14, 13, 16, 24, 40, 57, 69, 56),
    *(14, 17, 22, 29, 51, 87, 80, 62),
    *(18, 22, 37, 56, 68, 109, 103, 77),
    *(24, 35, 55, 64, 81, 104, 113, 92),
    *(49, 64, 78, 87, 103, 121, 120, 101),
    *(72, 92, 95, 98, 112, 100, 103, 99),
)
_CHROMA: Table = (
    *(17, 18, 24, 47, 99, 99, 99, 99),
    *(18, 21, 26, 66, 99, 99, 99, 99),
    *(24, 26, 56, 99, 99, 99, 99, 99),
    *(47, 66, 99, 99, 99, 99, 99, 99),
    *(99,) * 32,
)


class JpegError(ValueError):
    """Not a JPEG, or one whose header breaks off; the message says which."""


@dataclass(frozen=True)
class Density:
    """The JFIF APP0's (ITU-T T.871 10.1): unit 0 is an aspect ratio, 1 dots an inch, 2 dots a centimetre."""

    unit: int
    x: int
    y: int


@dataclass(frozen=True)
class JpegFacts:
    width: int
    height: int
    sampling: tuple[tuple[int, int], ...]
    """For each component its horizontal and vertical sampling factor."""
    tables: tuple[Table, ...]
    """For each component its quantisation table."""
    progressive: bool
    density: Density | None
    icc: bytes | None
    exif: bytes | None
    """A TIFF stream."""
    xmp: bytes | None
    iptc: bytes | None
    """The Photoshop image resource 0x0404."""

    @property
    def subsampling(self) -> str:
        """4:4:4, 4:2:2, 4:4:0, 4:2:0 or 4:1:1; "grey" for one component; else the factors themselves."""
        if len(self.sampling) == 1:
            return "grey"
        (h, v), *chroma = self.sampling
        if len(self.sampling) == 3 and set(chroma) == {(1, 1)}:
            names = {(1, 1): "4:4:4", (2, 1): "4:2:2", (1, 2): "4:4:0", (2, 2): "4:2:0", (4, 1): "4:1:1"}
            if (h, v) in names:
                return names[h, v]
        return ",".join(f"{h}x{v}" for h, v in self.sampling)


@dataclass(frozen=True)
class Quality:
    """What quantisation tables tell of the quality they were made for."""

    quality: int
    """1 to 100: the one whose standard tables are nearest by least squares."""
    standard: bool
    """The tables are exactly those of that quality."""
    rms_difference: float
    """Root of the mean squared difference of the divisors."""


@dataclass(frozen=True)
class Description:
    """What `photostat quality` says of a file."""

    path: str
    facts: JpegFacts
    quality: Quality


@dataclass
class _Found:
    frame: tuple[int, int, int] | None = None
    components: list[tuple[int, int, int]] = field(default_factory=list)
    tables: dict[int, Table] = field(default_factory=dict)
    progressive: bool = False
    density: Density | None = None
    icc_parts: dict[int, bytes] = field(default_factory=dict)
    icc_count: int = 0
    exif: bytes | None = None
    xmp: bytes | None = None
    iptc: bytes | None = None


def describe(path: str | Path) -> Description:
    """Raises JpegError or OSError."""
    facts = read_jpeg(path)
    return Description(str(path), facts, estimate_quality(facts.tables))


def read_jpeg(path: str | Path) -> JpegFacts:
    """The facts of a JPEG (ITU-T T.81 Annex B) up to its first scan. Raises JpegError or OSError."""
    found = _Found()
    with Path(path).open("rb") as file:
        if file.read(2) != b"\xff\xd8":
            raise JpegError("not a JPEG: it does not begin with SOI")
        for marker, data in _segments(file):
            _take(marker, data, found)
    if found.frame is None:
        raise JpegError("the JPEG has no frame header before its scan")
    missing = {table for _, _, table in found.components} - found.tables.keys()
    if missing or not found.components:
        raise JpegError("the JPEG's frame names quantisation tables that are not there")
    _, height, width = found.frame
    return JpegFacts(
        width=width,
        height=height,
        sampling=tuple((h, v) for h, v, _ in found.components),
        tables=tuple(found.tables[table] for _, _, table in found.components),
        progressive=found.progressive,
        density=found.density,
        icc=_whole_profile(found),
        exif=found.exif,
        xmp=found.xmp,
        iptc=found.iptc,
    )


def _segments(file: BinaryIO) -> Iterator[tuple[int, bytes]]:
    """Marker segments up to the first scan; never more than _MOST_SEGMENTS of 64 KB."""
    for _ in range(_MOST_SEGMENTS):
        if file.read(1) != b"\xff":
            raise JpegError("the JPEG's header breaks off: no marker where one must be")
        marker = 0xFF
        while marker == 0xFF:  # fill bytes, B.1.1.2
            byte = file.read(1)
            if not byte:
                raise JpegError("the JPEG ends inside its header")
            marker = byte[0]
        if marker in _STANDALONE:
            continue
        if marker in (_SOS, _EOI):
            return
        head = file.read(2)
        length = int.from_bytes(head) - 2
        data = file.read(length) if length >= 0 else b""
        if len(head) < 2 or length < 0 or len(data) < length:
            raise JpegError("the JPEG ends inside its header")
        yield marker, data
    raise JpegError(f"the JPEG has more than {_MOST_SEGMENTS} segments before its scan")


def _take(marker: int, data: bytes, found: _Found) -> None:
    if marker == _DQT:
        _take_tables(data, found)
    elif marker in _FRAMES:
        _take_frame(marker, data, found)
    elif marker == 0xE0 and data[:5] == b"JFIF\0" and len(data) >= 12:
        found.density = Density(*struct.unpack_from(">BHH", data, 7))
    elif marker == 0xE1 and data[:6] == b"Exif\0\0":
        found.exif = found.exif or data[6:]
    elif marker == 0xE1 and data.startswith(XMP_NAMESPACE):
        found.xmp = found.xmp or data[len(XMP_NAMESPACE) :]
    elif marker == 0xE2 and data.startswith(ICC_SIGNATURE) and len(data) > 14:
        found.icc_parts.setdefault(data[12], data[14:])
        found.icc_count = data[13]
    elif marker == 0xED and data.startswith(PHOTOSHOP_SIGNATURE):
        found.iptc = found.iptc or _iptc_resource(data[len(PHOTOSHOP_SIGNATURE) :])


XMP_NAMESPACE = b"http://ns.adobe.com/xap/1.0/\0"
ICC_SIGNATURE = b"ICC_PROFILE\0"
PHOTOSHOP_SIGNATURE = b"Photoshop 3.0\0"


def _take_tables(data: bytes, found: _Found) -> None:
    """B.2.4.1: any number of tables of 8- or 16-bit divisors, in zig-zag order."""
    at = 0
    while at < len(data):
        wide, name = data[at] >> 4, data[at] & 15
        size = 128 if wide else 64
        body = data[at + 1 : at + 1 + size]
        if len(body) < size:
            raise JpegError("a quantisation table of the JPEG is cut")
        values = struct.unpack(">64H" if wide else ">64B", body)
        natural = [0] * 64
        for place, value in zip(_ZIGZAG, values, strict=True):
            natural[place] = value
        found.tables[name] = tuple(natural)
        at += 1 + size


def _take_frame(marker: int, data: bytes, found: _Found) -> None:
    """B.2.2."""
    if found.frame is not None:
        return
    if len(data) < 6 or len(data) < 6 + 3 * data[5]:
        raise JpegError("the JPEG's frame header is cut")
    found.frame = struct.unpack_from(">BHH", data)
    found.progressive = marker in _PROGRESSIVE
    for index in range(data[5]):
        _, factors, table = data[6 + 3 * index : 9 + 3 * index]
        found.components.append((factors >> 4, factors & 15, table))


def _whole_profile(found: _Found) -> bytes | None:
    """ICC.1:2022 B.4: the chunks in the order of their numbers, from 1; None where one is missing."""
    numbers = range(1, found.icc_count + 1)
    if not found.icc_parts or any(number not in found.icc_parts for number in numbers):
        return None
    return b"".join(found.icc_parts[number] for number in numbers)


def _iptc_resource(data: bytes) -> bytes | None:
    """The 8BIM resource 0x0404 among Photoshop's image resources: signature, id, padded name, size, data."""
    at = 0
    while data[at : at + 4] == b"8BIM" and len(data) >= at + 7:
        (number,) = struct.unpack_from(">H", data, at + 4)
        name = 1 + data[at + 6]
        at += 6 + name + name % 2
        size = int.from_bytes(data[at : at + 4])
        if number == 0x0404:
            return data[at + 4 : at + 4 + size]
        at += 4 + size + size % 2
    return None


BASELINE, EXTENDED = 255, 32767
"""The largest divisor that libjpeg writes: of 8 bits, or of 16 where it is not held to baseline."""


def standard_tables(quality: int, largest: int = BASELINE) -> tuple[Table, Table]:
    """Luma and chroma tables of a quality from 1 to 100: T.81 Annex K scaled as the IJG's library does.

    jpeg_quality_scaling and jpeg_add_quant_table of jcparam.c (libjpeg 6b): divisors from 1 to `largest`, which
    makes a difference under quality 25.
    """
    if not 1 <= quality <= 100:
        raise ValueError(f"a JPEG's quality is from 1 to 100, not {quality}")
    scale = 5000 // quality if quality < 50 else 200 - 2 * quality
    luma, chroma = (
        tuple(min(max((value * scale + 50) // 100, 1), largest) for value in table)
        for table in (_LUMA, _CHROMA)
    )
    return luma, chroma


def estimate_quality(tables: Sequence[Table]) -> Quality:
    """The quality whose standard tables are nearest: `tables` is one a component, the first of them luma.

    Each of the others is held against luma and chroma both: of RGB and CMYK all have the first table.
    """
    found = [(_squares(tables, quality, largest), quality) for quality, largest in _CANDIDATES]
    squares, quality = min(found, key=lambda candidate: candidate[0])
    return Quality(quality, squares == 0, (squares / (64 * len(tables))) ** 0.5)


_CANDIDATES = [
    (quality, largest)
    for quality in range(100, 0, -1)
    for largest in (BASELINE, EXTENDED)[: 1 + (quality < 25)]
]


def _squares(tables: Sequence[Table], quality: int, largest: int) -> int:
    """Squared differences of the divisors, added up."""
    luma, chroma = standard_tables(quality, largest)
    apart = {(table, other): _apart(table, other) for table in set(tables) for other in (luma, chroma)}
    others = (min(apart[table, luma], apart[table, chroma]) for table in tables[1:])
    return apart[tables[0], luma] + sum(others)


def _apart(table: Table, other: Table) -> int:
    return sum((a - b) ** 2 for a, b in zip(table, other, strict=True))
