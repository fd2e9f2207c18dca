"""Is the file whole? A walk along the tile-parts and jpylyzer's tests, before a pixel is decoded."""

from __future__ import annotations

from dataclasses import dataclass, replace

from engine.jp2.boxes.file_boxes import FileBoxes
from engine.jp2.codestream.features import CodestreamFeatures, Patch
from engine.jp2.codestream.marker_segments import Marker
from engine.jp2.errors import truncated
from engine.jp2.file_reader import TILE_PART_WINDOW_BYTES, FileReader
from engine.jp2.jp2_file import Jp2File
from engine.jp2.validation.jpylyzer_checks import jpylyzer_warnings
from engine.jp2.validation.tile_parts import TilePartChain, walk_chain

_EOC = Marker.EOC.to_bytes(2)

_METADATA_BOXES = frozenset({b"uuid", b"xml ", b"uinf", b"jp2i", b"asoc", b"nlst", b"lbl ", b"free", b"jp2c"})
"""Boxes that may follow a codestream: if one of these is cut, the file is, which stray bytes do not show."""


@dataclass(frozen=True)
class Structure:
    features: CodestreamFeatures
    warnings: tuple[str, ...]
    """What is odd and harmless."""


def check_structure(file: Jp2File) -> Structure:
    """Whether the file is whole, and what a decoder must know of it.

    Reads the headers of tile-parts and packets, not their data, so it is quick for any size. Raises ImageError:
    TRUNCATED if bytes, tile-parts or tiles are missing, CORRUPT if the parts do not fit together, and as the parts
    of a `Jp2File` do.
    """
    reader = file.reader.with_window(TILE_PART_WINDOW_BYTES)
    chain = walk_chain(reader, file.main_header, file.header.codestream_end)
    warnings = [*chain.warnings, *_end_warnings(reader, chain, file.header.codestream_end)]
    if file.boxes is not None:
        _check_last_box(file.reader, file.boxes)
    features = chain.features
    if reader.read(chain.end, 2) != _EOC:
        # Without the marker OpenJPEG fails: "Stream too short".
        features = replace(features, patches=(*features.patches, Patch(chain.end, _EOC)))
    return Structure(features, (*warnings, *jpylyzer_warnings(file, chain)))


def _end_warnings(reader: FileReader, chain: TilePartChain, codestream_end: int) -> list[str]:
    """A warning for a missing EOC, or for bytes between EOC and the end of the codestream."""
    if reader.read(chain.end, 2) != _EOC:
        if reader.read(chain.end - 2, 2) == _EOC:
            # Packets cannot hold this marker (ISO/IEC 15444-1 B.10.1): it stands where data should.
            truncated(reader, "the last tile-part was cut and an end marker (EOC) pasted on")
        if chain.has_every_packet:
            return ["the end marker (EOC) is missing; every packet of every tile is there"]
        if chain.is_open:
            truncated(reader, "the last tile-part, of open length, is not ended by an end marker (EOC)")
        if codestream_end > reader.size or min(codestream_end, reader.size) > chain.end:
            truncated(reader, "the file ends where its end marker (EOC) should be")
        if not chain.is_counted:
            truncated(reader, "there is no end marker (EOC), and no tile says how many tile-parts it has")
        return ["the end marker (EOC) is missing; all tile-parts are there"]
    end = chain.end + 2
    rest = min(codestream_end, reader.size) - end
    if rest < 0:
        return [f"the codestream ends {-rest:,} bytes after its box does"]
    return [f"{rest:,} bytes follow the end marker (EOC)"] if rest else []


def _check_last_box(reader: FileReader, boxes: FileBoxes) -> None:
    """A file that is cut in its metadata, after the codestream, is truncated too."""
    for box in boxes.all:
        if box.is_cut and box.start > boxes.codestream_start and box.kind in _METADATA_BOXES:
            truncated(reader, f"the file ends inside its {box.name!r} box after the codestream")
