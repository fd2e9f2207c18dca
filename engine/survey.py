"""A look at a source before it may start: is it there, and what does its header say?"""

from __future__ import annotations

from engine.jp2.header import Header, read_header
from engine.messages import Surveyed, SurveyRequest


def survey_source(request: SurveyRequest) -> Surveyed:
    """Reads the header only; raises ImageError as read_header does."""
    return survey(read_header(request.source_path), request.image_id)


def survey(header: Header, image_id: int) -> Surveyed:
    """The facts of a header that order and admit an image."""
    return Surveyed(
        image_id=image_id,
        source_bytes=header.file_bytes,
        width=header.width,
        height=header.height,
        components=len(header.components),
        bits=max(component.bits for component in header.components),
        tile_width=header.tile_width,
        tile_height=header.tile_height,
        levels=header.levels,
        colour=header.colour.space.value,
    )
