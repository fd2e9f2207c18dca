"""Is the file whole? jpylyzer's tests and a walk along the tile-parts, before a pixel is decoded."""

from __future__ import annotations

from pathlib import Path

from engine.jp2.boxes.walk import BoxError, walk
from engine.jp2.codestream.main_header import read_main_header
from engine.jp2.codestream.marker_segments import Marker
from engine.jp2.errors import truncated
from engine.jp2.file_reader import Source
from engine.jp2.model import Container, Header
from engine.jp2.validation.jpylyzer_checks import jpylyzer_warnings
from engine.jp2.validation.tile_parts import Chain, walk_chain

_PROBE_WINDOW_BYTES = 4096
"""Tile-part headers lie far apart: a small read at each."""

_TRAILING_BOXES = frozenset({b"uuid", b"xml ", b"uinf", b"jp2i", b"asoc", b"nlst", b"lbl ", b"free", b"jp2c"})
"""Boxes that follow a codestream: one of these that is cut tells of a cut file, where stray bytes may not."""


def check_structure(path: str | Path, header: Header) -> tuple[str, ...]:
    """Warnings for what is odd and harmless; `header` is what read_header said of the same file.

    Reads headers of tile-parts, not their packets, so it is quick for any size. Raises ImageError TRUNCATED
    where bytes, tile-parts or tiles are missing, CORRUPT where the parts do not fit together, SOURCE_MISSING
    or SOURCE_UNREADABLE where the file cannot be read.
    """
    with Source(path, _PROBE_WINDOW_BYTES) as source:
        main = read_main_header(source, header.codestream_offset)
        codestream_end = header.codestream_offset + header.codestream_bytes
        chain = walk_chain(source, main, codestream_end)
        warnings = [*chain.warnings, *_check_end(source, chain, codestream_end)]
        if header.container is not Container.CODESTREAM:
            _check_last_box(source, header.codestream_offset)
        warnings += jpylyzer_warnings(source, header, main, chain)
    return tuple(warnings)


def _check_end(source: Source, chain: Chain, codestream_end: int) -> list[str]:
    """EOC where the chain ends; what lies between it and the end of the codestream is said."""
    if source.read(chain.end, 2) != Marker.EOC.to_bytes(2):
        if source.read(chain.end - 2, 2) == Marker.EOC.to_bytes(2):
            # Packets cannot hold this marker (ISO/IEC 15444-1 B.10.1): it stands where data should.
            truncated(source, "the last tile-part was cut and an end marker (EOC) pasted on")
        if codestream_end > source.size or min(codestream_end, source.size) > chain.end:
            truncated(source, "the file ends where its end marker (EOC) should be")
        if not chain.is_counted:
            truncated(source, "there is no end marker (EOC), and no tile says how many tile-parts it has")
        return ["the end marker (EOC) is missing; all tile-parts are there"]
    end = chain.end + 2
    rest = min(codestream_end, source.size) - end
    if rest < 0:
        return [f"the codestream ends {-rest:,} bytes after its box does"]
    return [f"{rest:,} bytes follow the end marker (EOC)"] if rest else []


def _check_last_box(source: Source, codestream_offset: int) -> None:
    """A file cut in its metadata, after the codestream, is cut all the same."""
    try:
        for box in walk(source, 0, source.size):
            if box.is_cut and box.start > codestream_offset and box.kind in _TRAILING_BOXES:
                truncated(source, f"the file ends inside its {box.name!r} box after the codestream")
    except BoxError:
        # What breaks off there is no box; read_header has warned of it.
        return
