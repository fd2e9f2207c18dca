"""Is the file whole? jpylyzer's tests and a walk along the tile-parts, before a pixel is decoded."""

from __future__ import annotations

from pathlib import Path

from engine.jp2.codestream import Marker, read_main_header, truncated
from engine.jp2.facts import Header
from engine.jp2.jpylyzed import jpylyzer_warnings
from engine.jp2.source import Source
from engine.jp2.tileparts import Chain, walk_chain

_PROBE_WINDOW_BYTES = 4096
"""Tile-part headers lie far apart: a small read at each."""


def check_structure(path: str | Path, header: Header) -> tuple[str, ...]:
    """Warnings for what is odd and harmless; `header` is what read_header said of the same file.

    Reads headers of tile-parts, not their packets, so it is quick for any size. Raises ImageError TRUNCATED
    where bytes, tile-parts or tiles are missing, CORRUPT where the parts do not fit together, SOURCE_MISSING
    or SOURCE_UNREADABLE where the file cannot be read.
    """
    with Source(path, _PROBE_WINDOW_BYTES) as source:
        main = read_main_header(source, header.codestream_offset)
        codestream_end = min(header.codestream_offset + header.codestream_bytes, source.size)
        chain = walk_chain(source, main)
        warnings = [*chain.warnings, *_check_end(source, chain, codestream_end)]
        warnings += jpylyzer_warnings(source, header, chain)
    return tuple(warnings)


def _check_end(source: Source, chain: Chain, codestream_end: int) -> list[str]:
    """EOC where the chain ends; what lies between it and the end of the codestream is said."""
    if source.read(chain.end, 2) != Marker.EOC.to_bytes(2):
        if not chain.is_counted:
            truncated(source, "there is no end marker (EOC), and no tile says how many tile-parts it has")
        return ["the end marker (EOC) is missing; all tile-parts are there"]
    end = chain.end + 2
    if end > codestream_end:
        return [f"the codestream ends {end - codestream_end:,} bytes after its box does"]
    if end < codestream_end:
        return [f"{codestream_end - end:,} bytes follow the end marker (EOC)"]
    return []
