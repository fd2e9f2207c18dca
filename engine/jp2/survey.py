"""A look at a source before it may start: is it there, and what does its header say?"""

from __future__ import annotations

from engine.jp2.codestream.main_header import read_main_header
from engine.jp2.decoding.colour import recipe_for
from engine.jp2.file_reader import Source
from engine.jp2.header import Header, read_header
from engine.jp2.validation.tile_parts import walk_chain
from engine.messages import Surveyed, SurveyRequest

_END_MARKER = b"\xff\xd9"
_PROBE_WINDOW_BYTES = 4096


def survey_source(request: SurveyRequest) -> Surveyed:
    """Reads the header only; raises ImageError as read_header does."""
    return survey(read_header(request.source_path), request.image_id)


def examine_source(request: SurveyRequest) -> Surveyed:
    """Whatever can be said against an image without a pixel of it, at the price of one more small read.

    Raises ImageError as read_header, recipe_for and, where the end looks wrong, walk_chain do.
    """
    header = read_header(request.source_path)
    recipe_for(header)
    _check_end(request.source_path, header)
    return survey(header, request.image_id)


def _check_end(path: str, header: Header) -> None:
    """Follows the tile-parts of a codestream that has no end marker where its box ends: is something missing?"""
    end = header.codestream_offset + header.codestream_bytes
    with Source(path, _PROBE_WINDOW_BYTES) as source:
        if source.read(end - len(_END_MARKER), len(_END_MARKER)) != _END_MARKER:
            walk_chain(source, read_main_header(source, header.codestream_offset), end)


def survey(header: Header, image_id: int) -> Surveyed:
    """The facts of a header that order and admit an image."""
    finest_dx = min(component.dx for component in header.components)
    finest_dy = min(component.dy for component in header.components)
    across, down = (header.tiles_across, header.tiles_down) if header.tiles_stand_alone else (1, 1)
    return Surveyed(
        image_id=image_id,
        source_bytes=header.file_bytes,
        width=header.width,
        height=header.height,
        components=len(header.components),
        bits=max(component.bits for component in header.components),
        tile_width=_tile_side(header.width, header.tile_width, finest_dx, across),
        tile_height=_tile_side(header.height, header.tile_height, finest_dy, down),
        levels=header.levels,
        colour=header.colour.space.value,
        code_block_samples=header.code_block_samples,
    )


def _tile_side(side: int, on_grid: int, subsampling: int, tiles: int) -> int:
    """Pixels of a tile's side: the picture's where there is one tile, and less wherever there are several.

    A grid with an odd origin may have tiles as wide as the picture and yet two of them.
    """
    return side if tiles == 1 else min(-(-on_grid // subsampling), max(side - 1, 1))
