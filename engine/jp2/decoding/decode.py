"""From a JPEG 2000 file to interleaved pixels: whole, tile by tile, or in strips."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from msgspec import Struct, field

from engine.failures import Cause, ImageError, Stage
from engine.formatting import memory_size
from engine.jp2.codestream.features import CodestreamFeatures
from engine.jp2.decoding.colour import ColourPlan
from engine.jp2.decoding.consumption import TilePartStart, check_consumed
from engine.jp2.decoding.mode_rules import DecodeWay, fault_of
from engine.jp2.decoding.openjpeg import DecodedPlane, Decoder, DecoderMessages, open_decoder
from engine.jp2.decoding.pixel_memory import (
    PixelMemory,
    ReleasePages,
    mapped_pixels,
    nothing_to_release,
    release_rows,
)
from engine.jp2.decoding.pixels import PixelGrid, Pixels, PixelWriter, pixel_grid
from engine.jp2.decoding.witness import Witness, reduced_decode
from engine.jp2.header import Area, Header
from engine.jp2.jp2_file import Jp2File
from engine.memory.usage import give_memory_back
from engine.messages import DecodeMode, Plan

SeeSamples = Callable[[Sequence[DecodedPlane]], None]


class Picture(Struct, frozen=True):
    """Decoded pixels, in memory or in a file."""

    pixels: Pixels
    """(height, width, bands); a mapped file if the plan puts them on disk."""
    release_pages: ReleasePages
    warnings: tuple[str, ...] = ()
    """Samples that were beyond what the header declares; that nothing could be compared."""


@contextmanager
def decoded(
    file: Jp2File,
    features: CodestreamFeatures,
    plan: Plan,
    colour_plan: ColourPlan,
    messages: DecoderMessages,
    pixel_file: Path,
    see: SeeSamples | None = None,
    memory: PixelMemory | None = None,
) -> Iterator[Picture]:
    """Decodes a validated file and lends its pixels; `pixel_file` is used, and removed, if the plan puts them on disk.

    `see` is shown all samples, those of some tiles perhaps twice. `memory` lends the pixels' memory if the image is
    decoded in tiles; in every other mode it is given back, because their peaks have no room for it.

    Every decode mode and any number of threads make the same pixels (`mode_rules`), except that in strips of a lossy
    file about one of ten million samples differs by 1, because OpenJPEG computes areas of the 9-7 in another order.

    Raises ImageError with OpenJPEG's messages, OUT_OF_MEMORY if the plan's mode is none that makes the right pixels of
    this file, or PROOF_FAILED if OpenJPEG did not read every tile-part, or tiles or strips are not those of a decode at
    a reduced resolution; MemoryError, and OSError if there is no room for the pixel file.
    """
    grid = pixel_grid(file.header)
    shape = (grid.height, grid.width, colour_plan.bands)
    dtype = np.dtype(np.uint16 if colour_plan.wide else np.uint8)
    witness: Witness | None = None
    warnings: tuple[str, ...] = ()
    mode = possible_mode(file.header, plan.mode)
    try:
        if memory is not None and (mode is not DecodeMode.TILES or plan.pixels_on_disk):
            memory.release()
        if plan.pixels_on_disk:
            pixels, release_pages = mapped_pixels(pixel_file, shape, dtype)
        elif memory is not None and mode is DecodeMode.TILES:
            pixels, release_pages = memory.lend(shape, dtype), nothing_to_release
        else:
            pixels, release_pages = np.empty(shape, dtype), nothing_to_release
        if mode is not DecodeMode.WHOLE:
            witness, warnings = reduced_decode(file, features, plan.threads)
        writer = PixelWriter(colour_plan, grid, pixels)
        decoding = _Decoding(
            file, features, grid, writer, release_pages, messages, plan.threads, witness, see
        )
        _decode(decoding, plan)
        check_consumed(decoding.read, features.tile_parts)
        writer.check_complete()
        del decoding, witness  # their memory, before the picture is encoded
        give_memory_back()
        yield Picture(pixels, release_pages, (*writer.warnings, *warnings))
    finally:
        if plan.pixels_on_disk:
            pixel_file.unlink(missing_ok=True)


def possible_mode(header: Header, mode: DecodeMode) -> DecodeMode:
    """The mode that can decode this image; tiles that can stand alone are decoded as tiles."""
    if mode is DecodeMode.WHOLE:
        return mode
    if header.tiles_stand_alone:
        return DecodeMode.TILES
    return DecodeMode.WHOLE if mode is DecodeMode.TILES else mode


class _Decoding(Struct, frozen=True):
    """What every decode mode needs."""

    file: Jp2File
    features: CodestreamFeatures
    grid: PixelGrid
    writer: PixelWriter
    release_pages: ReleasePages
    messages: DecoderMessages
    threads: int
    witness: Witness | None
    see: SeeSamples | None
    read: set[TilePartStart] = field(default_factory=set)
    """The tile-parts that any codec has read."""

    @property
    def header(self) -> Header:
        return self.file.header

    @contextmanager
    def decoder(self) -> Iterator[Decoder]:
        header = self.header
        patches = self.features.patches
        with open_decoder(self.file.path, header.container, self.messages, self.threads, patches) as decoder:
            ours = [(part.bits, part.signed, part.dx, part.dy) for part in header.components]
            if decoder.describe() != ours:
                message = "OpenJPEG reads other components than the header has: did the file change?"
                raise ImageError(Cause.CORRUPT, Stage.DECODING, message)
            yield decoder
            self.read.update(decoder.tile_parts_read())

    def write(self, decoder: Decoder, area: Area) -> None:
        planes = decoder.planes()
        if self.witness is not None:
            self.witness.compare(planes, area)
        self.show(planes)
        self.writer.write(planes, self.grid.covered(area))

    def show(self, planes: Sequence[DecodedPlane]) -> None:
        if self.see is not None:
            self.see(planes)


def _decode(decoding: _Decoding, plan: Plan) -> None:
    match possible_mode(decoding.header, plan.mode):
        case DecodeMode.WHOLE:
            _decode_whole(decoding)
        case DecodeMode.TILES:
            _decode_tiles(decoding)
        case DecodeMode.STRIPS:
            _decode_strips(decoding, plan.strip_rows, _strips_per_codec(decoding, plan))


def _decode_whole(decoding: _Decoding) -> None:
    image, grid = decoding.header.grid, decoding.grid
    with decoding.decoder() as decoder:
        decoder.whole()
        planes = decoder.planes()
        decoding.show(planes)

        def after(bottom: int) -> None:
            release_rows(planes, (bottom + grid.y0) * grid.dy)
            decoding.release_pages()

        decoding.writer.write(planes, grid.covered((image.x0, image.y0, image.x1, image.y1)), after)


def _decode_tiles(decoding: _Decoding) -> None:
    """Tile by tile on one codec; if OpenJPEG calls the file corrupt, a row of tiles at a time on fresh codecs.

    The second attempt is for two faults of OpenJPEG. It loses count of the tile-parts it has skipped if those of
    several tiles alternate ("Invalid tile part index"), and it decodes no tile in which some component has no
    sample, as under an odd origin.
    """
    grid = decoding.header.grid
    try:
        with decoding.decoder() as decoder:
            for index in range(grid.tiles):
                decoder.tile(index)
                decoding.write(decoder, grid.tile_area(index))
                if (index + 1) % grid.tiles_across == 0:
                    decoding.release_pages()
    except ImageError as error:
        if error.failure.cause is not Cause.CORRUPT or decoding.messages.errors == []:
            raise
        if fault := fault_of(DecodeWay.STRIPS_ON_FRESH_CODECS, decoding.features):
            message = f"{error.failure.message}: the tiles cannot be decoded one by one, and {fault}"
            raise ImageError(Cause.UNSUPPORTED, Stage.DECODING, message) from error
        decoding.messages.errors.clear()
        decoding.writer.restart()
        if decoding.witness is not None:
            decoding.witness.restart()
        _decode_strips(decoding, -(-grid.tile_height // decoding.grid.dy), per_codec=1)


STRIPS_PER_CODEC = 15
"""After so many strips a fresh codec, because OpenJPEG's list of a code-block's pieces grows by one with each strip.

16 bytes a code-block and strip (2.5.4, measured: 160 MiB over 128 strips of 67 megapixels). The lists double from
15 to 31.
"""


def _strips_per_codec(decoding: _Decoding, plan: Plan) -> int:
    """Of a tiled image each strip is decoded on its own codec, because a codec decodes one area of those."""
    if fault := fault_of(DecodeWay.STRIPS_ON_FRESH_CODECS, decoding.features):
        message = (
            f"this image can only be decoded whole, because {fault}; "
            f"{memory_size(plan.predicted_bytes)} were reserved to decode it in strips"
        )
        raise ImageError(Cause.OUT_OF_MEMORY, Stage.DECODING, message)
    one_codec = not decoding.header.is_tiled and fault_of(DecodeWay.STRIPS, decoding.features) is None
    return STRIPS_PER_CODEC if one_codec else 1


def _decode_strips(decoding: _Decoding, strip_rows: int, per_codec: int) -> None:
    """`per_codec` strips on each codec."""
    header = decoding.header
    strips = strip_edges(header, decoding.grid, strip_rows)
    for first in range(0, len(strips), per_codec):
        with decoding.decoder() as decoder:
            for top, bottom in strips[first : first + per_codec]:
                area = (header.grid.x0, top, header.grid.x1, bottom)
                decoder.area(area)
                decoding.write(decoder, area)
                decoding.release_pages()


def strip_edges(header: Header, grid: PixelGrid, strip_rows: int) -> list[tuple[int, int]]:
    """Top and bottom of each strip on the reference grid, so that no sample of any component is cut in two.

    Strips that are at least as high as the image's tiles are whole rows of tiles, except for a sample that an edge
    would cut. Under an odd origin the rows above the first row of some component belong to the first strip:
    OpenJPEG decodes no area in which a component has no sample.
    """
    image = header.grid
    step = math.lcm(*(part.dy for part in header.components))
    height = max(1, -(-strip_rows * grid.dy // step)) * step
    start = 0
    if header.is_tiled and image.tile_height <= height:
        start, height = image.tile_y0, height // image.tile_height * image.tile_height
    first = start + ((image.y0 - start) // height + 1) * height
    inner = {-(-edge // step) * step for edge in range(first, image.y1, height)}
    edges = [image.y0, *sorted(edge for edge in inner if edge < image.y1), image.y1]
    if len(edges) > 2 and not all(_rows(part.dy, *edges[:2]) for part in header.components):
        del edges[1]
    return list(itertools.pairwise(edges))


def _rows(dy: int, top: int, bottom: int) -> int:
    """Rows of a component's samples between two rows of the reference grid."""
    return -(-bottom // dy) - -(-top // dy)
