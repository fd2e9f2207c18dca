"""Decoded samples to interleaved pixels, a few rows at a time, so that numpy's intermediate arrays stay small."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from engine.failures import Cause, ImageError, Stage
from engine.jp2.decoding.channels import ChannelSource
from engine.jp2.decoding.colour import ColourModel, ColourPlan
from engine.jp2.decoding.openjpeg import DecodedPlane
from engine.jp2.header import Area, Header

CHUNK_PIXELS = 1 << 17
"""Pixels converted at once: their intermediate arrays stay within a processor's cache."""

Pixels = NDArray[np.uint8] | NDArray[np.uint16]
"""(rows, columns, channels)."""

_LUT_BITS = 16


class PixelGrid(Struct, frozen=True):
    """The picture's pixels on the reference grid: those of the finest component (as in `Header.width`)."""

    dx: int
    dy: int
    x0: int
    """Of the first column, in steps of dx."""
    y0: int
    width: int
    height: int

    def covered(self, area: Area) -> PixelArea:
        """The picture's part of an area of the reference grid."""
        x0, y0, x1, y1 = area
        left, right = (min(max(-(-x // self.dx) - self.x0, 0), self.width) for x in (x0, x1))
        top, bottom = (min(max(-(-y // self.dy) - self.y0, 0), self.height) for y in (y0, y1))
        return PixelArea(left, top, right, bottom)


class PixelArea(Struct, frozen=True):
    """Rows and columns of the picture; right and bottom are outside."""

    left: int
    top: int
    right: int
    bottom: int


def pixel_grid(header: Header) -> PixelGrid:
    dx, dy = header.finest_dx, header.finest_dy
    x0, y0 = -(-header.grid.x0 // dx), -(-header.grid.y0 // dy)
    return PixelGrid(dx, dy, x0, y0, header.width, header.height)


class PixelWriter:
    """Fills `pixels` as a colour plan says.

    `pixels` is (height, width, bands) of uint16 if the plan is wide, else of uint8.
    """

    def __init__(self, plan: ColourPlan, grid: PixelGrid, pixels: Pixels) -> None:
        self._plan, self._grid, self._pixels = plan, grid, pixels
        self._top = np.iinfo(pixels.dtype).max
        self._luts: dict[ChannelSource, NDArray[Any] | None] = {
            channel: scaling_table(channel, self._top) for channel in set(plan.colours)
        }
        if plan.opacity is not None:
            self._luts[plan.opacity] = scaling_table(plan.opacity, self._top)
        self._ycc = YccTables(plan.colours) if plan.model is ColourModel.YCC else None
        self._beyond_palette: dict[ChannelSource, int] = {}
        self._over_alpha = 0
        self._written = 0

    @property
    def warnings(self) -> tuple[str, ...]:
        """What the samples hold beyond what the header declares, so far."""
        found = []
        if most := max(self._beyond_palette.values(), default=0):
            found.append(
                f"{most:,} pixels name a palette entry that does not exist; they have the colour of the nearest one"
            )
        if self._over_alpha:
            found.append(
                f"{self._over_alpha:,} values are far above their premultiplied alpha, which cannot be; "
                "where they exceed white they are white: is the alpha really premultiplied?"
            )
        return tuple(found)

    def restart(self) -> None:
        """The picture is written again from the top."""
        self._written = 0

    def check_complete(self) -> None:
        """Raises ImageError INTERNAL if fewer pixels were written than there are: their memory may hold others."""
        missing = self._grid.width * self._grid.height - self._written
        if missing > 0:
            message = f"{missing:,} of the picture's pixels were not decoded"
            raise ImageError(Cause.INTERNAL, Stage.DECODING, message)

    def write(
        self, planes: Sequence[DecodedPlane], area: PixelArea, after: Callable[[int], None] | None = None
    ) -> None:
        """Converts an area from planes that cover it; calls `after` with the row below each finished chunk."""
        width = area.right - area.left
        if width <= 0:
            return
        self._written += width * max(0, area.bottom - area.top)
        step = max(1, CHUNK_PIXELS // width)
        for top in range(area.top, area.bottom, step):
            bottom = min(top + step, area.bottom)
            self._write_chunk(planes, PixelArea(area.left, top, area.right, bottom))
            if after is not None:
                after(bottom)

    def _write_chunk(self, planes: Sequence[DecodedPlane], area: PixelArea) -> None:
        target = self._pixels[area.top : area.bottom, area.left : area.right]
        if self._ycc is not None:
            codes = [self._codes(planes, channel, area) for channel in self._plan.colours]
            self._ycc.to_rgb(codes[0], codes[1], codes[2], target)
        else:
            for index, channel in enumerate(self._plan.colours):
                self._copy(planes, channel, area, target[:, :, index])
        if self._plan.opacity is not None:
            alpha = np.empty(target.shape[:2], target.dtype)
            self._copy(planes, self._plan.opacity, area, alpha)
            if self._plan.premultiplied:
                self._over_alpha += values_over_alpha(target, alpha)
            flatten(target, alpha, self._plan.background, self._plan.premultiplied)

    def _copy(
        self, planes: Sequence[DecodedPlane], channel: ChannelSource, area: PixelArea, target: NDArray[Any]
    ) -> None:
        """Scales a channel's samples into `target`; they are spread over the pixels after that."""
        plane = planes[channel.component]
        lut = self._luts[channel]
        is_deep = channel.bits > _LUT_BITS and channel.table is None
        rows, columns = self._spans(plane, area)
        samples = plane.samples[rows.start : rows.stop, columns.start : columns.stop]
        if is_deep:
            scaled = rounded(_unsigned(samples, channel), channel.bits, self._top).astype(target.dtype)
        elif lut is not None:
            self._count_beyond_palette(samples, channel)
            scaled = np.take(lut, _codes(samples, channel), mode="clip")
        elif rows.is_plain and columns.is_plain:
            np.copyto(target, samples, casting="unsafe")
            return
        else:
            scaled = samples.astype(target.dtype)
        target[...] = _spread(scaled, rows, columns)

    def _codes(self, planes: Sequence[DecodedPlane], channel: ChannelSource, area: PixelArea) -> NDArray[Any]:
        plane = planes[channel.component]
        rows, columns = self._spans(plane, area)
        samples = plane.samples[rows.start : rows.stop, columns.start : columns.stop]
        self._count_beyond_palette(samples, channel)
        return _spread(_codes(samples, channel), rows, columns)

    def _count_beyond_palette(self, samples: NDArray[np.int32], channel: ChannelSource) -> None:
        if channel.table is None or not samples.size:
            return
        if samples.max() >= len(channel.table) or samples.min() < 0:
            beyond = int(np.count_nonzero((samples >= len(channel.table)) | (samples < 0)))
            self._beyond_palette[channel] = self._beyond_palette.get(channel, 0) + beyond

    def _spans(self, plane: DecodedPlane, area: PixelArea) -> tuple[_Span, _Span]:
        height, width = plane.samples.shape
        grid = self._grid
        return (
            _span(area.top + grid.y0, area.bottom + grid.y0, grid.dy, plane.dy, plane.y0, height),
            _span(area.left + grid.x0, area.right + grid.x0, grid.dx, plane.dx, plane.x0, width),
        )


class _Span(Struct, frozen=True):
    """The rows (or columns) of a plane that lie under a range of the picture's."""

    start: int
    stop: int
    spread: NDArray[np.intp] | None
    """For each of the picture's rows the plane's row less `start`; None if they are the same."""

    @property
    def is_plain(self) -> bool:
        return self.spread is None


def _span(first: int, last: int, step: int, plane_step: int, plane_first: int, count: int) -> _Span:
    """A sample covers the grid from its own position up to the next one's, as with opj_decompress -upsample.

    In an image with an odd origin the first sample also covers what lies before it; opj_decompress has zeros there.
    """
    if plane_step == step and first >= plane_first and last - plane_first <= count:
        return _Span(first - plane_first, last - plane_first, None)
    indices = np.arange(first, last, dtype=np.intp) * step // plane_step - plane_first
    indices = np.clip(indices, 0, count - 1)
    start, stop = int(indices[0]), int(indices[-1]) + 1
    return _Span(start, stop, indices - start)


def _spread(samples: NDArray[Any], rows: _Span, columns: _Span) -> NDArray[Any]:
    if columns.spread is not None:
        samples = np.take(samples, columns.spread, axis=1)
    return samples if rows.spread is None else np.take(samples, rows.spread, axis=0)


def _codes(samples: NDArray[np.int32], channel: ChannelSource) -> NDArray[np.int32]:
    """Samples as indices into a table, of 16 bits at most: of deeper samples the lowest bits are left out."""
    if channel.table is not None:
        return samples
    codes = _unsigned(samples, channel)
    return codes >> (channel.bits - _LUT_BITS) if channel.bits > _LUT_BITS else codes


def _unsigned(samples: NDArray[Any], channel: ChannelSource) -> NDArray[Any]:
    """Samples as codes from 0 up, the sign shifted away."""
    if not channel.signed:
        return samples
    # In 64 bits, because shifted 31-bit samples do not fit in 32.
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


def scaling_table(channel: ChannelSource, top: int) -> NDArray[Any] | None:
    """For each code of a channel, or entry of its palette, its value from 0 to `top`, rounded over the full range.

    The largest code of any depth is white. None if codes and values are the same, or codes have more bits than a
    table.
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

    def __init__(self, channels: Sequence[ChannelSource]) -> None:
        luma, cb, cr = (_fractions(channel) for channel in channels)
        cb, cr = (values - _middle(channel) for values, channel in zip((cb, cr), channels[1:], strict=True))
        scale = 255 * self._ONE
        self._luma = _fixed(luma * scale) + self._ONE // 2
        self._red_cr = _fixed(cr * (1.402 * scale))
        self._green_cb = _fixed(cb * (-0.344136 * scale))
        self._green_cr = _fixed(cr * (-0.714136 * scale))
        self._blue_cb = _fixed(cb * (1.772 * scale))

    def to_rgb(self, luma: NDArray[Any], cb: NDArray[Any], cr: NDArray[Any], target: NDArray[Any]) -> None:
        """Codes to RGB in `target`, (rows, columns, 3) of uint8."""
        base = np.take(self._luma, luma, mode="clip")
        green = np.take(self._green_cb, cb, mode="clip")
        green += np.take(self._green_cr, cr, mode="clip")
        chromas = (np.take(self._red_cr, cr, mode="clip"), green, np.take(self._blue_cb, cb, mode="clip"))
        for index, chroma in enumerate(chromas):
            chroma += base
            chroma >>= 16
            np.clip(chroma, 0, 255, out=chroma)
            target[:, :, index] = chroma


def _fractions(channel: ChannelSource) -> NDArray[np.float64]:
    """For each code its share of the largest one, 0 to 1; through the palette if there is one."""
    highest = (1 << min(channel.bits, _LUT_BITS)) - 1
    if channel.table is not None:
        table = scaling_table(channel, 65535)
        assert table is not None
        return table / 65535.0
    return np.arange(highest + 1) / highest


def _middle(channel: ChannelSource) -> float:
    """The neutral value of a chroma channel, that of code 2^(bits-1)."""
    bits = min(channel.bits, _LUT_BITS)
    return float((1 << (bits - 1)) / ((1 << bits) - 1))


def _fixed(values: NDArray[np.float64]) -> NDArray[np.int32]:
    return np.rint(values).astype(np.int32)


def values_over_alpha(pixels: NDArray[Any], alpha: NDArray[Any]) -> int:
    """How many values of premultiplied colours are more than an eighth of the range above their alpha.

    None may be above it at all (ISO/IEC 15444-1 I.5.3.6); lossy coding puts some a little above.
    """
    margin = int(np.iinfo(pixels.dtype).max) // 8
    highest = alpha.astype(np.int32)[:, :, np.newaxis] + margin
    return int(np.count_nonzero(pixels > highest))


def flatten(
    pixels: NDArray[Any], alpha: NDArray[Any], background: Sequence[int], premultiplied: bool
) -> None:
    """Composites (rows, columns, channels) over a background of 8-bit values, in place.

    alpha * colour + (1 - alpha) * background; a premultiplied colour is not multiplied again
    (ISO/IEC 15444-1 I.5.3.6).
    """
    top = int(np.iinfo(pixels.dtype).max)
    weight = alpha.astype(np.uint64 if top > 255 else np.uint32)
    for index, value in enumerate(background):
        under = (top - weight) * (value * top // 255)
        colour = pixels[:, :, index].astype(weight.dtype)
        over = colour * (top if premultiplied else weight)
        pixels[:, :, index] = np.minimum((over + under + top // 2) // top, top)
