"""One image of a proof sheet: decoded once, encoded at every quality, compared with its pixels, and cropped."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from msgspec import structs

from engine.config import JpegSettings
from engine.conversion.verify import ExpectedJpeg, verify_jpeg
from engine.failures import Cause, Failure, ImageError, Stage
from engine.files.atomic_files import naming
from engine.jp2.jp2_file import Jp2File
from engine.jpeg.encode import write_jpeg
from engine.jpeg.libvips import Image
from engine.jpeg.metadata import leading_markers, metadata_to_write
from engine.jpeg.render import Rendered
from engine.ledger.models import ImageRow
from engine.reports.proof_sheet.crop import Crop, choose_crop
from engine.reports.rendered_source import DecodingRoom, png_of, rendered_source
from engine.scratch import DISK_ERRORS


@dataclass(frozen=True)
class SampleJpeg:
    """The image as a JPEG of one quality."""

    quality: int
    subsampling: str
    jpeg_bytes: int
    psnr_db: float
    """Over the whole image."""
    png: bytes
    """The crop as the JPEG shows it."""


@dataclass(frozen=True)
class SampleImage:
    row: ImageRow
    width: int
    height: int
    source_bytes: int
    crop: Crop
    png: bytes
    """The crop of the source, in the pixels that are encoded."""
    jpegs: tuple[SampleJpeg, ...]
    """One of each quality, in the order of the sheet."""
    warnings: tuple[str, ...]


@dataclass(frozen=True)
class UnreadableImage:
    """An image of the sample that could not be decoded."""

    row: ImageRow
    failure: Failure


@dataclass(frozen=True)
class Trial:
    """How the images of a proof sheet are encoded."""

    qualities: tuple[int, ...]
    threads: int
    """For decoding one image."""
    scratch: Path
    """Of this proof sheet alone."""


def encode_sample(
    row: ImageRow, source: Path, settings: JpegSettings, trial: Trial, budget_bytes: int
) -> SampleImage | UnreadableImage:
    """Decodes within `budget_bytes` of memory; temporary files go to scratch and are removed.

    Raises OSError if the disk with scratch is full or fails."""
    try:
        with naming(trial.scratch):
            return _encode_sample(row, source, settings, trial, budget_bytes)
    except ImageError as error:
        return UnreadableImage(row, error.failure)
    except OSError as error:
        if error.errno in DISK_ERRORS:
            raise
        failure = Failure(Cause.SOURCE_UNREADABLE, Stage.READING, f"{source}: {error.strerror or error}")
        return UnreadableImage(row, failure)


def _encode_sample(
    row: ImageRow, source: Path, settings: JpegSettings, trial: Trial, budget_bytes: int
) -> SampleImage:
    room = DecodingRoom(budget_bytes, trial.threads, trial.scratch)
    with rendered_source(source, row.id, settings, room) as found:
        file, rendered = found.file, found.rendered
        crop = choose_crop(rendered.image)
        variants = [structs.replace(settings, quality=one, verify="full") for one in trial.qualities]
        return SampleImage(
            row=row,
            width=rendered.image.width,
            height=rendered.image.height,
            source_bytes=file.header.file_bytes,
            crop=crop,
            png=_png(rendered.image, crop, rendered.icc),
            jpegs=tuple(_encode(file, rendered, one, crop, trial.scratch, row.id) for one in variants),
            warnings=found.warnings,
        )


def _encode(
    file: Jp2File, rendered: Rendered, settings: JpegSettings, crop: Crop, scratch: Path, image_id: int
) -> SampleJpeg:
    """Encodes exactly as a conversion does, and compares every pixel."""
    path = scratch / f"{image_id}-{settings.quality}.jpg"
    metadata = metadata_to_write(file.metadata, settings)
    markers, _ = leading_markers(file.header, metadata, rendered.icc, rendered.scale)
    try:
        with path.open("wb") as out:
            written = write_jpeg(out, rendered, settings, markers)
        expected = ExpectedJpeg(
            rendered.image, settings.quality, settings.chroma_halved, rendered.icc, rendered.release_pages
        )
        verification = verify_jpeg(path, expected, settings.verify)
        png = _png(Image.jpegload(str(path)), crop, rendered.icc)
    finally:
        path.unlink(missing_ok=True)
    subsampling = "grey" if rendered.image.bands == 1 else "4:2:0" if settings.chroma_halved else "4:4:4"
    return SampleJpeg(settings.quality, subsampling, written.jpeg_bytes, verification.psnr_db, png)


def _png(image: Any, crop: Crop, icc: bytes | None) -> bytes:
    return png_of(image.crop(crop.left, crop.top, crop.width, crop.height), icc)
