"""What is known of a JPEG 2000 image before a pixel is decoded: one frozen `Header`."""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct

Area = tuple[int, int, int, int]
"""x0, y0, x1, y1 on the reference grid or among a component's samples; the last two are outside."""


class Container(StrEnum):
    JP2 = "jp2"
    JPX = "jpx"
    CODESTREAM = "codestream"


class ColourSpace(StrEnum):
    GREY = "grey"
    SRGB = "srgb"
    SYCC = "sycc"
    CIELAB = "cielab"
    CMYK = "cmyk"
    ICC = "icc"
    UNSPECIFIED = "unspecified"
    OTHER = "other"
    """An enumerated space that is not converted; `Colour.enumerated` has its number."""


class ChannelKind(StrEnum):
    COLOUR = "colour"
    OPACITY = "opacity"
    PREMULTIPLIED = "premultiplied"
    UNSPECIFIED = "unspecified"


class ReferenceGrid(Struct, frozen=True):
    """The image area and its tiles on the reference grid (SIZ marker segment, ISO/IEC 15444-1 A.5.1, B.2, B.3)."""

    x0: int
    """XOsiz."""
    y0: int
    x1: int
    """Xsiz."""
    y1: int
    tile_width: int
    """XTsiz."""
    tile_height: int
    tile_x0: int
    """XTOsiz."""
    tile_y0: int

    @property
    def width(self) -> int:
        return self.x1 - self.x0

    @property
    def height(self) -> int:
        return self.y1 - self.y0

    @property
    def area(self) -> Area:
        return self.x0, self.y0, self.x1, self.y1

    @property
    def tiles_across(self) -> int:
        return -(-(self.x1 - self.tile_x0) // self.tile_width)

    @property
    def tiles_down(self) -> int:
        return -(-(self.y1 - self.tile_y0) // self.tile_height)

    @property
    def tiles(self) -> int:
        return self.tiles_across * self.tiles_down

    def tile_area(self, index: int) -> Area:
        """The part of the image area that a tile covers (equations B-7 to B-10)."""
        row, column = divmod(index, self.tiles_across)
        left = self.tile_x0 + column * self.tile_width
        top = self.tile_y0 + row * self.tile_height
        right, bottom = left + self.tile_width, top + self.tile_height
        return max(left, self.x0), max(top, self.y0), min(right, self.x1), min(bottom, self.y1)


class Component(Struct, frozen=True):
    """A component of the codestream (SIZ marker segment, ISO/IEC 15444-1 A.5.1)."""

    width: int
    height: int
    dx: int
    """Horizontal subsampling on the reference grid (XRsiz), 1 to 255."""
    dy: int
    bits: int
    signed: bool


class Colour(Struct, frozen=True):
    """The `colr` box that counts (ISO/IEC 15444-1 I.5.3.3), or UNSPECIFIED for a raw codestream."""

    space: ColourSpace
    icc: bytes | None = None
    enumerated: int | None = None
    parameters: tuple[int, ...] = ()
    """What follows EnumCS, 32 bits each: CIELab's RL, OL, RA, OA, RB, OB, IL (ISO/IEC 15444-2 M.11.7.4.1)."""


class Palette(Struct, frozen=True):
    """The `pclr` box with its `cmap`: `table[i][c]` is the value of column c for index i."""

    bits: tuple[int, ...]
    signed: tuple[bool, ...]
    table: tuple[tuple[int, ...], ...]
    mapping: tuple[tuple[int, int | None], ...] = ()
    """For each channel: the codestream's component, and the palette's column (None: no palette)."""


class ChannelDefinition(Struct, frozen=True):
    """A row of the `cdef` box: `association` 0 is the whole image, 1 and up a colour, 65535 none."""

    index: int
    kind: ChannelKind
    association: int


class Resolution(Struct, frozen=True):
    """Pixels per metre."""

    x_per_m: float
    y_per_m: float


class Header(Struct, frozen=True):
    container: Container
    codestream_offset: int
    """Bytes from the start of the file to SOC."""
    codestream_bytes: int
    """From SOC to where its box ends it, which may lie beyond the end of a file that was cut."""
    file_bytes: int
    grid: ReferenceGrid
    components: tuple[Component, ...]
    progression: str
    """LRCP, RLCP, RPCL, PCRL or CPRL."""
    layers: int
    levels: int
    """Decomposition levels (resolutions less one) of the main header's COD."""
    reversible: bool
    """The wavelet is the 5-3."""
    multiple_component_transform: bool
    high_throughput: bool
    """The code-blocks are those of ISO/IEC 15444-15."""
    code_block_samples: int
    """Width by height of a code-block, of the main header's COD."""
    colour: Colour
    palette: Palette | None = None
    channels: tuple[ChannelDefinition, ...] = ()
    capture_resolution: Resolution | None = None
    display_resolution: Resolution | None = None
    bits_per_component_box: tuple[int, ...] = ()
    warnings: tuple[str, ...] = ()
    """What the file states wrongly or twice, and which statement is followed."""

    @property
    def codestream_end(self) -> int:
        return self.codestream_offset + self.codestream_bytes

    @property
    def width(self) -> int:
        """Pixels of the picture that comes out, before any shrinking.

        They are those of the finest component: fewer than the reference grid's if every component is subsampled.
        """
        return max(c.width for c in self.components)

    @property
    def height(self) -> int:
        return max(c.height for c in self.components)

    @property
    def finest_dx(self) -> int:
        """Horizontal subsampling of the component that has the picture's pixels."""
        return min(c.dx for c in self.components)

    @property
    def finest_dy(self) -> int:
        return min(c.dy for c in self.components)

    @property
    def is_tiled(self) -> bool:
        return self.grid.tiles > 1

    @property
    def tiles_stand_alone(self) -> bool:
        """Whether it has tiles, on a grid that subsampled components agree with.

        If a tile's edge lies between two samples of a component, the tile's first pixels belong to a sample of
        its neighbour: such an image is decoded whole or in strips, as if it were untiled.
        """
        grid, finest_dx, finest_dy = self.grid, self.finest_dx, self.finest_dy
        across, down = grid.tiles_across > 1, grid.tiles_down > 1
        return self.is_tiled and not any(
            (across and c.dx != finest_dx and (grid.tile_x0 % c.dx or grid.tile_width % c.dx))
            or (down and c.dy != finest_dy and (grid.tile_y0 % c.dy or grid.tile_height % c.dy))
            for c in self.components
        )
