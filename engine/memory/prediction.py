"""How much memory an image will need, from its header alone, and which way of decoding it fits in a given amount. Pure.

The model is the sum of what a worker really holds at its peak: the process itself, the compressed codestream and
OpenJPEG's records for it (one for each code-block), the decoded samples (32 bits each), and the 8-bit pixels that the
JPEG encoder takes. The constants are measured (bench/memory.py measures them again); `Calibration` corrects them by
what the images of this collection have really taken.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import Protocol

from msgspec import Struct, structs

from engine.config import PLAIN_JPEG, JpegSettings
from engine.memory.calibration import UNCORRECTED, Calibration
from engine.messages import DecodeMode, Plan

MIB = 2**20

_PROCESS_BYTES = 66 * MIB
"""A worker with its libraries (interpreter, numpy, libvips, OpenJPEG), and what encoding and proving take; 3 MiB
of it since it asks for huge pages."""
_SOURCE_FACTOR = 1.01
"""A factor on the compressed data, whose size is known."""
_SAMPLE_BYTES = 4
"""OpenJPEG decodes to int32."""
_CODE_BLOCK_BYTES = 460
"""The record of a code-block in OpenJPEG 2.5: itself, ten segments, its chunks, its nodes in the tag trees."""
_CHUNK_BYTES = 16
_MOST_CHUNKS = 15
"""Every strip adds one to a code-block's list of chunks, until the codec is replaced (`decode.STRIPS_PER_CODEC`)."""
_RECORDS_BYTES_PER_SAMPLE = 0.035
_STRIP_SAMPLE_BYTES = 10.1
"""For each sample: decoding an area holds the code-blocks and the result of every component."""
_STRIP_PIXEL_BYTES = 9.2
"""For each pixel, besides its samples: the sparse array of the wavelet transform, one component at a time."""
_STRIP_MARGIN_ROWS = 170
"""At most: the code-blocks of all resolutions reach so far over the strip's edges."""
_TILE_SAMPLE_BYTES = 9
"""For each sample of a tile: what decoding holds, and the copy that OpenJPEG hands out."""
_TILE_RECORD_BYTES = 48 * 1024
"""OpenJPEG keeps coding parameters for every tile of the image."""
_TILE_LEFTOVER_BYTES = 16 * 1024
"""What of a tile's parameters stays in the allocator when it has been decoded."""
_ENCODE_BYTES = 10 * MIB
_ENCODE_ROWS = 820
"""Encoding and proving keep stripes of the picture, about so many rows in all."""
_JPEG_SHARE = 0.12
"""libvips maps the JPEG that is proved: a third of a byte for each pixel of RGB."""
_COEFFICIENT_BYTES = 4.1
"""For each sample if libjpeg keeps the whole picture (`optimize`, `progressive`): twice 16 bits in mozjpeg."""
_THREAD_BYTES = 2 * MIB
_SAFETY = 1.08
"""A factor for what the model leaves out: quality layers, precincts, what the allocator keeps."""
_RELEASES_SAMPLES = sys.platform == "linux"
"""Pages of samples that have become pixels are released while the rest is still needed (`jp2.decoding.decode`)."""
_DISK_SLOWDOWN = 0.15
"""For writing the pixels to scratch and reading them back twice, on a disk that others use too."""

STRIP_ROWS = 2048
"""Higher strips save no time."""
MIN_STRIP_ROWS = 64


class HeaderFacts(Protocol):
    """What is known of an image from its header; `Surveyed` has all of it."""

    @property
    def source_bytes(self) -> int: ...
    @property
    def width(self) -> int: ...
    @property
    def height(self) -> int: ...
    @property
    def components(self) -> int: ...
    @property
    def bits(self) -> int: ...
    @property
    def tile_width(self) -> int: ...
    @property
    def tile_height(self) -> int: ...
    @property
    def colour(self) -> str: ...
    @property
    def code_block_samples(self) -> int: ...
    @property
    def levels(self) -> int: ...
    @property
    def whole_only(self) -> bool: ...


def predict(
    facts: HeaderFacts, plan: Plan, calibration: Calibration = UNCORRECTED, *, jpeg: JpegSettings = PLAIN_JPEG
) -> int:
    """The worker's peak resident set while it converts this image this way, bytes."""
    row_bytes = _pixel_row_bytes(facts, jpeg.icc == "srgb")
    match plan.mode:
        case DecodeMode.WHOLE:
            decoding = _whole_bytes(facts, plan, row_bytes)
        case DecodeMode.TILES:
            decoding = _tiles_bytes(facts, plan, row_bytes)
        case DecodeMode.STRIPS:
            decoding = _strips_bytes(facts, plan, row_bytes)
    if plan.mode is not DecodeMode.WHOLE:
        decoding = _with_witness_bytes(facts, plan, decoding)
    decoding += _compressed_bytes(facts, plan) / _SAFETY
    need = _PROCESS_BYTES + max(decoding, _encoding_bytes(facts, plan, row_bytes, jpeg))
    need += _THREAD_BYTES * (plan.threads - 1)
    return int(need * _SAFETY * calibration.factor(plan.mode))


def witness_levels(levels: int) -> int:
    """By how many of its decomposition levels a picture is reduced to compare tiles and strips with; 0: it is not.

    Four cost less than 1 % of decoding it, three 2 to 4 %, two 6 to 8 %, and one would cost a third.
    """
    return min(4, levels) if levels >= 2 else 0


def _with_witness_bytes(facts: HeaderFacts, plan: Plan, decoding: float) -> float:
    """The reduced picture is decoded before the full one, and is kept beside it with some rows of the last strip."""
    levels = witness_levels(facts.levels)
    if not levels:
        return decoding
    samples = records = _samples(facts)
    kept = samples / (1 << 2 * levels)
    reduced = kept * _SAMPLE_BYTES
    if plan.mode is DecodeMode.STRIPS:
        rows = min(facts.height, (8 << levels) + (1 << levels))  # with the 9-7, which reaches furthest
        kept += rows * facts.width * max(1, facts.components)
    else:
        records = min(samples, facts.tile_width * facts.tile_height * max(1, facts.components))
    kept *= 1 if facts.bits <= 8 else 2 if facts.bits <= 16 else 4
    return max(decoding, reduced + _records_bytes(facts, records)) + kept


def _compressed_bytes(facts: HeaderFacts, plan: Plan) -> float:
    """OpenJPEG keeps the compressed data of a whole tile; some tiles have twice the average."""
    if plan.mode is not DecodeMode.TILES:
        return facts.source_bytes * _SOURCE_FACTOR
    tile = facts.tile_width * facts.tile_height / max(1, facts.width * facts.height)
    return facts.source_bytes * min(1.0, 2 * tile)


def _samples(facts: HeaderFacts) -> int:
    return facts.width * facts.height * max(1, facts.components)


def _pixel_row_bytes(facts: HeaderFacts, to_srgb: bool) -> int:
    """A row of the decoded pixels.

    Samples of more than 8 bits keep 16 if colours are converted, as Lab and CMYK always are."""
    wide = facts.bits > 8 and (to_srgb or facts.colour in ("cmyk", "cielab"))
    return facts.width * _bands(facts) * (2 if wide else 1)


def _bands(facts: HeaderFacts) -> int:
    """Channels of the decoded pixels (see `jp2.decoding.colour`): the one component of a palette becomes three."""
    if facts.colour == "cmyk":
        return 4
    if facts.colour in ("srgb", "sycc", "cielab"):
        return 3
    return 1 if facts.components <= 2 else 3


def _records_bytes(facts: HeaderFacts, samples: float, code_block_bytes: int = _CODE_BLOCK_BYTES) -> float:
    return samples * (_RECORDS_BYTES_PER_SAMPLE + code_block_bytes / max(16, facts.code_block_samples))


def _whole_bytes(facts: HeaderFacts, plan: Plan, row_bytes: int) -> float:
    samples = _samples(facts)
    pixels = 0 if _RELEASES_SAMPLES or plan.pixels_on_disk else row_bytes * facts.height
    return samples * _SAMPLE_BYTES + _records_bytes(facts, samples) + pixels


def _tiles_bytes(facts: HeaderFacts, plan: Plan, row_bytes: int) -> float:
    width, height = min(facts.tile_width, facts.width), min(facts.tile_height, facts.height)
    samples = width * height * max(1, facts.components)
    tile = samples * _TILE_SAMPLE_BYTES + _records_bytes(facts, samples)
    rows = height if plan.pixels_on_disk else facts.height
    return tile + _tiles(facts) * _TILE_RECORD_BYTES + row_bytes * rows


def _tiles(facts: HeaderFacts) -> int:
    return -(-facts.width // max(1, facts.tile_width)) * -(-facts.height // max(1, facts.tile_height))


def _encoding_bytes(facts: HeaderFacts, plan: Plan, row_bytes: int, jpeg: JpegSettings) -> float:
    """The peak after decoding: the pixels, and what encoding and proving take."""
    pixels = 0 if plan.pixels_on_disk else row_bytes * facts.height
    proved = row_bytes * facts.height * _JPEG_SHARE
    coefficients = _coefficients_bytes(facts, jpeg) if jpeg.buffers_whole_picture else 0
    leftover = _tiles(facts) * _TILE_LEFTOVER_BYTES if plan.mode is DecodeMode.TILES else 0
    return pixels + _ENCODE_BYTES + row_bytes * _ENCODE_ROWS + proved + coefficients + leftover


def _coefficients_bytes(facts: HeaderFacts, jpeg: JpegSettings) -> float:
    """For the whole picture: luminance, and chroma if there are colours."""
    chroma = 0.0 if _bands(facts) == 1 else 0.5 if jpeg.chroma_halved else 2.0
    samples_per_pixel = 1 + chroma
    return facts.width * facts.height * samples_per_pixel * _COEFFICIENT_BYTES


def _strips_bytes(facts: HeaderFacts, plan: Plan, row_bytes: int) -> float:
    rows = min(facts.height, plan.strip_rows)
    held = min(facts.height, rows + min(rows + 64, _STRIP_MARGIN_ROWS))
    strip = held * facts.width * (max(1, facts.components) * _STRIP_SAMPLE_BYTES + _STRIP_PIXEL_BYTES)
    chunks = min(-(-facts.height // plan.strip_rows), _MOST_CHUNKS)
    lists = _CHUNK_BYTES * (
        (1 << chunks.bit_length()) - 1
    )  # 1, 3, 7, 15: OpenJPEG doubles a list that is full
    records = _records_bytes(facts, _samples(facts), _CODE_BLOCK_BYTES + lists)
    pixels = row_bytes * (rows if plan.pixels_on_disk else facts.height)
    return records + strip + pixels


class DoesNotFit(Struct, frozen=True):
    """No way of decoding this image fits; the one that takes least needs this much, bytes."""

    needed_bytes: int


def is_tiled(facts: HeaderFacts) -> bool:
    return facts.tile_width < facts.width or facts.tile_height < facts.height


def plans(facts: HeaderFacts, *, disk_saves_memory: bool = True) -> Iterable[Plan]:
    """Every way of decoding this image, the quickest first; their needs are not predicted yet."""
    on_disk = (False, True) if disk_saves_memory else (False,)
    if is_tiled(facts):
        yield from (Plan(DecodeMode.TILES, pixels_on_disk=disk) for disk in on_disk)
        return
    yield Plan(DecodeMode.WHOLE)
    if facts.whole_only:
        return
    rows, ways = STRIP_ROWS, []
    while rows >= MIN_STRIP_ROWS:
        if rows < facts.height:
            ways += [Plan(DecodeMode.STRIPS, strip_rows=rows, pixels_on_disk=disk) for disk in on_disk]
        rows //= 2
    yield from sorted(ways, key=lambda plan: slowdown(facts, plan))


def slowdown(facts: HeaderFacts, plan: Plan) -> float:
    """The CPU time of decoding in this way, as a multiple of decoding the image whole (measured: bench/memory.py)."""
    disk = _DISK_SLOWDOWN if plan.pixels_on_disk else 0.0
    if plan.mode is not DecodeMode.STRIPS:
        return 1.0 + disk
    strips = -(-facts.height // plan.strip_rows)
    return 1.01 + 32 / plan.strip_rows + 0.0005 * strips + disk


def choose_plan(
    facts: HeaderFacts,
    budget_bytes: int,
    calibration: Calibration = UNCORRECTED,
    threads: int = 1,
    *,
    disk_saves_memory: bool = True,
    jpeg: JpegSettings = PLAIN_JPEG,
) -> Plan | DoesNotFit:
    """The quickest way of decoding this image that fits in the budget, its prediction filled in.

    `disk_saves_memory` is false if scratch itself is in memory (tmpfs)."""
    least = None
    for plan in plans(facts, disk_saves_memory=disk_saves_memory):
        plan = structs.replace(plan, threads=threads)
        need = predict(facts, plan, calibration, jpeg=jpeg)
        if need <= budget_bytes:
            return structs.replace(plan, predicted_bytes=need, correction=calibration.factor(plan.mode))
        least = need if least is None else min(least, need)
    return DoesNotFit(least or 0)
