"""The facts of a JPEG 2000 file that are known before a pixel is decoded: one frozen `Header`."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


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
    """An enumerated space we do not convert; `Colour.enumerated` has its number."""


class ChannelKind(StrEnum):
    COLOUR = "colour"
    OPACITY = "opacity"
    PREMULTIPLIED = "premultiplied"
    UNSPECIFIED = "unspecified"


@dataclass(frozen=True)
class Component:
    """A component of the codestream (SIZ marker, ISO/IEC 15444-1 A.5.1)."""

    width: int
    height: int
    dx: int
    """Horizontal subsampling on the reference grid (XRsiz), 1 to 255."""
    dy: int
    bits: int
    signed: bool


@dataclass(frozen=True)
class Colour:
    """The `colr` box that counts (ISO/IEC 15444-1 I.5.3.3), or UNSPECIFIED for a raw codestream."""

    space: ColourSpace
    icc: bytes | None = None
    enumerated: int | None = None
    parameters: tuple[int, ...] = ()
    """What follows EnumCS, 32 bits each: CIELab's RL, OL, RA, OA, RB, OB, IL (ISO/IEC 15444-2 M.11.7.4.1)."""


@dataclass(frozen=True)
class Palette:
    """The `pclr` box with its `cmap`: `table[i][c]` is the value of column c for index i."""

    bits: tuple[int, ...]
    signed: tuple[bool, ...]
    table: tuple[tuple[int, ...], ...]
    mapping: tuple[tuple[int, int | None], ...]
    """For each channel: the codestream's component, and the palette column (None: used directly)."""


@dataclass(frozen=True)
class Channel:
    """A row of the `cdef` box: `association` 0 is the whole image, 1.. the colour, 65535 none."""

    index: int
    kind: ChannelKind
    association: int


@dataclass(frozen=True)
class Resolution:
    """Pixels per metre."""

    x_per_m: float
    y_per_m: float


@dataclass(frozen=True)
class Header:
    container: Container
    codestream_offset: int
    """Bytes from the start of the file to SOC."""
    x0: int
    """The image area on the reference grid: XOsiz, YOsiz, Xsiz, Ysiz."""
    y0: int
    x1: int
    y1: int
    tile_width: int
    """XTsiz."""
    tile_height: int
    tile_x0: int
    """XTOsiz."""
    tile_y0: int
    components: tuple[Component, ...]
    progression: str
    """LRCP, RLCP, RPCL, PCRL or CPRL."""
    layers: int
    levels: int
    """Decomposition levels (resolutions less one) of the main header's COD."""
    reversible: bool
    """True for the 5-3 wavelet."""
    multiple_component_transform: bool
    colour: Colour
    palette: Palette | None = None
    channels: tuple[Channel, ...] = ()
    capture_resolution: Resolution | None = None
    display_resolution: Resolution | None = None
    xmp: bytes | None = None
    exif: bytes | None = None
    """A TIFF stream, from the first II or MM."""
    iptc: bytes | None = None
    """IPTC-IIM records."""
    bits_per_component_box: tuple[int, ...] = ()
    warnings: tuple[str, ...] = ()
    """What the file says wrongly or twice, and how it was taken."""
    codestream_bytes: int = 0
    """From SOC to where its box says it ends, which may lie beyond the end of a file that was cut."""
    file_bytes: int = 0
    high_throughput: bool = False
    """HT code-blocks (ISO/IEC 15444-15)."""
    code_block_samples: int = 4096
    """Width by height of a code-block, of the main header's COD."""

    @property
    def width(self) -> int:
        """Pixels of the picture that comes out, before any shrinking.

        Those of the finest component: fewer than the reference grid's where every component is subsampled.
        """
        return max(c.width for c in self.components)

    @property
    def height(self) -> int:
        return max(c.height for c in self.components)

    @property
    def megapixels(self) -> float:
        return self.width * self.height / 1e6

    @property
    def tiles_across(self) -> int:
        return -(-(self.x1 - self.tile_x0) // self.tile_width)

    @property
    def tiles_down(self) -> int:
        return -(-(self.y1 - self.tile_y0) // self.tile_height)

    @property
    def is_tiled(self) -> bool:
        return self.tiles_across * self.tiles_down > 1

    @property
    def tiles_stand_alone(self) -> bool:
        """Whether it has tiles, on a grid that subsampled components agree with.

        Where a tile's edge lies between two samples of a component, the tile's first pixels belong to a sample
        of its neighbour: such an image is decoded whole or in strips, as if it were untiled.
        """
        finest_dx, finest_dy = min(c.dx for c in self.components), min(c.dy for c in self.components)
        across, down = self.tiles_across > 1, self.tiles_down > 1
        return self.is_tiled and not any(
            (across and c.dx != finest_dx and (self.tile_x0 % c.dx or self.tile_width % c.dx))
            or (down and c.dy != finest_dy and (self.tile_y0 % c.dy or self.tile_height % c.dy))
            for c in self.components
        )

    @property
    def is_subsampled(self) -> bool:
        return any(c.dx != self.components[0].dx or c.dy != self.components[0].dy for c in self.components)
