"""Resolution levels, precincts and code-blocks of a tile (ISO/IEC 15444-1 B.3 to B.7)."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

from msgspec import Struct

from engine.jp2.codestream.coding_style import ComponentStyle, Styles
from engine.jp2.codestream.main_header import ImageSize
from engine.jp2.header import Area


class Precinct(Struct, frozen=True):
    component: int
    resolution: int
    x: int
    """Where a progression by position reaches it, on the reference grid (B.12.1.3)."""
    y: int
    index: int
    blocks: tuple[tuple[int, int], ...]
    """Code-blocks across and down in each sub-band; only sub-bands that have any."""


class ResolutionLevel(Struct, frozen=True):
    """A resolution level of a tile-component."""

    component: int
    resolution: int
    samples: Area
    """The tile-component's."""
    area: Area
    """The level's."""
    step: tuple[int, int]
    """Reference grid points from one of its samples to the next."""
    style: ComponentStyle

    @property
    def columns(self) -> range:
        """Of precincts (equation B-16)."""
        return _precincts(self.area[0], self.area[2], self.style.precinct(self.resolution)[0])

    @property
    def rows(self) -> range:
        return _precincts(self.area[1], self.area[3], self.style.precinct(self.resolution)[1])

    @property
    def precincts(self) -> int:
        return len(self.columns) * len(self.rows)

    @property
    def most_blocks(self) -> int:
        """An upper bound of its code-blocks."""
        x0, y0, x1, y1 = self.area
        across, down = (min(pair) for pair in zip(self.style.code_block, self.in_bands, strict=True))
        by_size = (((x1 - x0) >> across) + 4) * (((y1 - y0) >> down) + 4)
        return by_size + 3 * self.precincts

    @property
    def in_bands(self) -> tuple[int, int]:
        """A precinct's sides in a sub-band, as powers of two: half in all but the coarsest resolution."""
        across, down = self.style.precinct(self.resolution)
        half = int(self.resolution > 0)
        return max(across - half, 0), max(down - half, 0)


def _precincts(first: int, end: int, exponent: int) -> range:
    return range(first >> exponent, -(-end >> exponent)) if first < end else range(0)


def levels_of(size: ImageSize, styles: Styles, tile: int) -> Iterator[ResolutionLevel]:
    """Of every component and resolution of a tile (B.5)."""
    area = size.grid.tile_area(tile)
    for number, part in enumerate(size.components):
        style = styles.of(number)
        samples = _scaled(area, part.dx, part.dy)
        for resolution in range(style.levels + 1):
            coarser = 1 << (style.levels - resolution)
            step = (coarser * part.dx, coarser * part.dy)
            yield ResolutionLevel(
                number, resolution, samples, _scaled(samples, coarser, coarser), step, style
            )


def precincts_of(size: ImageSize, styles: Styles, tile: int) -> Iterator[Precinct]:
    x0, y0, _, _ = size.grid.tile_area(tile)
    for level in levels_of(size, styles, tile):
        across, down = level.style.precinct(level.resolution)
        bands = list(_bands(level.samples, level.style.levels, level.resolution))
        for number, (y, x) in enumerate(itertools.product(level.rows, level.columns)):
            yield Precinct(
                component=level.component,
                resolution=level.resolution,
                x=max(x0, (x << across) * level.step[0]),
                y=max(y0, (y << down) * level.step[1]),
                index=number,
                blocks=tuple(_blocks(bands, level, x, y)),
            )


def _bands(samples: Area, levels: int, resolution: int) -> Iterator[Area]:
    """Each sub-band of a resolution (equation B-15)."""
    if resolution == 0:
        yield _scaled(samples, 1 << levels, 1 << levels)
        return
    step = 1 << (levels - resolution + 1)
    for right, low in ((1, 0), (0, 1), (1, 1)):
        x, y = right * step // 2, low * step // 2
        x0, y0, x1, y1 = samples
        yield _scaled((x0 - x, y0 - y, x1 - x, y1 - y), step, step)


def _blocks(bands: list[Area], level: ResolutionLevel, column: int, row: int) -> Iterator[tuple[int, int]]:
    """Code-blocks of a precinct (B.7)."""
    across, down = level.in_bands
    block_x, block_y = min(level.style.code_block[0], across), min(level.style.code_block[1], down)
    for x0, y0, x1, y1 in bands:
        left, right = max(x0, column << across), min(x1, (column + 1) << across)
        top, bottom = max(y0, row << down), min(y1, (row + 1) << down)
        if left < right and top < bottom:
            yield -(-right >> block_x) - (left >> block_x), -(-bottom >> block_y) - (top >> block_y)


def _scaled(area: Area, across: int, down: int) -> Area:
    x0, y0, x1, y1 = area
    return -(-x0 // across), -(-y0 // down), -(-x1 // across), -(-y1 // down)
