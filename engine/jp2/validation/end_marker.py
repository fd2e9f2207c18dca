"""What comes after the last tile-part: the end marker (EOC, ISO/IEC 15444-1 A.4.4), nothing, or something else.

The marker itself has no pixel. Without it the picture is there if something else shows that no tile-part is missing.
"""

from __future__ import annotations

from msgspec import Struct

from engine.failures import ImageError
from engine.jp2.codestream.marker_segments import Marker
from engine.jp2.errors import corrupt, truncated
from engine.jp2.file_reader import FileReader

EOC = Marker.EOC.to_bytes(2)
_FIRST_BYTE = EOC[:1]
_SHOWN_BYTES = 4096


class ChainEnd(Struct, frozen=True):
    """Where the chain of tile-parts ends, and what shows that none is missing."""

    offset: int
    is_open: bool
    """The last tile-part does not give its length."""
    is_counted: bool
    """Every tile gives the number of its tile-parts, and they are there."""
    is_listed: bool
    """TLM lists these tile-parts, with these lengths."""
    has_every_packet: bool
    """Every packet of every tile was followed to its end, and no zeros at an open end may hide a part of the last."""


def fault_of_what_follows(reader: FileReader, position: int, codestream_end: int) -> ImageError | None:
    """After the last tile-part comes EOC or nothing; anything else may mean that a length is wrong."""
    marker = reader.read(position, 2)
    if position == codestream_end or marker in (b"", _FIRST_BYTE, EOC):
        return None
    try:
        if not reader.read(position, _SHOWN_BYTES).strip(b"\x00"):
            truncated(reader, f"from byte {position:,} on there are only zeros instead of tile-parts and EOC")
        corrupt(
            f"the tile-part that should end at byte {position:,} is followed by {marker.hex(' ')} there, "
            "neither a tile-part nor the end marker (EOC)"
        )
    except ImageError as error:
        return error


def costs_no_pixel(reader: FileReader, position: int, has_every_packet: bool) -> bool:
    """Whether the picture is there although something else than EOC follows the last tile-part.

    Zeros of a copy that broke off may begin before that, within the last packet; and no packet ends in FF (B.10.1):
    there an end marker was pasted on a file that was cut.
    """
    last = reader.read(position - 1, 1)
    zeros = not reader.read(position, _SHOWN_BYTES).strip(b"\x00")
    return has_every_packet and last != _FIRST_BYTE and not (zeros and last == b"\0")


def end_warnings(reader: FileReader, end: ChainEnd, codestream_end: int) -> list[str]:
    """A warning for a missing EOC, or for bytes between EOC and the end of the codestream.

    `codestream_end` is where the codestream's box ends, or the end of the file. Raises ImageError TRUNCATED if
    nothing shows that all tile-parts are there.
    """
    if reader.read(end.offset, 2) != EOC:
        return [_without_marker(reader, end, codestream_end)]
    after = end.offset + len(EOC)
    rest = min(codestream_end, reader.size) - after
    if rest < 0:
        return [f"the codestream ends {-rest:,} bytes after its box does"]
    return [f"{rest:,} bytes follow the end marker (EOC)"] if rest else []


def _without_marker(reader: FileReader, end: ChainEnd, codestream_end: int) -> str:
    if reader.read(end.offset - 2, 2) == EOC:
        # Packets cannot hold this marker (ISO/IEC 15444-1 B.10.1): it stands where data should.
        truncated(reader, "the last tile-part was cut and an end marker (EOC) pasted on")
    rest = reader.read(end.offset, max(0, min(_SHOWN_BYTES, codestream_end - end.offset)))
    if end.has_every_packet:
        if rest in (b"", _FIRST_BYTE):
            return "the end marker (EOC) is missing; every packet of every tile is there"
        return "other bytes are where the end marker (EOC) should be; every packet of every tile is there"
    if end.is_open:
        truncated(reader, "the last tile-part, of open length, is not ended by an end marker (EOC)")
    # The box of a whole file ends two bytes further on: a cut in the marker itself.
    is_box_whole = reader.size < codestream_end == end.offset + len(EOC)
    if not (end.is_listed or is_box_whole):
        if codestream_end > reader.size or rest not in (b"", _FIRST_BYTE):
            truncated(reader, "the file ends where its end marker (EOC) should be")
        if not end.is_counted:
            truncated(reader, "there is no end marker (EOC), and no tile says how many tile-parts it has")
    return "the end marker (EOC) is missing; all tile-parts are there"
