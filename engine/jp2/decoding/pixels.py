"""Decoded samples to interleaved pixels, a band of rows at a time, so that what numpy needs stays small."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.jp2.decoding.colour import Channel, ColourPlan, Model
from engine.jp2.decoding.openjpeg import Plane
from engine.jp2.model import Header

BAND_PIXELS = 1 << 17
"""Pixels worked on at once: their intermediate arrays stay within a processor's cache."""

Pixels = NDArray[np.uint8] | NDArray[np.uint16]
"""(rows, columns, channels)."""

_LUT_BITS = 16


@dataclass(frozen=True)
class Grid:
    """The picture's pixels on the reference grid: those of the finest component (as in `Header.width`)."""

    dx: int
    dy: int
    x0: int
    """Of the first column, in steps of dx."""
    y0: int
    width: int
    height: int


def grid_of(header: Header) -> Grid:
    dx = min(component.dx for component in header.components)
    dy = min(component.dy for component in header.components)
    return Grid(dx, dy, -(-header.x0 // dx), -(-header.y0 // dy), header.width, header.height)


@dataclass(frozen=True)
class Region:
    """Rows and columns of the picture that the planes at hand cover."""

    left: int
    top: int
    right: int
    bottom: int


def region_of(grid: Grid, x0: int, y0: int, x1: int, y1: int) -> Region:
    """The picture's part of an area of the reference grid."""
    left, right = (min(max(-(-x // grid.dx) - grid.x0, 0), grid.width) for x in (x0, x1))
    top, bottom = (min(max(-(-y // grid.dy) - grid.y0, 0), grid.height) for y in (y0, y1))
    return Region(left, top, right, bottom)


class PixelWriter:
    """Fills `pixels` by a recipe. `pixels` is (height, width, bands), uint16 for wide recipes, else uint8."""

    def __init__(self, recipe: ColourPlan, grid: Grid, pixels: Pixels) -> None:
        self._recipe, self._grid, self._pixels = recipe, grid, pixels
        self._top = np.iinfo(pixels.dtype).max
        self._luts: dict[Channel, NDArray[Any] | None] = {
            channel: scaling_table(channel, self._top) for channel in set(recipe.colours)
        }
        if recipe.opacity is not None:
            self._luts[recipe.opacity] = scaling_table(recipe.opacity, self._top)
        self._ycc = YccTables(recipe.colours) if recipe.model is Model.YCC else None

    def paint(
        self, planes: Sequence[Plane], region: Region, after: Callable[[int], None] | None = None
    ) -> None:
        """Converts a region; `after` is told the row below each finished band."""
        width = region.right - region.left
        if width <= 0:
            return
        step = max(1, BAND_PIXELS // width)
        for top in range(region.top, region.bottom, step):
            bottom = min(top + step, region.bottom)
            band = Region(region.left, top, region.right, bottom)
            self._paint_band(planes, band)
            if after is not None:
                after(bottom)

    def _paint_band(self, planes: Sequence[Plane], band: Region) -> None:
        target = self._pixels[band.top : band.bottom, band.left : band.right]
        if self._ycc is not None:
            codes = [self._codes(planes, channel, band) for channel in self._recipe.colours]
            self._ycc.to_rgb(codes[0], codes[1], codes[2], target)
        else:
            for index, channel in enumerate(self._recipe.colours):
                self._copy(planes, channel, band, target[:, :, index])
        if self._recipe.opacity is not None:
            alpha = np.empty(target.shape[:2], target.dtype)
            self._copy(planes, self._recipe.opacity, band, alpha)
            flatten(target, alpha, self._recipe.background, self._recipe.premultiplied)

    def _copy(self, planes: Sequence[Plane], channel: Channel, band: Region, target: NDArray[Any]) -> None:
        """Scales a channel's samples into `target`, at their own resolution before they are spread."""
        plane = planes[channel.component]
        lut = self._luts[channel]
        is_deep = channel.bits > _LUT_BITS and channel.table is None
        rows, columns = self._indices(plane, band)
        samples = plane.samples[rows.start : rows.stop, columns.start : columns.stop]
        if is_deep:
            scaled = rounded(_unsigned(samples, channel), channel.bits, self._top).astype(target.dtype)
        elif lut is not None:
            scaled = np.take(lut, _codes(samples, channel), mode="clip")
        elif rows.is_plain and columns.is_plain:
            np.copyto(target, samples, casting="unsafe")
            return
        else:
            scaled = samples.astype(target.dtype)
        target[...] = _spread(scaled, rows, columns)

    def _codes(self, planes: Sequence[Plane], channel: Channel, band: Region) -> NDArray[Any]:
        plane = planes[channel.component]
        rows, columns = self._indices(plane, band)
        samples = plane.samples[rows.start : rows.stop, columns.start : columns.stop]
        return _spread(_codes(samples, channel), rows, columns)

    def _indices(self, plane: Plane, band: Region) -> tuple[_Steps, _Steps]:
        height, width = plane.samples.shape
        grid = self._grid
        return (
            _steps(band.top + grid.y0, band.bottom + grid.y0, grid.dy, plane.dy, plane.y0, height),
            _steps(band.left + grid.x0, band.right + grid.x0, grid.dx, plane.dx, plane.x0, width),
        )


@dataclass(frozen=True)
class _Steps:
    """Which of a plane's rows (or columns) lie under a range of the picture's."""

    start: int
    stop: int
    spread: NDArray[np.intp] | None
    """For each of the picture's rows the plane's row less `start`; None where they are the same."""

    @property
    def is_plain(self) -> bool:
        return self.spread is None


def _steps(first: int, last: int, step: int, plane_step: int, plane_first: int, count: int) -> _Steps:
    """A sample counts from its own place on the grid up to the next one's (as opj_decompress -upsample).

    Before the first sample of an image with an odd origin that one counts, where opj_decompress has zeros.
    """
    if plane_step == step and first >= plane_first and last - plane_first <= count:
        return _Steps(first - plane_first, last - plane_first, None)
    indices = np.arange(first, last, dtype=np.intp) * step // plane_step - plane_first
    indices = np.clip(indices, 0, count - 1)
    start, stop = int(indices[0]), int(indices[-1]) + 1
    return _Steps(start, stop, indices - start)


def _spread(samples: NDArray[Any], rows: _Steps, columns: _Steps) -> NDArray[Any]:
    if columns.spread is not None:
        samples = np.take(samples, columns.spread, axis=1)
    return samples if rows.spread is None else np.take(samples, rows.spread, axis=0)


def _codes(samples: NDArray[np.int32], channel: Channel) -> NDArray[np.int32]:
    """Samples as places in a table, of at most 16 bits: the lowest bits of more are left out."""
    if channel.table is not None:
        return samples
    codes = _unsigned(samples, channel)
    return codes >> (channel.bits - _LUT_BITS) if channel.bits > _LUT_BITS else codes


def _unsigned(samples: NDArray[Any], channel: Channel) -> NDArray[Any]:
    """Samples as codes from 0: the sign shifted away."""
    if not channel.signed:
        return samples
    # In 64 bits where 31-bit samples would leave 32.
    wide = samples.astype(np.int64) if channel.bits > 30 else samples
    return wide + (1 << (channel.bits - 1))


def rounded(codes: NDArray[Any], bits: int, top: int) -> NDArray[np.int64]:
    """round(code * top / (2^bits - 1)) for codes of up to 38 bits and `top` of up to 16."""
    highest = (1 << bits) - 1
    values: NDArray[np.int64] = np.clip(codes, 0, highest).astype(np.int64)
    values *= 2 * top
    values += highest
    values //= 2 * highest
    return values


def scaling_table(channel: Channel, top: int) -> NDArray[Any] | None:
    """For each code of a channel, or entry of its palette, its value from 0 to `top`, rounded over the full range.

    So the largest code of any depth is white. None where codes and values are the same, and for codes of more
    bits than a table has places for.
    """
    dtype = np.uint8 if top == 255 else np.uint16
    if channel.table is not None:
        entries = _unsigned(np.array(channel.table, np.int64), channel)
        return rounded(entries, channel.bits, top).astype(dtype)
    is_same = (1 << channel.bits) - 1 == top and not channel.signed
    if is_same or channel.bits > _LUT_BITS:
        return None
    return rounded(np.arange(1 << channel.bits), channel.bits, top).astype(dtype)


class YccTables:
    """sYCC to RGB in fixed point, the matrix of ITU-R BT.601 (ISO/IEC 15444-1 I.5.3.3, IEC 61966-2-1 Amd 1)."""

    _ONE = 1 << 16

    def __init__(self, channels: Sequence[Channel]) -> None:
        luma, cb, cr = (_fractions(channel) for channel in channels)
        cb, cr = (values - _middle(channel) for values, channel in zip((cb, cr), channels[1:], strict=True))
        scale = 255 * self._ONE
        self._luma = _fixed(luma * scale) + self._ONE // 2
        self._red_cr = _fixed(cr * (1.402 * scale))
        self._green_cb = _fixed(cb * (-0.344136 * scale))
        self._green_cr = _fixed(cr * (-0.714136 * scale))
        self._blue_cb = _fixed(cb * (1.772 * scale))

    def to_rgb(self, luma: NDArray[Any], cb: NDArray[Any], cr: NDArray[Any], target: NDArray[Any]) -> None:
        """Codes of one band to RGB in `target`, (rows, columns, 3) of uint8."""
        base = np.take(self._luma, luma, mode="clip")
        green = np.take(self._green_cb, cb, mode="clip")
        green += np.take(self._green_cr, cr, mode="clip")
        chromas = (np.take(self._red_cr, cr, mode="clip"), green, np.take(self._blue_cb, cb, mode="clip"))
        for index, chroma in enumerate(chromas):
            chroma += base
            chroma >>= 16
            np.clip(chroma, 0, 255, out=chroma)
            target[:, :, index] = chroma


def _fractions(channel: Channel) -> NDArray[np.float64]:
    """For each code its share of the largest one, 0 to 1; through the palette where there is one."""
    highest = (1 << min(channel.bits, _LUT_BITS)) - 1
    if channel.table is not None:
        table = scaling_table(channel, 65535)
        assert table is not None
        return table / 65535.0
    return np.arange(highest + 1) / highest


def _middle(channel: Channel) -> float:
    """Where a chroma channel is neutral: at code 2^(bits-1)."""
    bits = min(channel.bits, _LUT_BITS)
    return float((1 << (bits - 1)) / ((1 << bits) - 1))


def _fixed(values: NDArray[np.float64]) -> NDArray[np.int32]:
    return np.rint(values).astype(np.int32)


def flatten(
    pixels: NDArray[Any], alpha: NDArray[Any], background: Sequence[int], premultiplied: bool
) -> None:
    """Composites (rows, columns, channels) over a background of 8-bit values, in place.

    alpha * colour + (1 - alpha) * background, the first product left out where it was premultiplied
    (ISO/IEC 15444-1 I.5.3.6).
    """
    top = int(np.iinfo(pixels.dtype).max)
    weight = alpha.astype(np.uint64 if top > 255 else np.uint32)
    for index, value in enumerate(background):
        under = (top - weight) * (value * top // 255)
        colour = pixels[:, :, index].astype(weight.dtype)
        over = colour * (top if premultiplied else weight)
        pixels[:, :, index] = np.minimum((over + under + top // 2) // top, top)
