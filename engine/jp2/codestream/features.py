"""What a walk along the tile-parts finds that matters to a decoder, beyond the main header."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct, field

from engine.jp2.codestream.coding_style import Styles


class Patch(Struct, frozen=True):
    """Bytes of the file that a decoder must read differently."""

    offset: int
    """In the file."""
    data: bytes


class CodestreamFeatures(Struct, frozen=True):
    high_throughput: bool = False
    """Some tile-component has HT code-blocks (ISO/IEC 15444-15)."""
    packed_headers: bool = False
    """Packet headers lie in PPM or PPT marker segments (ISO/IEC 15444-1 A.7.4, A.7.5)."""
    tile_parts: tuple[int, ...] = ()
    """How many tile-parts with data each tile has, by its number; 0, or nothing at all, if that is not known."""
    patches: tuple[Patch, ...] = ()
    """By offset: where the file states something wrong that a decoder would follow."""
    tile_styles: Mapping[int, Styles] = field(default_factory=dict)
    """How those tiles are coded that have a COD or COC of their own."""
    tile_markers: frozenset[int] = frozenset()
    """The kinds of marker segment in tile-part headers."""
