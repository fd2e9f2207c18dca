"""One image of a proof sheet: decoded once, encoded at every quality, measured, and cropped at full size."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from msgspec import structs
from numpy.typing import NDArray

from engine.config import JpegSettings
from engine.conversion.verify import Expected, prove
from engine.failures import Cause, Failure, ImageError, Stage
from engine.jp2.decoding.colour import recipe_for
from engine.jp2.decoding.decode import decoded
from engine.jp2.decoding.openjpeg import Messages
from engine.jp2.header import Header, read_header
from engine.jp2.survey import survey
from engine.jpeg.encode import write_jpeg
from engine.jpeg.libvips import Image
from engine.jpeg.metadata import leading_markers
from engine.jpeg.render import Rendered, check_sides, render
from engine.ledger.models import ImageRow
from engine.memory.prediction import DoesNotFit, choose_plan
from engine.messages import Plan

CROP_WIDTH, CROP_HEIGHT = 332, 320
_BLOCK = 32
"""Pixels; detail is measured in squares of this side."""
_DETAIL_SHARE = 0.85
"""The crop has more detail than this share of all places: telling, without being the picture's oddest corner."""
_MARGIN_SHARE = 0.06
"""Of each side, left out: the scanner's bed is not what anybody looks at."""


@dataclass(frozen=True)
class Crop:
    """Pixels from the left and the top, and the size."""

    left: int
    top: int
    width: int
    height: int


@dataclass(frozen=True)
class Candidate:
    """What one quality makes of an image."""

    quality: int
    subsampling: str
    jpeg_bytes: int
    psnr_db: float
    """Over the whole picture."""
    png: bytes
    """The crop as the JPEG shows it."""


@dataclass(frozen=True)
class Specimen:
    row: ImageRow
    width: int
    height: int
    source_bytes: int
    crop: Crop
    png: bytes
    """The crop of the source, in the pixels that are encoded."""
    candidates: tuple[Candidate, ...]
    warnings: tuple[str, ...]


@dataclass(frozen=True)
class Unreadable:
    """An image of the sample that could not be shown."""

    row: ImageRow
    failure: Failure


def examine(
    row: ImageRow,
    source: Path,
    settings: JpegSettings,
    qualities: Sequence[int],
    budget_bytes: int,
    threads: int,
    scratch: Path,
) -> Specimen | Unreadable:
    """Decodes within `budget_bytes` of memory; temporary files go to `scratch` and are removed."""
    try:
        return _examine(row, source, settings, qualities, budget_bytes, threads, scratch)
    except ImageError as error:
        return Unreadable(row, error.failure)
    except OSError as error:
        failure = Failure(Cause.SOURCE_UNREADABLE, Stage.READING, f"{source}: {error.strerror or error}")
        return Unreadable(row, failure)


def _examine(
    row: ImageRow,
    source: Path,
    settings: JpegSettings,
    qualities: Sequence[int],
    budget_bytes: int,
    threads: int,
    scratch: Path,
) -> Specimen:
    header = read_header(str(source))
    check_sides(header.width, header.height, settings.oversize)
    recipe = recipe_for(header, settings.icc, settings.background)
    plan = _plan(header, row.id, budget_bytes, threads)
    pixel_file = scratch / f"{row.id}.pixels"
    with decoded(str(source), header, plan, recipe, Messages(), pixel_file) as picture:
        rendered = render(picture, recipe)
        crop = choose_crop(rendered.image)
        chosen = [structs.replace(settings, quality=quality, verify="full") for quality in qualities]
        return Specimen(
            row=row,
            width=rendered.image.width,
            height=rendered.image.height,
            source_bytes=header.file_bytes,
            crop=crop,
            png=_png(rendered.image, crop, rendered.icc),
            candidates=tuple(_candidate(header, rendered, one, crop, scratch, row.id) for one in chosen),
            warnings=(*header.warnings, *recipe.warnings, *rendered.warnings),
        )


def _plan(header: Header, image_id: int, budget_bytes: int, threads: int) -> Plan:
    plan = choose_plan(survey(header, image_id), budget_bytes, threads=threads)
    if isinstance(plan, DoesNotFit):
        message = f"needs {plan.needed_bytes:,} bytes of memory, {budget_bytes:,} are there"
        raise ImageError(Cause.OUT_OF_MEMORY, Stage.DECODING, message)
    return plan


def _candidate(
    header: Header, rendered: Rendered, settings: JpegSettings, crop: Crop, scratch: Path, image_id: int
) -> Candidate:
    """Encodes exactly as the conversion does, and proves the whole of it."""
    path = scratch / f"{image_id}-{settings.quality}.jpg"
    keep = settings.metadata == "keep"
    markers, _ = leading_markers(header, rendered.icc, rendered.scale, keep)
    try:
        with path.open("wb") as file:
            written = write_jpeg(file, rendered, settings, markers)
        expected = Expected(
            rendered.image, settings.quality, settings.chroma_halved, rendered.icc, rendered.settle
        )
        proof = prove(path, expected, settings.verify)
        png = _png(Image.jpegload(str(path)), crop, rendered.icc)
    finally:
        path.unlink(missing_ok=True)
    sampling = "grey" if rendered.image.bands == 1 else "4:2:0" if settings.chroma_halved else "4:4:4"
    return Candidate(settings.quality, sampling, written.jpeg_bytes, proof.psnr_db, png)


def _png(image: Any, crop: Crop, icc: bytes | None) -> bytes:
    """The crop, lossless, with its profile, so that a browser shows the colours of the picture."""
    part = image.crop(crop.left, crop.top, crop.width, crop.height).copy_memory()
    if icc is not None:
        part.set_type(_blob_type(), "icc-profile-data", icc)
    return bytes(part.pngsave_buffer(compression=9, keep="icc"))


def _blob_type() -> Any:
    from pyvips import GValue

    return GValue.blob_type


def choose_crop(image: Any) -> Crop:
    """A window with more detail than most others, away from the edges; the same for the same pixels."""
    width, height = min(CROP_WIDTH, image.width), min(CROP_HEIGHT, image.height)
    grey = image.extract_band(1) if image.bands >= 3 else image
    if min(image.width, image.height) < 4 * _BLOCK:
        return Crop((image.width - width) // 2, (image.height - height) // 2, width, height)
    detail = grey.sobel().shrink(_BLOCK, _BLOCK).numpy().astype(np.float64)
    scores = _window_sums(detail, max(1, height // _BLOCK), max(1, width // _BLOCK))
    rows, columns = scores.shape
    keep_rows, keep_columns = int(rows * _MARGIN_SHARE), int(columns * _MARGIN_SHARE)
    inner = scores[keep_rows : rows - keep_rows, keep_columns : columns - keep_columns]
    order = np.argsort(inner, axis=None, kind="stable")
    place = int(order[int((len(order) - 1) * _DETAIL_SHARE)])
    row, column = divmod(place, inner.shape[1])
    left = min((column + keep_columns) * _BLOCK, image.width - width)
    top = min((row + keep_rows) * _BLOCK, image.height - height)
    return Crop(left, top, width, height)


def _window_sums(values: NDArray[np.float64], rows: int, columns: int) -> NDArray[np.float64]:
    """The sum over every window of that many rows and columns (or all there are)."""
    rows, columns = min(rows, values.shape[0]), min(columns, values.shape[1])
    table = np.pad(values.cumsum(axis=0).cumsum(axis=1), ((1, 0), (1, 0)))
    sums = (
        table[rows:, columns:] - table[:-rows, columns:] - table[rows:, :-columns] + table[:-rows, :-columns]
    )
    return np.asarray(sums, np.float64)
