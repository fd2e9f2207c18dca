"""Marker segments (ISO/IEC 15444-1 Annex A): found one after the other, and their parameters unpacked."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from enum import IntEnum

from msgspec import Struct

from engine.jp2.errors import corrupt, truncated, unsupported
from engine.jp2.file_reader import FileReader

MAX_SEGMENTS = 70_000
"""In one header; a COC, QCC and RGN for each of 16,384 components is the most a legal one needs."""


class Marker(IntEnum):
    """Marker codes (ISO/IEC 15444-1 Table A.2; CAP of ISO/IEC 15444-15)."""

    SOC = 0xFF4F
    CAP = 0xFF50
    SIZ = 0xFF51
    COD = 0xFF52
    COC = 0xFF53
    TLM = 0xFF55
    PRF = 0xFF56
    PLM = 0xFF57
    PLT = 0xFF58
    CPF = 0xFF59
    QCD = 0xFF5C
    QCC = 0xFF5D
    RGN = 0xFF5E
    POC = 0xFF5F
    PPM = 0xFF60
    PPT = 0xFF61
    CRG = 0xFF63
    COM = 0xFF64
    SOT = 0xFF90
    SOP = 0xFF91
    EPH = 0xFF92
    SOD = 0xFF93
    EOC = 0xFFD9


_NOT_DECODED = {
    0xFF5A: "quantisation by precinct, QPD",
    0xFF5B: "quantisation by precinct, QPC",
    0xFF65: "encryption or authentication, SEC of part 8",
    0xFF70: "variable DC offsets, DCO",
    0xFF71: "visual masking, VMS",
    0xFF72: "other downsampling in the wavelet, DFS",
    0xFF73: "an arbitrary decomposition, ADS",
    0xFF76: "a non-linear transformation of the samples, NLT",
    0xFF79: "a wavelet of its own, ATK",
}
"""Markers of ISO/IEC 15444-2 (and 15444-8) that change the samples, and that OpenJPEG skips or refuses."""


class Segment(Struct, frozen=True):
    marker: int
    offset: int
    """Of the marker in the file."""
    length: int
    """Bytes after the marker, the two of the length itself among them."""

    @property
    def end(self) -> int:
        return self.offset + 2 + self.length


def segments(reader: FileReader, position: int) -> Iterator[Segment]:
    """The marker segments from `position` up to the SOT, SOD or EOC that ends the header.

    Raises ImageError TRUNCATED or CORRUPT if nothing ends it, UNSUPPORTED for an extension that is not decoded.
    """
    for _ in range(MAX_SEGMENTS):
        head = reader.read(position, 4)
        marker = int.from_bytes(head[:2])
        if len(head) < 2:
            truncated(reader, "the file ends inside the codestream's header")
        if marker in (Marker.SOT, Marker.SOD, Marker.EOC):
            return
        if marker < 0xFF01:
            corrupt(f"no marker but {head[:2].hex(' ')} at byte {position:,} in the codestream's header")
        if 0xFF30 <= marker <= 0xFF3F:
            # Table A.1: reserved for markers without a segment.
            yield Segment(marker, position, 0)
            position += 2
            continue
        if len(head) < 4:
            truncated(reader, "the file ends inside the codestream's header")
        segment = Segment(marker, position, int.from_bytes(head[2:]))
        if segment.length < 2:
            corrupt(f"marker {marker:#06x} at byte {position:,} has the impossible length {segment.length}")
        if segment.end > reader.size:
            truncated(reader, f"the file ends inside marker {marker:#06x} of the codestream's header")
        if marker in _NOT_DECODED:
            unsupported(f"the codestream uses an extension of JPEG 2000: {_NOT_DECODED[marker]}")
        yield segment
        position = segment.end
    corrupt(f"more than {MAX_SEGMENTS:,} marker segments in the codestream's header")


class Parameters:
    """A marker segment's parameters. Unpacking more than the segment holds raises ImageError CORRUPT."""

    def __init__(self, reader: FileReader, segment: Segment) -> None:
        self._reader = reader
        self._segment = segment

    @property
    def size(self) -> int:
        return self._segment.length - 2

    def unpack(self, layout: str, at: int = 0) -> tuple[int, ...]:
        wanted = struct.calcsize(layout)
        if at + wanted > self.size:
            corrupt(
                f"marker {self._segment.marker:#06x} at byte {self._segment.offset:,} is too short, "
                f"with {self.size} bytes, for what it must hold"
            )
        data = self._reader.read(self._segment.offset + 4 + at, wanted)
        if len(data) < wanted:
            truncated(self._reader, "the file became shorter while it was read")
        return struct.unpack(layout, data)
