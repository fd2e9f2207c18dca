"""One image of a review: its delivered JPEG is fetched and checked, its source decoded, and both are cropped."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from engine.config import JpegSettings
from engine.conversion.verify import psnr_db
from engine.failures import ImageError
from engine.files.atomic_files import naming
from engine.jpeg.inspect import JpegError, JpegFacts, read_jpeg
from engine.jpeg.libvips import Image, VipsError
from engine.ledger.models import ImageRow
from engine.reports.proof_sheet.crop import Crop
from engine.reports.rendered_source import DecodingRoom, png_of, rendered_source
from engine.reports.review.crops import Place, PlacedCrop, choose_crops
from engine.reports.review.draw import Reason
from engine.scratch import DISK_ERRORS
from engine.store.base import Store, StoreError

_OVERVIEW_SIDE = 220
"""Pixels of the longer side."""


@dataclass(frozen=True)
class ShownCrop:
    """A part of the image, at one pixel for one, of the source and of the JPEG."""

    place: Place
    crop: Crop
    psnr_db: float
    """Of this part alone."""
    source_png: bytes
    jpeg_png: bytes


@dataclass(frozen=True)
class ReviewedImage:
    row: ImageRow
    reason: Reason
    facts: JpegFacts
    overview_png: bytes
    """Of the delivered JPEG."""
    crops: tuple[ShownCrop, ...]


@dataclass(frozen=True)
class Finding:
    """An image that was drawn and cannot be judged: what is wrong, and what it means."""

    row: ImageRow
    reason: Reason
    message: str


def look_at(
    row: ImageRow,
    reason: Reason,
    source: Path,
    store: Store,
    settings: JpegSettings,
    room: DecodingRoom,
    most_crops: int,
) -> ReviewedImage | Finding:
    """Temporary files go to the room's scratch and are removed. Raises OSError if the disk with scratch is full or
    fails, and StoreError if the store, not this object, does not answer."""
    path = room.scratch / f"{row.id}.jpg"
    try:
        with naming(room.scratch):
            problem = _fetch(store, row, path)
            if problem is not None:
                return Finding(row, reason, problem)
            return _look(row, reason, source, path, settings, room, most_crops)
    except (ImageError, JpegError, VipsError) as error:
        why = error.failure.message if isinstance(error, ImageError) else str(error)
        return Finding(row, reason, f"its source and its JPEG could not be compared: {why}")
    except OSError as error:
        if error.errno in DISK_ERRORS:
            raise
        return Finding(row, reason, f"its source could not be read: {source}: {error.strerror or error}")
    finally:
        path.unlink(missing_ok=True)


def _fetch(store: Store, row: ImageRow, path: Path) -> str | None:
    """What is wrong with the delivered object; None if it is what the ledger says."""
    with path.open("wb") as out:
        try:
            md5 = store.fetch(row.target, out)
        except StoreError as error:
            store.probe()  # raises if it is not this object's fault
            return f"its JPEG cannot be read: {error.failure.message}"
    if md5 is None:
        return (
            "it is not in the store, although the ledger has it as done: `photostat reconcile` shows all such"
        )
    if md5 != row.md5:
        return (
            f"another object is in the store in its place ({path.stat().st_size:,} bytes, MD5 {md5}; the ledger has "
            f"{row.jpeg_bytes or 0:,} bytes, MD5 {row.md5}): `photostat reconcile` shows all such"
        )
    return None


def _look(
    row: ImageRow,
    reason: Reason,
    source: Path,
    path: Path,
    settings: JpegSettings,
    room: DecodingRoom,
    most_crops: int,
) -> ReviewedImage | Finding:
    facts = read_jpeg(path)
    with rendered_source(source, row.id, settings, room) as found:
        image = found.rendered.image
        channels = len(facts.sampling)
        if (image.width, image.height, image.bands) != (facts.width, facts.height, channels):
            return Finding(
                row,
                reason,
                f"its JPEG has {facts.width} × {facts.height} pixels in {channels} channels, and its source would now "
                f"give {image.width} × {image.height} in {image.bands}: the source or the settings have changed since",
            )
        placed = choose_crops(image, _jpeg(path), most_crops)
        crops = tuple(_shown(one, image, path, found.rendered.icc, facts.icc) for one in placed)
    overview = Image.thumbnail(str(path), _OVERVIEW_SIDE, height=_OVERVIEW_SIDE, no_rotate=True, size="down")
    return ReviewedImage(row, reason, facts, png_of(overview, facts.icc), crops)


def _jpeg(path: Path) -> Any:
    return Image.jpegload(str(path), access="sequential")


def _shown(
    placed: PlacedCrop, source: Any, path: Path, source_icc: bytes | None, jpeg_icc: bytes | None
) -> ShownCrop:
    crop = placed.crop
    parts = [
        image.crop(crop.left, crop.top, crop.width, crop.height).copy_memory()
        for image in (source, _jpeg(path))
    ]
    before, after = (part.numpy().astype(np.int16) for part in parts)
    squares = float(((before - after).astype(np.float64) ** 2).sum())
    return ShownCrop(
        placed.place,
        crop,
        psnr_db(squares, before.size),
        png_of(parts[0], source_icc),
        png_of(parts[1], jpeg_icc),
    )
