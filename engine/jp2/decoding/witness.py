"""A second decode, whole and at a reduced resolution, with which tiles and strips are compared as they are decoded.

What a codestream decoded at a reduced resolution has is the low-pass band of the full picture (ISO/IEC 15444-1 B.5,
F.4): the full samples make the same numbers, but for rounding. OpenJPEG decodes it in another way than tiles and
strips, so one that is wrong, empty or in another's place shows. What only the finer resolutions have lost does not:
`consumption` sees a tile-part that was left out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NoReturn

import numpy as np
from msgspec import Struct, field
from numpy.typing import NDArray

from engine.failures import Cause, ImageError, Stage
from engine.jp2.codestream.coding_style import Styles
from engine.jp2.codestream.features import CodestreamFeatures
from engine.jp2.decoding.compared_windows import Windows, windows_for
from engine.jp2.decoding.low_band import LowBand, block_of
from engine.jp2.decoding.openjpeg import DecodedPlane, DecoderMessages, open_decoder
from engine.jp2.header import Area, Component, Header
from engine.jp2.jp2_file import Jp2File
from engine.memory.prediction import witness_levels

_ROWS_AT_ONCE, _COLUMNS_AT_ONCE = 128, 256
"""Of the picture: with about so many the products take the least time. Of a lossy file a window has these columns."""
_ROUNDING = 6
"""Steps from one value to the next. Measured: up to 4 with the 5-3 and a component transform, up to 1 with the 9-7."""
_CUT_OFF, _CUT_OFF_OPPOSITE = 0.4, 0.15
"""Shares of a component's range: lossy coding goes beyond the range, and in the full picture that is cut off."""
_CUT_OFF_FAR = _ROUNDING / 255
"""The same for what is cut off further away. Measured: up to 0.003; at 8 bits less than rounding may be."""
_DOUBLE_FROM_BITS = 17

Span = tuple[int, int]
"""First and last, the last outside."""


class _Part(Struct):
    """A component of a tile."""

    tile: int
    component: int
    rows: Span
    """Among the component's samples."""
    columns: Span
    band: LowBand
    next_row: int
    """Of the band: the first one that is not compared yet."""


class _Rows(Struct, frozen=True):
    """A component's samples: those decoded now, and the last ones above them."""

    plane: DecodedPlane
    kept: NDArray[Any]

    @property
    def last(self) -> int:
        return self.plane.y0 + len(self.plane.samples)

    def copy(self, rows: Span, columns: Span, dtype: np.dtype[Any]) -> NDArray[Any]:
        plane = self.plane
        (top, bottom), across = rows, slice(columns[0] - plane.x0, columns[1] - plane.x0)
        out = np.empty((bottom - top, columns[1] - columns[0]), dtype)
        above = max(plane.y0 - top, 0)
        if above:
            first = len(self.kept) - above
            out[:above] = self.kept[first : first + bottom - top, across]
        out[above:] = plane.samples[top + above - plane.y0 : bottom - plane.y0, across]
        return out

    def tail(self, count: int) -> NDArray[Any]:
        """A copy of the last rows, in the type of those that are kept."""
        samples = self.plane.samples
        if len(samples) >= count:
            return samples[len(samples) - count :].astype(self.kept.dtype)
        return np.concatenate((self.kept, samples.astype(self.kept.dtype)))[-count:]


class Witness(Struct):
    """The reduced picture, and how far the comparison is."""

    header: Header
    styles: Styles
    tile_styles: Mapping[int, Styles]
    """Of the tiles that have styles of their own."""
    levels: int
    reduced: Sequence[NDArray[Any]]
    """The samples of each component."""
    windows: Windows
    _parts: dict[tuple[int, int], _Part] = field(default_factory=dict)
    _kept: dict[int, NDArray[Any]] = field(default_factory=dict)

    def restart(self) -> None:
        """The picture is decoded again from the top."""
        self._parts.clear()
        self._kept.clear()

    def compare(self, planes: Sequence[DecodedPlane], area: Area) -> None:
        """Compares what was decoded of an area: a whole tile, or the next strip below the one before.

        Raises ImageError PROOF_FAILED with the place where it is not what the reduced picture has.
        """
        for index, plane in enumerate(planes):
            self._check_area(index, plane, area)
            none = np.empty((0, plane.samples.shape[1]), self.reduced[index].dtype)
            rows = _Rows(plane, self._kept.pop(index, none))
            reach = 0
            for tile in _tiles_within(self.header, area):
                part = self._part(tile, index)
                if part is not None and not self._compare_part(part, rows):
                    reach = max(reach, part.band.reach)
            if reach:
                self._kept[index] = rows.tail(2 * reach + (1 << self.levels))

    def _check_area(self, index: int, plane: DecodedPlane, area: Area) -> None:
        height, width = plane.samples.shape
        is_there = (plane.x0, plane.y0, plane.x0 + width, plane.y0 + height)
        if is_there != samples_of(self.header.components[index], area):
            _fail(f"OpenJPEG decoded another area of component {index + 1} than it was asked for")

    def _part(self, tile: int, index: int) -> _Part | None:
        """None if the tile has no sample of this component."""
        if (tile, index) not in self._parts:
            x0, y0, x1, y1 = samples_of(self.header.components[index], self.header.grid.tile_area(tile))
            if x1 <= x0 or y1 <= y0:
                return None
            style = self.tile_styles.get(tile, self.styles).of(index)
            band = LowBand(self.levels, style.reversible)
            first_row, _ = band.positions(y0, y1)
            self._parts[tile, index] = _Part(tile, index, (y0, y1), (x0, x1), band, first_row)
        return self._parts[tile, index]

    def _compare_part(self, part: _Part, rows: _Rows) -> bool:
        """Compares the rows of the band that can be made by now; whether these are all that were left."""
        band = part.band
        stop = end = band.positions(*part.rows)[1]
        if rows.last < part.rows[1]:
            stop = min(end, (rows.last - 1 - band.reach) // band.step + 1)
        is_deep = self.header.components[part.component].bits >= _DOUBLE_FROM_BITS
        dtype = np.dtype(np.float64 if is_deep else np.float32)
        columns, width = band.positions(*part.columns), _COLUMNS_AT_ONCE >> band.levels
        height = _ROWS_AT_ONCE >> band.levels
        for turn, top in enumerate(range(part.next_row, stop, height)):
            span = top, min(top + height, stop)
            for window in self.windows.of(columns, width, turn, part.tile + top // height):
                self._compare_window(part, rows, span, window, dtype)
        part.next_row = max(part.next_row, stop)
        return stop == end

    def _compare_window(
        self, part: _Part, rows: _Rows, span: Span, window: Span, dtype: np.dtype[Any]
    ) -> None:
        """Some of the band's rows and columns."""
        down = block_of(part.band, part.rows, span, dtype)
        line = (
            block_of(part.band, part.columns, window, dtype).line if self.windows.are_some else part.columns
        )
        samples = rows.copy(down.line, line, dtype)
        made = _across(part, window, line[0], down.weights @ samples)
        unlike = self._unlike(part, (span, window), (down.line[0], line[0]), samples, made)
        if unlike.any():
            self._fail_at(part, (span[0], window[0]), unlike)

    def _unlike(
        self,
        part: _Part,
        spans: tuple[Span, Span],
        corner: tuple[int, int],
        samples: NDArray[Any],
        made: NDArray[Any],
    ) -> NDArray[np.bool_]:
        """Where the band's rows and columns that samples from `corner` on have made are not the reduced picture's."""
        rows, columns = spans
        component = self.header.components[part.component]
        area = samples_of(component, self.header.grid.area)
        left, top = (-(-first // part.band.step) for first in area[:2])
        shown = self.reduced[part.component][
            rows[0] - top : rows[1] - top, columns[0] - left : columns[1] - left
        ]
        lowest, highest = value_range(component)
        higher = np.clip(made, lowest, highest) - shown
        if part.band.reversible:
            higher += part.band.levels / 2
        unlike: NDArray[np.bool_] = np.abs(higher) > _ROUNDING
        if unlike.any():
            span = highest - lowest
            cut_off = samples <= lowest, samples >= highest
            far = max(_ROUNDING, span * _CUT_OFF_FAR) if any(map(np.any, cut_off)) else _ROUNDING
            too_low, too_high = (_near(part.band, spans, corner, found) for found in cut_off)
            # The weights are positive near the middle and negative further away; both are large at two levels.
            opposite = _CUT_OFF_OPPOSITE if part.band.levels > 2 else _CUT_OFF
            most = far + span * np.maximum(_CUT_OFF * too_low, opposite * too_high)
            least = -far - span * np.maximum(_CUT_OFF * too_high, opposite * too_low)
            unlike = (higher > most) | (higher < least)
        return unlike

    def _fail_at(self, part: _Part, corner: tuple[int, int], unlike: NDArray[np.bool_]) -> NoReturn:
        header, component = self.header, self.header.components[part.component]
        rows, columns = np.nonzero(unlike)
        row, column = corner
        grid, step = header.grid, part.band.step
        down = _place(row + rows, step * component.dy, (grid.y0, grid.y1), header.finest_dy)
        across = _place(column + columns, step * component.dx, (grid.x0, grid.x1), header.finest_dx)
        what = f"tile {part.tile}" if header.is_tiled else "the picture, strip by strip,"
        _fail(
            f"{what} is not what OpenJPEG makes of the same file whole and at a reduced resolution: "
            f"they differ in rows {down}, columns {across}"
        )


def _place(found: NDArray[np.intp], step: int, edges: Span, finest: int) -> str:
    """The picture's rows or columns around these samples of the band."""
    first, last = int(found.min()) * step, (int(found.max()) + 1) * step
    start, stop = max(first, edges[0]) - edges[0], min(last, edges[1]) - edges[0]
    return f"{start // finest:,} to {max(stop - 1, start) // finest:,}"


def reduced_decode(
    file: Jp2File, features: CodestreamFeatures, threads: int
) -> tuple[Witness | None, tuple[str, ...]]:
    """The witness for a file; none, and sometimes a warning, if there cannot be one.

    There is none with fewer than two decomposition levels, where it would cost as much as the picture.
    """
    header, styles = file.header, file.main_header.styles
    every = [styles, *features.tile_styles.values()]
    fewest = min(style.of(index).levels for style in every for index in range(len(header.components)))
    levels = witness_levels(fewest)
    sizes = [_reduced_size(part, header.grid.area, levels) for part in header.components]
    if levels == 0 or not all(map(all, sizes)):
        return None, ()
    messages = DecoderMessages()
    try:
        with open_decoder(file.path, header.container, messages, threads, features.patches) as decoder:
            decoder.reduced(levels)
            reduced = [
                plane.samples.astype(_sample_type(part))
                for plane, part in zip(decoder.planes(), header.components, strict=True)
            ]
    except ImageError as error:
        if error.failure.cause not in (Cause.CORRUPT, Cause.TRUNCATED, Cause.UNSUPPORTED):
            raise
        # If the file is damaged, decoding it in full reports that.
        warning = f"tiles or strips could not be compared with a smaller picture: {error.failure.message}"
        return None, (warning,)
    if [plane.shape for plane in reduced] != sizes:
        _fail("OpenJPEG decoded another size than the picture has at a reduced resolution")
    return Witness(header, styles, features.tile_styles, levels, reduced, windows_for(header)), ()


def _reduced_size(component: Component, area: Area, levels: int) -> tuple[int, int]:
    """Rows and columns."""
    left, top, right, bottom = (-(-edge >> levels) for edge in samples_of(component, area))
    return bottom - top, right - left


def _sample_type(component: Component) -> type[Any]:
    if component.bits > 16:
        return np.int32
    if component.bits > 8:
        return np.int16 if component.signed else np.uint16
    return np.int8 if component.signed else np.uint8


def samples_of(component: Component, area: Area) -> Area:
    """The samples of a component that lie in an area of the reference grid (equation B-2)."""
    x0, y0, x1, y1 = area
    dx, dy = component.dx, component.dy
    return -(-x0 // dx), -(-y0 // dy), -(-x1 // dx), -(-y1 // dy)


def value_range(component: Component) -> tuple[int, int]:
    """The lowest and the highest value of a sample."""
    values = 1 << component.bits
    return (-(values // 2), values // 2 - 1) if component.signed else (0, values - 1)


def _tiles_within(header: Header, area: Area) -> Iterator[int]:
    grid = header.grid
    x0, y0, x1, y1 = area
    columns = range((x0 - grid.tile_x0) // grid.tile_width, -(-(x1 - grid.tile_x0) // grid.tile_width))
    for row in range((y0 - grid.tile_y0) // grid.tile_height, -(-(y1 - grid.tile_y0) // grid.tile_height)):
        yield from (row * grid.tiles_across + column for column in columns)


def _across(part: _Part, window: Span, left: int, rows: NDArray[Any]) -> NDArray[Any]:
    """The band's columns in a window, of rows that were made down the columns from `left` on."""
    first, last = window
    made = np.empty((len(rows), last - first), rows.dtype)
    step = _COLUMNS_AT_ONCE >> part.band.levels
    for start in range(first, last, step):
        stop = min(start + step, last)
        block = block_of(part.band, part.columns, (start, stop), rows.dtype)
        line = slice(block.line[0] - left, block.line[1] - left)
        np.matmul(rows[:, line], block.weights.T, out=made[:, start - first : stop - first])
    return made


def _near(
    band: LowBand, spans: tuple[Span, Span], corner: tuple[int, int], samples: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    """For each of the band's rows and columns whether any of these samples from `corner` on is near it.

    Near is where the weights are large.
    """
    margin = _margin(band)
    down, across = (
        _cell_edges(band, span, first, count)
        for span, first, count in zip(spans, corner, samples.shape, strict=True)
    )
    cells = np.logical_or.reduceat(np.logical_or.reduceat(samples, down, axis=0), across, axis=1)
    near = np.lib.stride_tricks.sliding_window_view(cells, (2 * margin + 1, 2 * margin + 1))
    return np.asarray(near.any(axis=(2, 3)))


def _margin(band: LowBand) -> int:
    """Steps."""
    return 1 if band.levels > 2 else 2


def _cell_edges(band: LowBand, samples: Span, first: int, count: int) -> NDArray[np.intp]:
    """Where the cells around the band's samples begin, and those around the samples before and after them.

    One that does not exist begins at the line's end, and is its last sample.
    """
    margin = _margin(band)
    cells = np.arange(samples[0] - margin, samples[1] + margin)
    edges = cells * band.step - band.step // 2 - first
    return np.clip(edges, 0, count - 1)


_HINT = (
    "Requeue once. If it fails again, the file is damaged or OpenJPEG decodes it wrongly: compare it with a backup, "
    "look at the place that is named in another viewer, and report it."
)


def _fail(message: str) -> NoReturn:
    raise ImageError(Cause.PROOF_FAILED, Stage.DECODING, message, _HINT)
