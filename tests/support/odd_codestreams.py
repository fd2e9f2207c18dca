"""Codestreams whose pixels are known and whose markers are odd, patched from what our encoder writes."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tests.support.jp2_files import Encoding, Plane, picture, write_codestream

SOP, EPH, SOD, SOT, COM, TLM = b"\xff\x91", b"\xff\x92", b"\xff\x93", b"\xff\x90", b"\xff\x64", b"\xff\x55"


@dataclass(frozen=True)
class Part:
    """A tile-part: SOT's fields, and what follows SOD."""

    tile: int
    index: int
    count: int
    header: bytes
    """Marker segments between SOT and SOD."""
    data: bytes
    length: int | None = None
    """Psot; None for the right one."""

    def to_bytes(self) -> bytes:
        length = 14 + len(self.header) + len(self.data) if self.length is None else self.length
        sot = SOT + struct.pack(">HHIBB", 10, self.tile, length, self.index, self.count)
        return sot + self.header + SOD + self.data


@dataclass(frozen=True)
class Codestream:
    main: bytes
    """SOC and the main header."""
    parts: tuple[Part, ...]
    end: bytes = b"\xff\xd9"

    def to_bytes(self) -> bytes:
        return self.main + b"".join(part.to_bytes() for part in self.parts) + self.end

    def with_parts(self, change: Callable[[Part], Part]) -> Codestream:
        return replace(self, parts=tuple(change(part) for part in self.parts))


def encoded(
    directory: Path, encoding: Encoding, width: int = 200, height: int = 150
) -> tuple[Codestream, NDArray[np.uint8]]:
    """A lossless codestream taken apart, and its pixels."""
    pixels = picture(width, height)
    path = directory / "encoded.j2k"
    write_codestream(path, [Plane(pixels[:, :, channel]) for channel in range(3)], encoding)
    return split(path.read_bytes()), pixels


def split(data: bytes) -> Codestream:
    at = start = _first_tile_part(data)
    parts = []
    while data[at : at + 2] == SOT:
        tile, length, index, count = struct.unpack_from(">HIBB", data, at + 4)
        sod = at + 12
        while data[sod : sod + 2] != SOD:
            sod += 2 + int.from_bytes(data[sod + 2 : sod + 4])
        parts.append(Part(tile, index, count, data[at + 12 : sod], data[sod + 2 : at + length]))
        at += length
    return Codestream(data[:start], tuple(parts), data[at:])


def _first_tile_part(data: bytes) -> int:
    at = 2
    while data[at : at + 2] != SOT:
        at += 2 + int.from_bytes(data[at + 2 : at + 4])
    return at


def with_packed_headers(codestream: Codestream, *, in_main_header: bool) -> Codestream:
    """Moves every packet header to PPT, or to PPM; the codestream must have SOP and EPH, and loses both."""
    at = codestream.main.index(b"\xff\x52")
    main = codestream.main[: at + 4] + bytes([codestream.main[at + 4] & 1]) + codestream.main[at + 5 :]
    parts, packed = [], b""
    for part in codestream.parts:
        headers, bodies = zip(*_packets(part.data), strict=True)
        joined = b"".join(headers)
        own = b"" if in_main_header else part.header + _segments(b"\xff\x61", joined, part.index)
        packed += struct.pack(">I", len(joined)) + joined
        parts.append(replace(part, header=own, data=b"".join(bodies)))
    return Codestream(main + (_segments(b"\xff\x60", packed) if in_main_header else b""), tuple(parts))


def _packets(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Header and body of each packet; the sequence number in SOP tells a real one from data."""
    number = at = 0
    while at < len(data):
        assert data[at : at + 2] == SOP
        header_end = data.index(EPH, at + 6)
        number += 1
        end = data.find(SOP + b"\x00\x04" + struct.pack(">H", number % 65536), header_end + 2)
        if end < 0:
            number_start = data.find(SOP + b"\x00\x04", header_end + 2)
            end = len(data) if number_start < 0 else number_start
        yield data[at + 6 : header_end], data[header_end + 2 : end]
        number = int.from_bytes(data[end + 4 : end + 6]) if end < len(data) else number
        at = end


def _segments(marker: bytes, payload: bytes, first: int = 0) -> bytes:
    """Marker segments numbered from `first`; one is enough for each tile-part of these pictures."""
    assert len(payload) < 60_000
    return marker + struct.pack(">HB", 3 + len(payload), first) + payload


def with_tlm(codestream: Codestream, entries: list[tuple[int, int]]) -> Codestream:
    """A TLM of tiles and lengths in front of the tile-parts, true or not."""
    body = b"".join(struct.pack(">HI", tile, length) for tile, length in entries)
    return replace(
        codestream, main=codestream.main + TLM + struct.pack(">HBB", 4 + len(body), 0, 0x60) + body
    )


def true_entries(codestream: Codestream) -> list[tuple[int, int]]:
    return [(part.tile, len(part.to_bytes())) for part in codestream.parts]
