"""Whether the JP2 boxes and the codestream agree about what both of them state, and which one is followed."""

from __future__ import annotations

from engine.jp2.boxes.jp2_header import ImageHeaderBox, Jp2Header
from engine.jp2.codestream.main_header import MAX_COMPONENTS, ImageSize
from engine.jp2.errors import corrupt
from engine.jp2.header import ChannelKind, Palette

_JPEG2000 = 7
"""The only compression type there is (ISO/IEC 15444-1 I.5.3.1)."""

_NO_ASSOCIATION = 65535
_ALPHAS = (ChannelKind.OPACITY, ChannelKind.PREMULTIPLIED)


def check_consistency(jp2h: Jp2Header, palette: Palette | None, size: ImageSize) -> tuple[str, ...]:
    """Warnings where the boxes contradict the codestream and the codestream is followed, as OpenJPEG does.

    Raises ImageError CORRUPT where OpenJPEG gives up: no image header box or one of another size than the
    codestream; a palette, a component mapping or a channel definition that names what is not there.
    """
    if jp2h.image is None:
        corrupt("the JP2 header has no image header (ihdr) box")
    _check_size(jp2h.image, size)
    _check_palette(palette, len(size.components))
    channels = len(palette.mapping) if palette else len(size.components)
    _check_channels(jp2h, channels)
    return (*_kind_warnings(jp2h.image, size), *_depth_warnings(jp2h.image, jp2h.bits_per_component, size))


def _check_size(image: ImageHeaderBox, size: ImageSize) -> None:
    width, height = size.grid.width, size.grid.height
    if (image.width, image.height) != (width, height):
        corrupt(
            f"the JP2 header says {image.width:,} × {image.height:,} pixels, the codestream "
            f"{width:,} × {height:,}"
        )


def _kind_warnings(image: ImageHeaderBox, size: ImageSize) -> list[str]:
    warnings: list[str] = []
    if not 1 <= image.components <= MAX_COMPONENTS:
        corrupt(f"the JP2 header claims {image.components:,} components")
    if image.components != len(size.components):
        warnings.append(
            f"the JP2 header says {image.components:,} components, the codestream "
            f"{len(size.components):,}: the codestream is followed"
        )
    if image.compression != _JPEG2000:
        warnings.append(f"the JP2 header says compression type {image.compression}, not {_JPEG2000}")
    return warnings


def _depth_warnings(image: ImageHeaderBox, bpcc: tuple[int, ...], size: ImageSize) -> list[str]:
    actual = tuple(component.bits for component in size.components)
    if image.bits is not None:
        declared = (image.bits,) * len(actual)
    elif bpcc:
        declared = bpcc
    else:
        return ["the JP2 header promises a bpcc box and has none"]
    if declared == actual:
        return []
    if image.bits is None and len(declared) != len(actual):
        return ["the bpcc box does not count the codestream's components"]
    return [
        f"the JP2 header says {_depths(declared)} bits a component, the codestream {_depths(actual)}: "
        "the codestream is followed"
    ]


def _depths(bits: tuple[int, ...]) -> str:
    return str(bits[0]) if len(set(bits)) == 1 else ", ".join(map(str, bits[:8]))


def _check_palette(palette: Palette | None, components: int) -> None:
    if palette is None:
        return
    columns = len(palette.bits)
    for component, column in palette.mapping:
        if component >= components:
            corrupt(f"the component mapping names component {component} of {components}")
        if column is not None and column >= columns:
            corrupt(f"the component mapping names column {column} of a palette of {columns}")


def _check_channels(jp2h: Jp2Header, channels: int) -> None:
    """Every channel is defined, and none that is not there (ISO/IEC 15444-1 I.5.3.6); the colours may be left out."""
    for channel in jp2h.channels:
        if channel.index >= channels:
            corrupt(f"the channel definition names channel {channel.index} of {channels}")
        if channel.association != _NO_ASSOCIATION and channel.association > channels:
            corrupt(f"the channel definition names colour {channel.association} of {channels} channels")
    names_colours = any(channel.kind not in _ALPHAS for channel in jp2h.channels)
    if names_colours and len({channel.index for channel in jp2h.channels}) < channels:
        corrupt(f"the channel definition leaves out some of the {channels} channels")
