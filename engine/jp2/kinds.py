"""Which kind of file this is, from its header and the head of its first tile-part."""

from __future__ import annotations

import re

from engine.file_kind import NOT_STATED, UNNAMED_WRITER, FileKind
from engine.formatting import visible
from engine.jp2.codestream.main_header import MainHeader
from engine.jp2.codestream.marker_segments import Marker
from engine.jp2.header import ChannelKind, ColourSpace, Container, Header
from engine.jp2.icc import read_profile
from engine.jp2.jp2_file import Jp2File

_MOST_CHARACTERS = 60
_MOST_DEPTHS = 4
_TNSOT = 11
"""Offset of TNsot in SOT (A.4.2)."""
_RARE = (Marker.POC, Marker.RGN, Marker.PPM)
_BLOCK_STYLES = (
    "bypass",
    "reset",
    "terminated passes",
    "vertically causal",
    "predictable termination",
    "segmentation symbols",
)
"""Of code-blocks, by the bits of Table A.19 from the lowest; the next one is high_throughput."""
_USUAL_BLOCK = (6, 6)
"""64 by 64 samples, as powers of two."""

_SIGNED = re.compile(
    r"(kakadu|openjpeg|jasper|grok|luratech|lurawave|lwf_jp2|aware|lead|adobe|erdas|comprimato|fastvideo|nvjpeg2000|"
    r"imagemagick|photostat|creat|version|copyright|\(c\))",
    re.IGNORECASE,
)
"""In comments that programs sign with a name and a version, which tell kinds apart."""
_PARAMETERS = re.compile(r"kdu-layer-info", re.IGNORECASE)
"""Kakadu writes each image's rates into a second comment."""

_SPACES = {
    ColourSpace.SRGB: "sRGB",
    ColourSpace.SYCC: "sYCC",
    ColourSpace.CIELAB: "CIELab",
    ColourSpace.CMYK: "CMYK",
    ColourSpace.GREY: "grey",
}


def kind_of(file: Jp2File) -> FileKind:
    """Reads nothing that a survey does not read; raises ImageError as `Jp2File` does."""
    header, main = file.header, file.main_header
    return FileKind(
        writer=_writer(main.comments),
        container=header.container.value,
        transform=_transform(header),
        tiling=_tiling(header),
        tile_parts=_tile_parts(file, main),
        progression=header.progression,
        layers=header.layers,
        depth=_depth(header),
        colour=_colour(header),
        high_throughput=header.high_throughput,
        features=", ".join([marker.name for marker in _RARE if marker in main.markers] + _coding(main)),
    )


def _writer(comments: tuple[str, ...]) -> str:
    """The comment that names a program, else the first one; what counts images or days in it is left open."""
    texts = [visible(" ".join(text.split())) for text in comments if not _PARAMETERS.match(text.strip())]
    signed = next((text for text in texts if _SIGNED.search(text)), None)
    if signed is not None:
        return signed[:_MOST_CHARACTERS]
    plain = next((text for text in texts if text), "")
    return re.sub(r"\d+", "#", plain)[:_MOST_CHARACTERS] or UNNAMED_WRITER


def _transform(header: Header) -> str:
    wavelet = "5-3" if header.reversible else "9-7"
    if not header.multiple_component_transform:
        return wavelet
    return f"{wavelet} {'RCT' if header.reversible else 'ICT'}"


def _tiling(header: Header) -> str:
    grid = header.grid
    return f"{grid.tile_width} × {grid.tile_height}" if header.is_tiled else "untiled"


def _coding(main: MainHeader) -> list[str]:
    """What a decoder does otherwise than in most files, by the main header's COD."""
    style = main.style.every
    width, height = style.code_block
    found = [name for bit, name in enumerate(_BLOCK_STYLES) if style.block_style >> bit & 1]
    found += [f"code-blocks {1 << width} × {1 << height}"] if style.code_block != _USUAL_BLOCK else []
    found += ["precincts"] if style.precincts else []
    return found + ([] if style.levels else ["no decomposition"])


def _tile_parts(file: Jp2File, main: MainHeader) -> str:
    stated = file.reader.read(main.first_tile_part + _TNSOT, 1)
    return str(stated[0]) if stated and stated[0] else NOT_STATED


def _depth(header: Header) -> str:
    depths = [f"{part.bits}{' signed' if part.signed else ''}" for part in header.components]
    if len(set(depths)) == 1:
        return f"{depths[0]} bits".replace(" signed bits", " bits signed")
    listed = "/".join(depths[:_MOST_DEPTHS])
    return f"{listed}{'/…' if len(depths) > _MOST_DEPTHS else ''} bits"


def _colour(header: Header) -> str:
    count = len(header.components)
    parts = [f"{_space(header)}, {count} component{'s' if count > 1 else ''}"]
    if header.palette is not None:
        parts.append("palette")
    if any(row.kind in (ChannelKind.OPACITY, ChannelKind.PREMULTIPLIED) for row in header.channels):
        parts.append("alpha")
    if len({(part.dx, part.dy) for part in header.components}) > 1:
        parts.append("subsampled")
    return ", ".join(parts)


def _space(header: Header) -> str:
    colour = header.colour
    if colour.space is ColourSpace.ICC:
        profile = read_profile(colour.icc or b"")
        return f"ICC {visible(profile.space.strip())}" if profile else "ICC"
    if colour.space is ColourSpace.UNSPECIFIED and header.container is Container.CODESTREAM:
        return "no colour space"
    return _SPACES.get(colour.space) or f"colour space {colour.enumerated or 'unknown'}"
