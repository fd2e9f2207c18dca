"""How components are coded: COD and COC of the main header, and those of a tile, which override them (A.6)."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct, field

from engine.jp2.codestream.marker_segments import Marker, Parameters, Segment
from engine.jp2.errors import corrupt, unsupported
from engine.jp2.file_reader import FileReader

PROGRESSIONS = ("LRCP", "RLCP", "RPCL", "PCRL", "CPRL")
MAX_LEVELS = 32
_WHOLE_PRECINCT = (15, 15)
"""PPx and PPy if none are given: a precinct of 2^15 samples a side."""
_WIDE_INDEX_FROM_COMPONENTS = 257
"""With this many components or more, COC names its component in two bytes."""


class ComponentStyle(Struct, frozen=True):
    """The coding style that COD gives all components, or COC one."""

    levels: int
    code_block: tuple[int, int]
    """Its width and height as powers of two."""
    block_style: int
    """Table A.19."""
    reversible: bool
    precincts: tuple[tuple[int, int], ...]
    """PPx and PPy of each resolution, the coarsest first; empty if all are of the greatest size."""

    @property
    def high_throughput(self) -> bool:
        """HT code-blocks (ISO/IEC 15444-15)."""
        return bool(self.block_style & 0x40)

    def precinct(self, resolution: int) -> tuple[int, int]:
        return self.precincts[resolution] if self.precincts else _WHOLE_PRECINCT


class CodingStyle(Struct, frozen=True):
    """A COD marker segment (A.6.1)."""

    progression: str
    layers: int
    multiple_component_transform: bool
    every: ComponentStyle

    @property
    def levels(self) -> int:
        return self.every.levels

    @property
    def reversible(self) -> bool:
        return self.every.reversible

    @property
    def high_throughput(self) -> bool:
        return self.every.high_throughput

    @property
    def code_block_samples(self) -> int:
        """Width by height of a code-block."""
        return 1 << sum(self.every.code_block)


class Styles(Struct, frozen=True):
    """The coding style of each component of a tile."""

    style: CodingStyle
    components: Mapping[int, ComponentStyle] = field(default_factory=dict)
    """COC."""

    @property
    def high_throughput(self) -> bool:
        return any(style.high_throughput for style in (self.style.every, *self.components.values()))

    def of(self, component: int) -> ComponentStyle:
        return self.components.get(component, self.style.every)


class StyleMarkers(Struct):
    """The COD and COC of one header, as they are met."""

    part_2: bool = False
    """The codestream asks for ISO/IEC 15444-2, where values mean something that are impossible in Part 1."""
    style: CodingStyle | None = None
    components: dict[int, ComponentStyle] = field(default_factory=dict)

    @property
    def are_any(self) -> bool:
        return self.style is not None or bool(self.components)

    def read(self, reader: FileReader, segment: Segment, components: int) -> None:
        """Reads a COD or COC; the first of several counts. `components` is how many the image has."""
        parameters = Parameters(reader, segment)
        if self.part_2:
            _refuse_part_2(parameters, segment.marker, components)
        if segment.marker == Marker.COD:
            self.style = self.style or _parse_style(parameters)
        else:
            index, style = _parse_component(parameters, components)
            self.components.setdefault(index, style)

    def over(self, main: Styles) -> Styles:
        """A tile's COC counts before its COD, that before the main header's COC, and the main COD last."""
        if self.style is not None:
            return Styles(self.style, self.components)
        return Styles(main.style, {**main.components, **self.components}) if self.components else main


def _refuse_part_2(parameters: Parameters, marker: int, components: int) -> None:
    """UNSUPPORTED for the values that ISO/IEC 15444-2 A.2.3 adds to COD and COC."""
    if marker == Marker.COD:
        name, (flags, transform, levels, wavelet) = "COD", parameters.unpack(">BxxxBBxxxB")
    else:
        wide = components >= _WIDE_INDEX_FROM_COMPONENTS
        transform = 0
        name, (flags, levels, wavelet) = "COC", parameters.unpack(">BBxxxB", 2 if wide else 1)
    if wavelet > 1:
        unsupported(f"{name} names the wavelet transformation {wavelet}, one of Part 2 (ATK)")
    if transform > 1:
        unsupported(f"{name} names the component transformation {transform}, one of Part 2")
    if levels & 0x80:
        unsupported(f"{name} names a downsampling of Part 2 (DFS)")
    if flags > 7:
        unsupported(f"{name} places its code-blocks as in Part 2 (style {flags:#04x})")


def _parse_style(parameters: Parameters) -> CodingStyle:
    flags, progression, layers, transform = parameters.unpack(">BBHB")
    if progression >= len(PROGRESSIONS):
        corrupt(f"COD names the progression order {progression}; 0 to {len(PROGRESSIONS) - 1} exist")
    if layers == 0:
        corrupt("COD claims no quality layers")
    every = _component_style(parameters, 5, "COD", has_precincts=bool(flags & 1))
    return CodingStyle(PROGRESSIONS[progression], layers, transform != 0, every)


def _parse_component(parameters: Parameters, components: int) -> tuple[int, ComponentStyle]:
    wide = components >= _WIDE_INDEX_FROM_COMPONENTS
    index, flags = parameters.unpack(">HB" if wide else ">BB")
    if index >= components:
        corrupt(f"COC names component {index} of {components}")
    return index, _component_style(parameters, 3 if wide else 2, "COC", has_precincts=bool(flags & 1))


def _component_style(parameters: Parameters, at: int, name: str, *, has_precincts: bool) -> ComponentStyle:
    levels, xcb, ycb, block_style, wavelet = parameters.unpack(">BBBBB", at)
    if levels > MAX_LEVELS:
        corrupt(f"{name} claims {levels} decomposition levels; {MAX_LEVELS} are possible")
    if xcb > 8 or ycb > 8 or xcb + ycb > 8:
        corrupt(f"{name} claims code-blocks of 2^{xcb + 2} × 2^{ycb + 2} samples")
    if wavelet > 1:
        corrupt(f"{name} names the wavelet transformation {wavelet}; 0 and 1 exist in Part 1")
    if has_precincts and parameters.size < at + 5 + levels + 1:
        corrupt(f"{name} is too short for the precinct sizes it promises")
    sizes = parameters.unpack(f">{levels + 1}B", at + 5) if has_precincts else ()
    return ComponentStyle(
        levels=levels,
        code_block=(xcb + 2, ycb + 2),
        block_style=block_style,
        reversible=wavelet == 1,
        precincts=tuple((size & 15, size >> 4) for size in sizes),
    )
