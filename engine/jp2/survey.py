"""What is found out about a source before it may start: is it there, and what does its header hold?"""

from __future__ import annotations

from collections.abc import Callable

from msgspec import structs

from engine.failures import ImageError
from engine.jp2.codestream.features import CodestreamFeatures
from engine.jp2.codestream.marker_segments import Marker
from engine.jp2.decoding.colour import plan_colour
from engine.jp2.decoding.mode_rules import DecodeWay, fault_of
from engine.jp2.file_reader import TILE_PART_WINDOW_BYTES
from engine.jp2.header import Header
from engine.jp2.jp2_file import Jp2File
from engine.jp2.kinds import kind_of
from engine.jp2.validation.tile_parts import tile_parts, walk_chain
from engine.messages import Surveyed, SurveyRequest

_EOC = Marker.EOC.to_bytes(2)


def survey_source(request: SurveyRequest) -> Surveyed:
    """Reads the header only; raises ImageError as `Jp2File` does."""
    with Jp2File.open(request.source_path) as file:
        return _surveyed(file, request.image_id)


def examine_source(
    request: SurveyRequest, gpu_refusal: Callable[[Jp2File], str] = lambda file: ""
) -> Surveyed:
    """Finds every fault that shows without a pixel, for one more small read than a survey.

    Raises ImageError as survey_source, plan_colour and, if the end looks wrong, walk_chain do.
    """
    with Jp2File.open(request.source_path) as file:
        plan_colour(file.header)
        _check_end(file)
        return structs.replace(_surveyed(file, request.image_id), gpu_refusal=gpu_refusal(file))


def _surveyed(file: Jp2File, image_id: int) -> Surveyed:
    facts = survey(file.header, image_id)
    if not file.header.tiles_stand_alone and not facts.whole_only:
        facts = structs.replace(facts, whole_only=_has_high_throughput_tile(file))
    return structs.replace(facts, kind=kind_of(file))


def _has_high_throughput_tile(file: Jp2File) -> bool:
    """Whether the first tile-part has HT code-blocks by a COD or COC of its own. If it is damaged, decoding says so."""
    reader = file.reader.with_window(TILE_PART_WINDOW_BYTES)
    try:
        first = next(tile_parts(reader, file.main_header, file.header.codestream_end), None)
    except ImageError:
        return False
    styles = first.header.styles if first is not None else None
    return styles is not None and styles.high_throughput


def _check_end(file: Jp2File) -> None:
    """Follows the tile-parts of a codestream that has no end marker where its box ends: is something missing?"""
    reader, end = file.reader.with_window(TILE_PART_WINDOW_BYTES), file.header.codestream_end
    if reader.read(end - len(_EOC), len(_EOC)) != _EOC:
        walk_chain(reader, file.main_header, end)


def survey(header: Header, image_id: int) -> Surveyed:
    """The facts of a header by which an image is ordered and admitted."""
    grid, alone = header.grid, header.tiles_stand_alone
    stated = CodestreamFeatures(high_throughput=header.high_throughput)
    across, down = (grid.tiles_across, grid.tiles_down) if alone else (1, 1)
    return Surveyed(
        image_id=image_id,
        source_bytes=header.file_bytes,
        width=header.width,
        height=header.height,
        components=len(header.components),
        bits=max(component.bits for component in header.components),
        tile_width=_tile_side(header.width, grid.tile_width, header.finest_dx, across),
        tile_height=_tile_side(header.height, grid.tile_height, header.finest_dy, down),
        levels=header.levels,
        colour=header.colour.space.value,
        code_block_samples=header.code_block_samples,
        whole_only=not alone and fault_of(DecodeWay.STRIPS_ON_FRESH_CODECS, stated) is not None,
    )


def _tile_side(side: int, on_grid: int, subsampling: int, tiles: int) -> int:
    """Pixels of a tile's side: the picture's if there is one tile, and fewer whenever there are several.

    A grid with an odd origin may have tiles as wide as the picture and yet two of them.
    """
    return side if tiles == 1 else min(-(-on_grid // subsampling), max(side - 1, 1))
