"""What a JPEG 2000 file says of itself before a pixel is decoded, whatever its name says it is."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from engine.failures import Cause, ImageError, Stage
from engine.jp2.boxes.jp2_header import Jp2Header, choose_colour, read_jp2_header
from engine.jp2.boxes.jpx_header import JpxHeaders, take_jpx_header, with_jpx_headers
from engine.jp2.boxes.metadata import Metadata, take_metadata, take_nested_metadata
from engine.jp2.boxes.walk import Box, BoxError, walk
from engine.jp2.codestream.main_header import SIGNATURE, MainHeader, read_main_header
from engine.jp2.consistency import check_agreement
from engine.jp2.errors import corrupt, truncated, unsupported
from engine.jp2.file_reader import Source
from engine.jp2.file_types import LOOK_BYTES, name_impostor
from engine.jp2.model import (
    Channel,
    ChannelKind,
    Colour,
    ColourSpace,
    Component,
    Container,
    Header,
    Palette,
    Resolution,
)

__all__ = [
    "Channel",
    "ChannelKind",
    "Colour",
    "ColourSpace",
    "Component",
    "Container",
    "Header",
    "Palette",
    "Resolution",
    "read_header",
]

_SIGNATURE_BOX = b"\x00\x00\x00\x0cjP  \r\n\x87\n"
"""The JPEG 2000 Signature box (ISO/IEC 15444-1 I.5.1)."""


def read_header(path: str | Path) -> Header:
    """The header of a JP2, a JPX or a raw codestream.

    Reads tens of kilobytes, however large the file: what it does not need is stepped over. Raises
    ImageError: SOURCE_MISSING or SOURCE_UNREADABLE when the file cannot be read, NOT_JPEG2000 with what it is
    instead, TRUNCATED when it ends before its header does, CORRUPT for what cannot be, UNSUPPORTED for what
    could be and is not read here.
    """
    with Source(path) as source:
        head = source.read(0, LOOK_BYTES)
        if head.startswith(SIGNATURE):
            main = read_main_header(source, 0)
            return _header(source, Container.CODESTREAM, main, _Boxes(codestream=(0, source.size)))
        if head.startswith(_SIGNATURE_BOX):
            return _read_jp2(source)
        raise _not_jpeg2000(source, head)


def _not_jpeg2000(source: Source, head: bytes) -> ImageError:
    if head.strip(b"\x00") and (_SIGNATURE_BOX.startswith(head) or SIGNATURE.startswith(head)):
        message = f"the file ends inside its signature (it has {source.size} bytes)"
        return ImageError(Cause.TRUNCATED, Stage.VALIDATING, message)
    if head[4:8] == b"jP  " or head[8:12] == _SIGNATURE_BOX[8:] or head[16:24] == b"ftypjp2 ":
        message = f"the JP2 signature is damaged: the file begins with {head[:12].hex(' ')}"
        return ImageError(Cause.CORRUPT, Stage.VALIDATING, message)
    what = name_impostor(head, source.size)
    return ImageError(Cause.NOT_JPEG2000, Stage.VALIDATING, f"this is {what}")


@dataclass
class _Boxes:
    """What the walk over the file's boxes found."""

    brand: bytes = b""
    compatible: tuple[bytes, ...] = ()
    jp2h: Jp2Header | None = None
    jpx: JpxHeaders = field(default_factory=JpxHeaders)
    codestream: tuple[int, int] | None = None
    """From SOC to where its box says it ends, offsets in the file."""
    metadata: Metadata = field(default_factory=Metadata)
    warnings: list[str] = field(default_factory=list)

    @property
    def is_jpx(self) -> bool:
        return self.brand in (b"jpx ", b"jpxb") or (self.brand != b"jp2 " and b"jpx " in self.compatible)


def _read_jp2(source: Source) -> Header:
    found = _Boxes()
    try:
        for box in walk(source, len(_SIGNATURE_BOX), source.size):
            _take(source, box, found)
    except BoxError as error:
        if found.codestream is None:
            if error.out_of_bytes:
                truncated(source, "the file ends before its codestream")
            corrupt(f"the boxes break off before the codestream: {error}")
        found.warnings.append(f"after the codestream: {error}")
    if found.codestream is None:
        truncated(source, "the file ends before its codestream")
    main = read_main_header(source, found.codestream[0])
    return _header(source, Container.JPX if found.is_jpx else Container.JP2, main, found)


def _take(source: Source, box: Box, found: _Boxes) -> None:
    if box.is_cut and found.codestream is None and box.kind != b"jp2c":
        truncated(source, f"the file ends inside its {box.name!r} box, before the codestream")
    if not found.brand and box.kind != b"ftyp":
        corrupt(f"the second box is {box.name!r}, not the file type (ftyp)")
    if box.is_cut and found.codestream is not None:
        found.warnings.append(f"the file ends inside a box {box.name!r} after the codestream")
        return
    match box.kind:
        case b"ftyp":
            _take_file_type(source, box, found)
        case b"jp2h" if found.codestream is None:
            found.jp2h = found.jp2h or read_jp2_header(source, box)
            take_nested_metadata(source, box, found.metadata, found.warnings)
        case b"jpch" | b"jplh" | b"comp" if found.is_jpx:
            take_jpx_header(source, box, found.jpx)
        case b"jp2c":
            _take_codestream(source, box, found)
        case b"ftbl" if found.codestream is None:
            unsupported("the codestream lies in fragments (a JPX fragment table)")
        case b"uuid" | b"xml ":
            take_metadata(source, box, found.metadata, found.warnings)
        case b"asoc":
            take_nested_metadata(source, box, found.metadata, found.warnings)


def _take_file_type(source: Source, box: Box, found: _Boxes) -> None:
    data = source.read(box.content, min(box.content_bytes, 1024))
    if len(data) < 8:
        corrupt(f"the file type (ftyp) box holds {len(data)} bytes")
    found.brand = data[:4]
    found.compatible = tuple(data[at : at + 4] for at in range(8, len(data) - 3, 4))
    if found.brand == b"jpm ":
        unsupported("this is a compound document (JPM), not one image")
    if found.brand in (b"mjp2", b"mj2s"):
        unsupported("this is a film (Motion JPEG 2000), not one image")


def _take_codestream(source: Source, box: Box, found: _Boxes) -> None:
    if found.codestream is not None:
        found.warnings.append("there is more than one codestream; the first is converted")
        return
    if found.jp2h is None and found.is_jpx:
        unsupported("there is no JP2 header (jp2h) box before the codestream of this JPX")
    if found.jp2h is None:
        corrupt("there is no JP2 header (jp2h) box before the codestream")
    found.codestream = (box.content, box.declared_end)
    if box.is_cut:
        missing = box.declared_end - box.end
        found.warnings.append(f"the codestream box claims {missing:,} bytes more than the file has")


def _header(source: Source, container: Container, main: MainHeader, found: _Boxes) -> Header:
    size, style = main.size, main.style
    jp2h = with_jpx_headers(found.jp2h or Jp2Header(), found.jpx, len(size.components))
    start, end = found.codestream or (0, source.size)
    palette = jp2h.full_palette()
    disagreements = check_agreement(jp2h, palette, size) if found.jp2h else ()
    return Header(
        container=container,
        codestream_offset=start,
        x0=size.x0,
        y0=size.y0,
        x1=size.x1,
        y1=size.y1,
        tile_width=size.tile_width,
        tile_height=size.tile_height,
        tile_x0=size.tile_x0,
        tile_y0=size.tile_y0,
        components=size.components,
        progression=style.progression,
        layers=style.layers,
        levels=style.levels,
        reversible=style.reversible,
        multiple_component_transform=style.multiple_component_transform,
        colour=choose_colour(jp2h.colours, by_precedence=container is Container.JPX),
        palette=palette,
        channels=jp2h.channels,
        capture_resolution=jp2h.capture_resolution,
        display_resolution=jp2h.display_resolution,
        xmp=found.metadata.xmp,
        exif=found.metadata.exif,
        iptc=found.metadata.iptc,
        bits_per_component_box=jp2h.bits_per_component,
        warnings=(*main.warnings, *jp2h.warnings, *disagreements, *found.warnings),
        codestream_bytes=end - start,
        file_bytes=source.size,
        high_throughput=style.high_throughput,
        code_block_samples=style.code_block_samples,
    )
