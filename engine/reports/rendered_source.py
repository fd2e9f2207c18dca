"""A source as the pixels that a conversion would encode, for pages that show it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine.config import JpegSettings
from engine.failures import Cause, ImageError, Stage
from engine.formatting import memory_size
from engine.jp2.decoding.colour import plan_colour
from engine.jp2.decoding.decode import decoded
from engine.jp2.decoding.openjpeg import DecoderMessages
from engine.jp2.header import Header
from engine.jp2.jp2_file import Jp2File
from engine.jp2.survey import survey
from engine.jp2.validation.validate import check_structure
from engine.jpeg.libvips import BlobType
from engine.jpeg.limits import check_sides
from engine.jpeg.render import Rendered, render
from engine.memory.prediction import DoesNotFit, choose_plan
from engine.messages import Plan


@dataclass(frozen=True)
class RenderedSource:
    file: Jp2File
    rendered: Rendered
    warnings: tuple[str, ...]


@dataclass(frozen=True)
class DecodingRoom:
    """What decoding one image for a page may take."""

    budget_bytes: int
    """Of memory."""
    threads: int
    scratch: Path
    """Of this page alone."""


@contextmanager
def rendered_source(
    source: Path, image_id: int, settings: JpegSettings, room: DecodingRoom
) -> Iterator[RenderedSource]:
    """Lends the pixels; what they take on scratch is removed. Raises ImageError and OSError."""
    with Jp2File.open(source) as file:
        header = file.header
        check_sides(header.width, header.height, settings.oversize)
        colour_plan = plan_colour(header, settings.icc, settings.background)
        plan = _plan(header, image_id, room)
        pixel_file = room.scratch / f"{image_id}.pixels"
        structure = check_structure(file)
        with decoded(file, structure.features, plan, colour_plan, DecoderMessages(), pixel_file) as picture:
            rendered = render(picture, colour_plan)
            warnings = (
                *header.warnings,
                *file.metadata.warnings,
                *structure.warnings,
                *colour_plan.warnings,
                *rendered.warnings,
            )
            yield RenderedSource(file, rendered, warnings)


def _plan(header: Header, image_id: int, room: DecodingRoom) -> Plan:
    plan = choose_plan(survey(header, image_id), room.budget_bytes, threads=room.threads)
    if isinstance(plan, DoesNotFit):
        needed, budget = memory_size(plan.needed_bytes), memory_size(room.budget_bytes)
        message = f"needs {needed} of memory, and the page may take {budget} now"
        raise ImageError(Cause.OUT_OF_MEMORY, Stage.DECODING, message)
    return plan


def png_of(image: Any, icc: bytes | None) -> bytes:
    """The picture without loss, and with the profile, so that a browser shows the colours of the image."""
    part = image.copy_memory()
    if icc is not None:
        part.set_type(BlobType, "icc-profile-data", icc)
    return bytes(part.pngsave_buffer(compression=9, keep="icc"))
