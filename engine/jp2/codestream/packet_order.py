"""A tile's packets in their order, followed from header to header until one is missing or the bytes end.

A tile-part that was cut and its length corrected (Psot), or one whose length and count are left open (Psot 0,
TNsot 0), looks whole by its lengths: only the packets show that some are missing.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from enum import Enum, auto

from msgspec import Struct

from engine.jp2.codestream.coding_style import Styles
from engine.jp2.codestream.packet_headers import BlockStyle, HeaderCut, PrecinctBand, Read, read_packet_header
from engine.jp2.codestream.precincts import Precinct

_SOP, _SOP_BYTES = b"\xff\x91", 6
_EPH, _EPH_BYTES = b"\xff\x92", 2
_BYPASS, _TERMINATES_EACH = 0x01, 0x04


class WalkEnd(Enum):
    """How the walk along a tile's packets ends."""

    ALL_THERE = auto()
    BETWEEN_PACKETS = auto()
    IN_A_HEADER = auto()
    IN_A_BODY = auto()
    BYTES_LEFT = auto()
    """After all packets."""
    UNREADABLE = auto()
    """What follows is not a packet header."""


class PacketWalk(Struct, frozen=True):
    end: WalkEnd
    packets: int
    """Whole packets found."""
    promised: int
    """Packets that the headers promise."""
    offset: int
    """Where the last whole packet ends."""


def walk_tile(read: Read, length: int, precincts: list[Precinct], styles: Styles) -> PacketWalk:
    """Follows the packets in the `length` bytes of one tile; `read` takes offsets into them."""
    style = styles.style
    bands: dict[Precinct, list[PrecinctBand]] = {}
    promised = len(precincts) * style.layers
    offset = packets = 0
    for precinct, layer in packets_in_order(precincts, style.progression, style.layers):
        if offset >= length:
            end = WalkEnd.BETWEEN_PACKETS if offset == length else WalkEnd.IN_A_BODY
            return PacketWalk(end, packets, promised, offset)
        if read(offset, 2) == _SOP:
            offset += _SOP_BYTES
        if precinct not in bands:
            bands[precinct] = [PrecinctBand(*size) for size in precinct.blocks]
        try:
            offset, body = read_packet_header(
                read, offset, bands[precinct], layer, _block_style(styles, precinct)
            )
        except HeaderCut:
            return PacketWalk(WalkEnd.IN_A_HEADER, packets, promised, offset)
        except ValueError:
            return PacketWalk(WalkEnd.UNREADABLE, packets, promised, offset)
        if read(offset, 2) == _EPH:
            offset += _EPH_BYTES
        offset += body
        packets += 1
        if layer == style.layers - 1:
            del bands[precinct]
    end = (
        WalkEnd.IN_A_BODY if offset > length else WalkEnd.BYTES_LEFT if offset < length else WalkEnd.ALL_THERE
    )
    return PacketWalk(end, packets, promised, offset)


def _block_style(styles: Styles, precinct: Precinct) -> BlockStyle:
    style = styles.of(precinct.component).block_style
    return BlockStyle(bool(style & _BYPASS), bool(style & _TERMINATES_EACH))


def packets_in_order(
    precincts: list[Precinct], progression: str, layers: int
) -> Iterator[tuple[Precinct, int]]:
    """Every packet in the order of the progression (B.12.1)."""
    match progression:
        case "LRCP":
            ordered = sorted(precincts, key=lambda p: (p.resolution, p.component, p.index))
            yield from ((precinct, layer) for layer in range(layers) for precinct in ordered)
        case "RLCP":
            ordered = sorted(precincts, key=lambda p: (p.resolution, p.component, p.index))
            for _, group in itertools.groupby(ordered, lambda p: p.resolution):
                of_one = list(group)
                yield from ((precinct, layer) for layer in range(layers) for precinct in of_one)
        case "RPCL":
            ordered = sorted(precincts, key=lambda p: (p.resolution, p.y, p.x, p.component, p.index))
            yield from ((precinct, layer) for precinct in ordered for layer in range(layers))
        case "PCRL":
            ordered = sorted(precincts, key=lambda p: (p.y, p.x, p.component, p.resolution, p.index))
            yield from ((precinct, layer) for precinct in ordered for layer in range(layers))
        case _:
            ordered = sorted(precincts, key=lambda p: (p.component, p.y, p.x, p.resolution, p.index))
            yield from ((precinct, layer) for precinct in ordered for layer in range(layers))
