"""Makes a small rendition of one file: JPEG 2000 at a reduced resolution, JPEG as libjpeg shrinks it on loading.

What is damaged is drawn as far as OpenJPEG decodes it, because somebody wants to see what failed."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from msgspec import structs

from engine.failures import Cause, ImageError, Stage, one_line
from engine.files.regular_files import open_bytes
from engine.formatting import memory_size
from engine.jp2.codestream.features import CodestreamFeatures
from engine.jp2.decoding.channels import ChannelSource
from engine.jp2.decoding.colour import ColourModel, ColourPlan, plan_colour
from engine.jp2.decoding.decode import Picture
from engine.jp2.decoding.openjpeg import DecodedPlane, DecoderMessages, open_decoder
from engine.jp2.decoding.pixel_memory import nothing_to_release
from engine.jp2.decoding.pixels import PixelGrid, PixelWriter
from engine.jp2.header import Header
from engine.jp2.jp2_file import Jp2File
from engine.jp2.validation.validate import check_structure
from engine.jpeg.libvips import Image, VipsError, vips_failure
from engine.jpeg.render import render
from engine.messages import KnownStore
from engine.renditions.request import (
    NoRendition,
    Original,
    Rendition,
    RenditionRequest,
    ScratchJpeg,
    SourceFile,
    StoredJpeg,
)
from engine.store.base import StoreError
from engine.store.open import open_store
from engine.workspace import Workspace

_REDUCED_SAMPLE_BYTES = 10
"""OpenJPEG's int32, its copy while the wavelet is undone, and the pixels."""
_RECORDS_BYTES_PER_SAMPLE = 0.15
"""OpenJPEG has records for the code-blocks of every resolution (460 bytes for 4,096 samples, and their trees)."""
_PROCESS_BYTES = 160 << 20


def draw(request: RenditionRequest) -> Rendition | NoRendition:
    """Raises nothing that a file can cause, but MemoryError, and what libraries raise unforeseen."""
    try:
        if isinstance(request.original, SourceFile):
            return _source(request.original.path, request)
        return _jpeg(request.original, request)
    except ImageError as error:
        return NoRendition(error.failure.message)
    except StoreError as error:
        return NoRendition(error.failure.message)
    except OSError as error:
        return NoRendition(one_line(f"{error.filename or 'reading it'}: {error.strerror or error}"))


def _source(path: str, request: RenditionRequest) -> Rendition | NoRendition:
    with Jp2File.open(path) as file:
        header = file.header
        plan, unsaid = _plan(header)
        features, damage = _features(file)
        left_out = levels_to_leave_out(file, features, plan, request.longest_side)
        needed = needed_bytes(header, left_out)
        if needed > request.most_bytes:
            return NoRendition(
                f"a small picture of it would take {memory_size(needed)} of memory, and it may take "
                f"{memory_size(request.most_bytes)}"
            )
        try:
            if damage:
                raise ImageError(Cause.CORRUPT, Stage.VALIDATING, damage)
            pixels = _decoded(file, features, plan, left_out, strict=True)
        except ImageError as error:
            damage = f"damaged, drawn as far as it can be decoded: {error.failure.message}"
            pixels = _decoded(file, features, plan, left_out, strict=False)
    note = "; ".join(filter(None, (damage, unsaid)))
    image = render(Picture(pixels, nothing_to_release), plan).image
    return _small(image, request.longest_side, (header.width, header.height), note)


def _plan(header: Header) -> tuple[ColourPlan, str]:
    """With a note if the colours cannot be known: the first component shows what the picture is of."""
    try:
        return plan_colour(header, "srgb"), ""
    except ImageError as error:
        first = header.components[0]
        plan = ColourPlan(ColourModel.GREY, (ChannelSource(0, first.bits, first.signed),))
        return plan, f"only the first component is drawn: {error.failure.message}"


def _features(file: Jp2File) -> tuple[CodestreamFeatures, str]:
    """With what is wrong with the file's structure, if anything is."""
    try:
        return check_structure(file).features, ""
    except ImageError as error:
        return CodestreamFeatures(), error.failure.message


def levels_to_leave_out(
    file: Jp2File, features: CodestreamFeatures, plan: ColourPlan, longest_side: int
) -> int:
    """Of the decomposition levels as many as every tile has and the rendition does not need.

    None with a palette, whose indices must not be mixed."""
    header = file.header
    if any(channel.table is not None for channel in plan.colours):
        return 0
    every = [file.main_header.styles, *features.tile_styles.values()]
    fewest = min(style.of(index).levels for style in every for index in range(len(header.components)))
    times = max(header.width, header.height) // max(1, longest_side)
    return min(fewest, max(0, times.bit_length() - 1))


def needed_bytes(header: Header, left_out: int) -> int:
    """The most memory that it takes to decode all but so many levels."""
    samples = sum(part.width * part.height for part in header.components)
    tiles = max(1, header.grid.tiles // 2)  # some tiles have twice the average
    compressed = min(header.codestream_bytes, header.file_bytes) / tiles
    return int(
        _PROCESS_BYTES
        + compressed
        + samples * _RECORDS_BYTES_PER_SAMPLE / tiles
        + (samples >> 2 * left_out) * _REDUCED_SAMPLE_BYTES
    )


@dataclass(frozen=True)
class _Shape:
    grid: PixelGrid
    planes: list[DecodedPlane]


def _decoded(
    file: Jp2File, features: CodestreamFeatures, plan: ColourPlan, left_out: int, *, strict: bool
) -> Any:
    header = file.header
    messages = DecoderMessages()
    with open_decoder(
        file.path, header.container, messages, patches=features.patches, strict=strict
    ) as decoder:
        if left_out:
            decoder.reduced(left_out)
        else:
            decoder.whole()
        shape = _reduced_shape(header, decoder.planes())
        grid = shape.grid
        pixels = np.empty((grid.height, grid.width, plan.bands), np.uint16 if plan.wide else np.uint8)
        PixelWriter(plan, grid, pixels).write(
            shape.planes, grid.covered((0, 0, grid.width * grid.dx, grid.height * grid.dy))
        )
    return pixels


def _reduced_shape(header: Header, planes: list[DecodedPlane]) -> _Shape:
    """The planes from the corner on, and the pixels of the finest one; OpenJPEG states where they would lie in full."""
    dx, dy = header.finest_dx, header.finest_dy
    finest = [plane.samples.shape for plane in planes if (plane.dx, plane.dy) == (dx, dy)]
    height, width = finest[0] if finest else max(plane.samples.shape for plane in planes)
    return _Shape(
        PixelGrid(dx, dy, 0, 0, width, height), [structs.replace(plane, x0=0, y0=0) for plane in planes]
    )


def _jpeg(original: Original, request: RenditionRequest) -> Rendition | NoRendition:
    data = _bytes_of(original, request.most_bytes // 4)
    if data is None:
        return NoRendition("it is not there")
    if len(data) > request.most_bytes // 4:
        return NoRendition(f"the JPEG has more than {memory_size(request.most_bytes // 4)}")
    side = request.longest_side
    try:
        full = Image.new_from_buffer(data, "")
        options = {"height": side, "size": "down", "no_rotate": True}
        try:
            image = Image.thumbnail_buffer(data, side, export_profile="srgb", **options)
        except VipsError:  # a profile that cannot be used is carried, not needed
            image = Image.thumbnail_buffer(data, side, **options)
        return _small(image, side, (full.width, full.height), "")
    except VipsError as error:
        raise vips_failure(error, Stage.DECODING, Cause.CORRUPT) from error


def _bytes_of(original: Original, most_bytes: int) -> bytes | None:
    """None if it is not there; one byte more than `most_bytes` if it is longer than that."""
    if isinstance(original, StoredJpeg):
        workspace = Workspace(Path(original.root))
        with closing(open_store(workspace.config().store, workspace.root, KnownStore())) as store:
            return store.read(original.target, most_bytes + 1)
    assert isinstance(original, ScratchJpeg)
    try:
        with open_bytes(original.path) as file:
            return file.read(most_bytes + 1)
    except FileNotFoundError:
        return None


def _small(image: Any, longest_side: int, full: tuple[int, int], note: str) -> Rendition:
    try:
        small = image.thumbnail_image(longest_side, height=longest_side, size="down", no_rotate=True)
        small = small.colourspace("srgb").cast("uchar")
        rgb = small.extract_band(0, n=3).write_to_memory()
    except VipsError as error:
        raise vips_failure(error, Stage.DECODING) from error
    return Rendition(small.width, small.height, bytes(rgb), *full, note)
