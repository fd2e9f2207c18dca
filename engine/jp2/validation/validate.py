"""Is the file whole? A walk along the tile-parts and jpylyzer's tests, before a pixel is decoded."""

from __future__ import annotations

from msgspec import Struct, structs

from engine.jp2.boxes.file_boxes import FileBoxes
from engine.jp2.codestream.features import CodestreamFeatures, Patch
from engine.jp2.errors import truncated
from engine.jp2.file_reader import TILE_PART_WINDOW_BYTES, FileReader
from engine.jp2.jp2_file import Jp2File
from engine.jp2.validation.end_marker import EOC, end_warnings
from engine.jp2.validation.jpylyzer_checks import jpylyzer_warnings
from engine.jp2.validation.tile_parts import walk_chain

_METADATA_BOXES = frozenset({b"uuid", b"xml ", b"uinf", b"jp2i", b"asoc", b"nlst", b"lbl ", b"free", b"jp2c"})
"""Boxes that may follow a codestream: if one of these is cut, the file is, which stray bytes do not show."""


class Structure(Struct, frozen=True):
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
    warnings = [*chain.warnings, *end_warnings(reader, chain.chain_end, file.header.codestream_end)]
    if file.boxes is not None:
        _check_last_box(file.reader, file.boxes)
    features = chain.features
    if reader.read(chain.end, 2) != EOC:
        # Without the marker OpenJPEG fails: "Stream too short".
        features = structs.replace(features, patches=(*features.patches, Patch(chain.end, EOC)))
    return Structure(features, (*warnings, *jpylyzer_warnings(file, chain)))


def _check_last_box(reader: FileReader, boxes: FileBoxes) -> None:
    """A file that is cut in its metadata, after the codestream, is truncated too."""
    for box in boxes.all:
        if box.is_cut and box.start > boxes.codestream_start and box.kind in _METADATA_BOXES:
            truncated(reader, f"the file ends inside its {box.name!r} box after the codestream")
