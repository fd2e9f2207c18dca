"""The facts in a JPEG's marker segments: size, sampling, tables, density, profile and metadata."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from msgspec import Struct, field

from engine.jp2.boxes import photoshop
from engine.jpeg.quality import Quality, Table, estimate_quality

_MOST_SEGMENTS = 4096
"""Before the scan; an ICC profile takes up to 255, Extended XMP more, and no real header takes this many."""

_STANDALONE = frozenset({0x01, *range(0xD0, 0xD9)})
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_PROGRESSIVE = frozenset({0xC2, 0xC6, 0xCA, 0xCE})
_SOS, _EOI, _DQT = 0xDA, 0xD9, 0xDB

_ZIGZAG = sorted(range(64), key=lambda i: (i // 8 + i % 8, i // 8 if (i // 8 + i % 8) % 2 else i % 8))
"""ITU-T T.81 figure A.6: index in the zig-zag sequence to index in the block."""


class JpegError(ValueError):
    """Not a JPEG, or one whose header breaks off; the message says which."""


class Density(Struct, frozen=True):
    """The JFIF APP0's (ITU-T T.871 10.1): unit 0 is an aspect ratio, 1 dots an inch, 2 dots a centimetre."""

    unit: int
    x: int
    y: int


class JpegFacts(Struct, frozen=True):
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


class Description(Struct, frozen=True):
    """What `photostat quality` prints about a file."""

    path: str
    facts: JpegFacts
    quality: Quality


class _Found(Struct):
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
    elif marker == 0xED and data.startswith(photoshop.SIGNATURE):
        found.iptc = found.iptc or _iptc_records(data.removeprefix(photoshop.SIGNATURE))


XMP_NAMESPACE = b"http://ns.adobe.com/xap/1.0/\0"
ICC_SIGNATURE = b"ICC_PROFILE\0"


def _take_tables(data: bytes, found: _Found) -> None:
    """B.2.4.1: any number of tables of 8- or 16-bit divisors, in zig-zag order."""
    at = 0
    while at < len(data):
        is_wide, name = data[at] >> 4, data[at] & 15
        size = 128 if is_wide else 64
        body = data[at + 1 : at + 1 + size]
        if len(body) < size:
            raise JpegError("a quantisation table of the JPEG is cut")
        values = struct.unpack(">64H" if is_wide else ">64B", body)
        natural = [0] * 64
        for index, value in zip(_ZIGZAG, values, strict=True):
            natural[index] = value
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


def _iptc_records(resources: bytes) -> bytes | None:
    found = (data for number, data in photoshop.image_resources(resources) if number == photoshop.IPTC)
    return next(found, None)
