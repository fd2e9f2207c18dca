"""From an opened JPEG 2000 file to interleaved pixels: whole, tile by tile, or in strips."""

from __future__ import annotations

import itertools
import math
import mmap
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from engine.failures import Cause, ImageError, Stage
from engine.jp2.decoding.colour import ColourPlan
from engine.jp2.decoding.openjpeg import Decoder, Messages, open_decoder
from engine.jp2.decoding.pixels import Grid, Pixels, PixelWriter, grid_of, region_of
from engine.jp2.decoding.release import release_rows
from engine.jp2.model import Header
from engine.memory.usage import give_memory_back
from engine.messages import DecodeMode, Plan

Settle = Callable[[], None]


def _nothing() -> None:
    pass


@dataclass(frozen=True)
class Picture:
    """Decoded pixels, in memory or in a file."""

    pixels: Pixels
    """(height, width, bands); a mapped file where the plan says on disk."""
    settle: Settle
    """To be called now and then while the pixels are read: keeps those of a file out of this process's memory."""


@contextmanager
def decoded(
    path: str, header: Header, plan: Plan, recipe: ColourPlan, messages: Messages, pixel_file: Path
) -> Iterator[Picture]:
    """Decodes a file and lends its pixels; `pixel_file` is used, and removed, when the plan says on disk.

    The same pixels come out of every lane and any number of threads. Raises ImageError from OpenJPEG's
    verdict, MemoryError, and OSError where the pixel file has no room.
    """
    grid = grid_of(header)
    shape = (grid.height, grid.width, recipe.bands)
    dtype = np.dtype(np.uint16 if recipe.wide else np.uint8)
    try:
        if plan.pixels_on_disk:
            pixels, settle = _mapped(pixel_file, shape, dtype)
        else:
            pixels, settle = np.empty(shape, dtype), _nothing
        painter = PixelWriter(recipe, grid, pixels)
        _decode(_Work(path, header, grid, painter, settle, messages, plan.threads), plan)
        give_memory_back()
        yield Picture(pixels, settle)
    finally:
        if plan.pixels_on_disk:
            pixel_file.unlink(missing_ok=True)


def lane_for(header: Header, lane: DecodeMode) -> DecodeMode:
    """The lane that can decode this image; tiles it has and that can stand alone are decoded as such."""
    if lane is DecodeMode.WHOLE:
        return lane
    if header.tiles_stand_alone:
        return DecodeMode.TILES
    return DecodeMode.WHOLE if lane is DecodeMode.TILES else lane


@dataclass(frozen=True)
class _Work:
    """What every lane needs."""

    path: str
    header: Header
    grid: Grid
    painter: PixelWriter
    settle: Settle
    messages: Messages
    threads: int

    @contextmanager
    def decoder(self) -> Iterator[Decoder]:
        with open_decoder(self.path, self.messages, self.threads) as decoder:
            ours = [(part.bits, part.signed, part.dx, part.dy) for part in self.header.components]
            if decoder.describe() != ours:
                message = "OpenJPEG reads other components than the header told of: did the file change?"
                raise ImageError(Cause.CORRUPT, Stage.DECODING, message)
            yield decoder

    def paint(self, decoder: Decoder, area: Area) -> None:
        self.painter.paint(decoder.planes(), region_of(self.grid, *area))


Area = tuple[int, int, int, int]
"""x0, y0, x1, y1 on the reference grid, the last two excluded."""


def _decode(work: _Work, plan: Plan) -> None:
    match lane_for(work.header, plan.mode):
        case DecodeMode.WHOLE:
            _decode_whole(work)
        case DecodeMode.TILES:
            _decode_tiles(work)
        case DecodeMode.STRIPS:
            _decode_strips(work, plan.strip_rows)


def _decode_whole(work: _Work) -> None:
    header, grid = work.header, work.grid
    with work.decoder() as decoder:
        decoder.whole()
        planes = decoder.planes()

        def after(bottom: int) -> None:
            release_rows(planes, (bottom + grid.y0) * grid.dy)
            work.settle()

        region = region_of(grid, header.x0, header.y0, header.x1, header.y1)
        work.painter.paint(planes, region, after)


def _decode_tiles(work: _Work) -> None:
    """Tile by tile on one codec; row by row on fresh ones where that does not work.

    OpenJPEG loses count of the parts it has skipped where the tiles' parts lie among each other ("Invalid tile
    part index"), and decodes no tile without a sample of some component, under an odd origin: so what it calls
    corrupt is looked at a second time before that is believed.
    """
    header = work.header
    try:
        with work.decoder() as decoder:
            for index in range(header.tiles_across * header.tiles_down):
                decoder.tile(index)
                work.paint(decoder, _tile_area(header, index))
                if (index + 1) % header.tiles_across == 0:
                    work.settle()
    except ImageError as error:
        if error.failure.cause is not Cause.CORRUPT or work.messages.errors == []:
            raise
        work.messages.errors.clear()
        _decode_strips(work, -(-header.tile_height // work.grid.dy))


def _tile_area(header: Header, index: int) -> Area:
    row, column = divmod(index, header.tiles_across)
    x0 = header.tile_x0 + column * header.tile_width
    y0 = header.tile_y0 + row * header.tile_height
    return x0, y0, x0 + header.tile_width, y0 + header.tile_height


STRIPS_PER_CODEC = 15
"""After so many strips a fresh codec: with each one OpenJPEG's list of a code-block's pieces grows by one.

16 bytes a code-block and strip (2.5.4, measured: 160 MiB over 128 strips of 67 megapixels). Its lists double
from 15 to 31.
"""


def _decode_strips(work: _Work, strip_rows: int) -> None:
    """Strip by strip; of a tiled image each on a codec of its own, for one takes a single area of those."""
    header = work.header
    strips = strip_edges(header, work.grid, strip_rows)
    per_codec = 1 if header.is_tiled else STRIPS_PER_CODEC
    for first in range(0, len(strips), per_codec):
        with work.decoder() as decoder:
            for top, bottom in strips[first : first + per_codec]:
                area = (header.x0, top, header.x1, bottom)
                decoder.area(*area)
                work.paint(decoder, area)
                work.settle()


def strip_edges(header: Header, grid: Grid, strip_rows: int) -> list[tuple[int, int]]:
    """Top and bottom of each strip on the reference grid, no sample of any component cut in two.

    Strips no lower than the image's tiles are of whole rows of them, but for the sample an edge would cut. What
    lies above the first row of some component, under an odd origin, belongs to the first strip: OpenJPEG
    decodes no area in which a component has no sample.
    """
    step = math.lcm(*(part.dy for part in header.components))
    height = max(1, -(-strip_rows * grid.dy // step)) * step
    start = 0
    if header.is_tiled and header.tile_height <= height:
        start, height = header.tile_y0, height // header.tile_height * header.tile_height
    first = start + ((header.y0 - start) // height + 1) * height
    inner = {-(-edge // step) * step for edge in range(first, header.y1, height)}
    edges = [header.y0, *sorted(edge for edge in inner if edge < header.y1), header.y1]
    if len(edges) > 2 and not all(_rows(part.dy, *edges[:2]) for part in header.components):
        del edges[1]
    return list(itertools.pairwise(edges))


def _rows(dy: int, top: int, bottom: int) -> int:
    """Of a component's samples between two places on the reference grid."""
    return -(-bottom // dy) - -(-top // dy)


def _mapped(file: Path, shape: tuple[int, int, int], dtype: np.dtype[Any]) -> tuple[Pixels, Settle]:
    """Pixels in a file of their own. Its blocks are taken now: a full disk is an error here, no SIGBUS later."""
    size = math.prod(shape) * dtype.itemsize
    with file.open("w+b") as opened:
        _allocate(opened.fileno(), size)
        mapping = mmap.mmap(opened.fileno(), size)
    pixels: Pixels = np.frombuffer(mapping, dtype).reshape(shape)

    def settle() -> None:
        # Of a shared mapping this drops the pages from the process, not from the file (madvise(2)).
        if hasattr(mmap, "MADV_DONTNEED"):
            mapping.madvise(mmap.MADV_DONTNEED)

    return pixels, settle


def _allocate(descriptor: int, size: int) -> None:
    if hasattr(os, "posix_fallocate"):
        os.posix_fallocate(descriptor, 0, size)
        return
    block = bytes(1 << 20)
    for start in range(0, size, len(block)):
        os.write(descriptor, block[: size - start])
