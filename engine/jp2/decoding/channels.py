"""The channels of an image: which component each one comes from, through which palette, in which order."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from engine.jp2.errors import corrupt, unsupported
from engine.jp2.header import ChannelKind, Header

MAX_BITS = 31
"""OpenJPEG's own limit; ISO/IEC 15444-1 allows 38."""


class ChannelSource(Struct, frozen=True):
    """Where a channel's samples come from."""

    component: int
    bits: int
    signed: bool
    table: tuple[int, ...] | None = None
    """A palette's column, of values of `bits` bits; the component's samples are indices into it."""


class Channels(Struct, frozen=True):
    """An image's channels by what they are for."""

    colours: tuple[ChannelSource, ...]
    """In the order of their colours."""
    opacity: ChannelSource | None = None
    premultiplied: bool = False
    warnings: tuple[str, ...] = ()


def sort_channels(header: Header) -> Channels:
    """Colours and opacity by the channel definition (ISO/IEC 15444-1 I.5.3.6); without one all are colours.

    Raises ImageError UNSUPPORTED for channels of other kinds, CORRUPT if palette or channel definition contradict
    the codestream.
    """
    channels = _channels(header)
    if not header.channels:
        return Channels(tuple(channels))
    colours: dict[int, ChannelSource] = {}
    opacities: list[tuple[ChannelSource, ChannelKind, int]] = []
    defined: set[int] = set()
    lone_colour = sum(row.kind is ChannelKind.COLOUR for row in header.channels) == 1
    for row in header.channels:
        if row.index >= len(channels) or row.index in defined:
            corrupt(f"the channel definition names channel {row.index + 1} twice or of {len(channels)}")
        defined.add(row.index)
        channel = channels[row.index]
        if row.kind is ChannelKind.COLOUR:
            # Some writers (OpenJPEG before 2.2) associate the only colour, grey, with the whole image.
            colour = 1 if row.association == 0 and lone_colour else row.association
            if colour in colours or not 1 <= colour <= len(channels):
                corrupt(f"the channel definition gives channel {row.index + 1} the colour {colour}")
            colours[colour] = channel
        elif row.kind is ChannelKind.UNSPECIFIED:
            unsupported(f"channel {row.index + 1} is neither colour nor opacity (an extra channel)")
        else:
            opacities.append((channel, row.kind, row.association))
    missing = sorted(set(range(len(channels))) - defined)
    if missing and opacities and not colours:
        # Some writers list the alpha alone; what is left are the colours, in their order as without a definition.
        rest = tuple(channels[index] for index in missing)
        warning = "the channel definition lists the alpha alone: the other channels are taken as the colours"
        return Channels(rest, *_one_opacity(opacities, len(rest)), warnings=(warning,))
    if missing:
        unsupported(f"channel {missing[0] + 1} is not in the channel definition (an extra channel)")
    if sorted(colours) != list(range(1, len(colours) + 1)):
        corrupt("the channel definition leaves a colour out")
    ordered = tuple(colours[colour] for colour in sorted(colours))
    return Channels(ordered, *_one_opacity(opacities, len(ordered)))


def _channels(header: Header) -> list[ChannelSource]:
    """Through the palette if there is one (ISO/IEC 15444-1 I.5.3.5), else the components themselves."""
    parts = header.components
    for index, part in enumerate(parts):
        if part.bits > MAX_BITS:
            unsupported(f"component {index + 1} has {part.bits} bits; OpenJPEG reads up to {MAX_BITS}")
    palette = header.palette
    if palette is None:
        return [ChannelSource(index, part.bits, part.signed) for index, part in enumerate(parts)]
    channels: list[ChannelSource] = []
    for component, column in palette.mapping:
        if component >= len(parts):
            corrupt(f"the palette maps component {component + 1} of {len(parts)}")
        part = parts[component]
        if column is None:
            channels.append(ChannelSource(component, part.bits, part.signed))
        elif column >= len(palette.bits):
            corrupt(f"the palette maps column {column + 1} of {len(palette.bits)}")
        else:
            table = tuple(row[column] for row in palette.table)
            bits, signed = palette.bits[column], palette.signed[column]
            channels.append(ChannelSource(component, bits, signed, table))
    return channels


def _one_opacity(
    opacities: Sequence[tuple[ChannelSource, ChannelKind, int]], colours: int
) -> tuple[ChannelSource | None, bool]:
    """The opacity, and whether the colours are premultiplied by it."""
    if not opacities:
        return None, False
    if len(opacities) > 1:
        unsupported(f"there are {len(opacities)} opacity channels")
    channel, kind, association = opacities[0]
    if association != 0 and not (association == 1 and colours == 1):
        unsupported("the opacity channel is for one colour, not for the whole image")
    return channel, kind is ChannelKind.PREMULTIPLIED
