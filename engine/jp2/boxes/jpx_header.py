"""The JPX headers of the first codestream and the first compositing layer (ISO/IEC 15444-2 M.11.6, M.11.7)."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct, field, structs

from engine.jp2.boxes.jp2_header import Jp2Header, choose_colour, read_header_box
from engine.jp2.boxes.walk import Box, BoxError, content_of, walk
from engine.jp2.errors import corrupt, unsupported
from engine.jp2.file_reader import FileReader
from engine.jp2.header import ChannelDefinition, ChannelKind

_OPACITIES = {0: ChannelKind.OPACITY, 1: ChannelKind.PREMULTIPLIED}
"""OTyp of the Opacity box (M.11.7.6): what the last channel is."""


class JpxHeaders(Struct):
    """The Codestream Header and Compositing Layer Header boxes that count: the first of each."""

    codestream: Jp2Header | None = None
    layer: Jp2Header | None = None
    opacity: ChannelKind | None = None
    """Of the last channel, if no channel definition gives it."""
    warnings: list[str] = field(default_factory=list)


def read_jpx_header(reader: FileReader, box: Box, found: JpxHeaders) -> None:
    """Reads a `jpch`, `jplh` or `comp` box. Raises ImageError for what cannot be, or is not supported."""
    match box.kind:
        case b"jpch" if found.codestream is None:
            found.codestream = Jp2Header()
            for inner in _inside(reader, box):
                read_header_box(reader, inner, found.codestream)
        case b"jplh" if found.layer is None:
            found.layer = Jp2Header()
            for inner in _inside(reader, box):
                _read_layer_box(reader, inner, found, found.layer)
        case b"comp":
            found.warnings.append(
                "the picture is a composition of layers (comp box); only the first codestream is converted"
            )


def _read_layer_box(reader: FileReader, box: Box, found: JpxHeaders, layer: Jp2Header) -> None:
    match box.kind:
        case b"cgrp":
            for colour in _inside(reader, box):
                read_header_box(reader, colour, layer)
        case b"creg":
            _check_registration(content_of(reader, box, 4, most=4 + 6 * 65536))
        case b"opct":
            kind = content_of(reader, box, 1)[0]
            if kind not in _OPACITIES:
                unsupported("a colour stands for transparency (a chroma key in a JPX opacity box)")
            found.opacity = _OPACITIES[kind]
        case _:
            read_header_box(reader, box, layer)


def _inside(reader: FileReader, superbox: Box) -> Iterator[Box]:
    try:
        for box in walk(reader, superbox.content, superbox.end):
            if box.kind == b"cref":
                unsupported(f"a part of the '{superbox.name}' box lies elsewhere (a JPX cross-reference)")
            yield box
    except BoxError as error:
        corrupt(f"the '{superbox.name}' box breaks off: {error}")


def _check_registration(data: bytes) -> None:
    """Codestream Registration (M.11.7.7): after the grid's XS and YS, six bytes for each codestream."""
    used = {int.from_bytes(data[at : at + 2]) for at in range(4, len(data) - 5, 6)}
    if used - {0}:
        unsupported("the first compositing layer is made of other codestreams than the first")


def with_jpx_headers(jp2h: Jp2Header, found: JpxHeaders, components: int) -> Jp2Header:
    """The JP2 header, overridden by the headers of the first codestream and layer (M.11.5)."""
    merged = structs.replace(jp2h, warnings=[*jp2h.warnings, *found.warnings])
    if (own_codestream := found.codestream) is not None:
        _override_palette(merged, own_codestream)
    if (own_layer := found.layer) is not None:
        _override_colour(merged, own_layer)
        merged.channels = own_layer.channels or jp2h.channels
        merged.capture_resolution = own_layer.capture_resolution or jp2h.capture_resolution
        merged.display_resolution = own_layer.display_resolution or jp2h.display_resolution
        merged.warnings += own_layer.warnings
    if found.opacity is not None and not merged.channels:
        merged.channels = _with_last(len(merged.mapping or ()) or components, found.opacity)
    return merged


def _override_palette(merged: Jp2Header, own: Jp2Header) -> None:
    merged.warnings += own.warnings
    if own.palette is None and own.mapping is None:
        return
    if merged.palette is not None and (merged.palette, merged.mapping) != (own.palette, own.mapping):
        merged.warnings.append(
            "the palette is that of the codestream's own header (jpch), not the JP2 header's"
        )
    merged.palette, merged.mapping = own.palette or merged.palette, own.mapping or merged.mapping


def _override_colour(merged: Jp2Header, own: Jp2Header) -> None:
    """The layer's colour counts, unless it cannot be used and the JP2 header has another."""
    if not own.colours or (merged.colours and not any(box.usable for box in own.colours)):
        return
    if merged.colours and choose_colour(merged.colours, True) != choose_colour(own.colours, True):
        merged.warnings.append("the colour is that of the first layer (jplh), not the JP2 header's")
    merged.colours = own.colours


def _with_last(count: int, kind: ChannelKind) -> tuple[ChannelDefinition, ...]:
    """All channels are colours in their order, but the last one, which is over the whole image."""
    colours = (ChannelDefinition(index, ChannelKind.COLOUR, index + 1) for index in range(count - 1))
    return (*colours, ChannelDefinition(count - 1, kind, 0))
