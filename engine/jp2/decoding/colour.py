"""What the samples mean: from a header to the recipe by which decoded components become pixels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import NoReturn

from engine.failures import Cause, ImageError, Stage
from engine.jp2.icc import Profile, read_profile
from engine.jp2.model import ChannelKind, Colour, ColourSpace, Header

MAX_BITS = 31
"""OpenJPEG's own limit; ISO/IEC 15444-1 allows 38."""


class Model(StrEnum):
    """What the colour channels are, in their order."""

    GREY = "grey"
    RGB = "RGB"
    YCC = "sYCC"
    CMYK = "CMYK"
    LAB = "CIELab"


class Conversion(StrEnum):
    """What libvips does to the pixels before they become a JPEG."""

    NONE = "none"
    PROFILE_TO_SRGB = "profile to sRGB"
    CMYK_TO_SRGB = "CMYK without a profile to sRGB"
    LAB_TO_SRGB = "CIELab to sRGB"


@dataclass(frozen=True)
class Channel:
    """Where a channel's samples come from."""

    component: int
    bits: int
    signed: bool
    table: tuple[int, ...] | None = None
    """A palette's column, of values of `bits` bits; the component's samples are indices into it."""
    index_bits: int = 0
    """Of the component, where there is a table."""


@dataclass(frozen=True)
class LabRange:
    """Of a CIELab channel: value = scale * fraction + offset, fraction 0 to 1 over all codes."""

    scale: float
    offset: float


@dataclass(frozen=True)
class ColourPlan:
    model: Model
    colours: tuple[Channel, ...]
    opacity: Channel | None = None
    premultiplied: bool = False
    background: tuple[int, ...] = (255,)
    """Under the alpha, 8 bits a colour channel."""
    conversion: Conversion = Conversion.NONE
    source_profile: bytes | None = None
    """Of the samples; goes into the JPEG byte for byte where nothing is converted."""
    lab: tuple[LabRange, ...] = ()
    wide: bool = False
    """Pixels are made with 16 bits a channel, because a conversion follows and the source has more than 8."""
    warnings: tuple[str, ...] = ()

    @property
    def bands(self) -> int:
        """Of the pixels that decoding makes, before any conversion."""
        return len(self.colours)


_COLOURS = {
    ColourSpace.GREY: 1,
    ColourSpace.SRGB: 3,
    ColourSpace.SYCC: 3,
    ColourSpace.CIELAB: 3,
    ColourSpace.CMYK: 4,
}
_MODELS = {
    ColourSpace.GREY: Model.GREY,
    ColourSpace.SRGB: Model.RGB,
    ColourSpace.SYCC: Model.YCC,
    ColourSpace.CIELAB: Model.LAB,
    ColourSpace.CMYK: Model.CMYK,
}
_OTHER_SPACES = {
    0: "bi-level, 1 is black",
    1: "YCbCr(1), ITU-R BT.709",
    3: "YCbCr(2), ITU-R BT.601",
    4: "YCbCr(3), ITU-R BT.601",
    9: "PhotoYCC",
    11: "CMY",
    13: "YCCK",
    15: "bi-level, 1 is white",
    19: "CIEJab",
    20: "e-sRGB",
    21: "ROMM-RGB",
    22: "YPbPr, 1125 lines",
    23: "YPbPr, 1250 lines",
    24: "e-sYCC",
    25: "scRGB",
    26: "scRGB grey scale",
}
"""EnumCS (ISO/IEC 15444-1 table I.10, ISO/IEC 15444-2 table M.25) that are not converted."""


def recipe_for(header: Header, icc: str = "keep", background: str = "#ffffff") -> ColourPlan:
    """The recipe for a picture. `icc` and `background` are [jpeg]'s settings.

    Raises ImageError UNSUPPORTED, naming what it is, for what cannot be made into a right JPEG; CORRUPT
    where palette or channel definitions contradict the codestream.
    """
    channels = _channels(header)
    colours, opacity, premultiplied = _sort_channels(header, channels)
    colour = header.colour
    if colour.space is ColourSpace.ICC and colour.icc is not None:
        recipe = _by_profile(colour.icc, colours)
    elif colour.space is ColourSpace.OTHER:
        _unsupported(f"the colour space is {_space_name(colour)}")
    elif colour.space is ColourSpace.UNSPECIFIED:
        recipe = _by_count(colours)
    else:
        recipe = _by_enumeration(colour.space, colours)
    recipe = _guess_ycc(header, recipe)
    if recipe.model is Model.LAB:
        recipe = replace(recipe, lab=_lab_ranges(colour.parameters, recipe.colours))
    recipe = _with_conversion(recipe, icc)
    if opacity is not None:
        recipe = _with_opacity(recipe, opacity, premultiplied, background)
    return recipe


def _unsupported(message: str) -> NoReturn:
    raise ImageError(Cause.UNSUPPORTED, Stage.VALIDATING, message)


def _corrupt(message: str) -> NoReturn:
    raise ImageError(Cause.CORRUPT, Stage.VALIDATING, message)


def _space_name(colour: Colour) -> str:
    if colour.enumerated is None:
        return "given in a way that is not read here"
    name = _OTHER_SPACES.get(colour.enumerated, "unknown")
    return f"number {colour.enumerated} ({name})"


def _channels(header: Header) -> list[Channel]:
    """Through the palette where there is one (ISO/IEC 15444-1 I.5.3.5), else the components themselves."""
    parts = header.components
    for index, part in enumerate(parts):
        if part.bits > MAX_BITS:
            _unsupported(f"component {index + 1} has {part.bits} bits; OpenJPEG reads up to {MAX_BITS}")
    palette = header.palette
    if palette is None:
        return [Channel(index, part.bits, part.signed) for index, part in enumerate(parts)]
    channels: list[Channel] = []
    for component, column in palette.mapping:
        if component >= len(parts):
            _corrupt(f"the palette maps component {component + 1} of {len(parts)}")
        part = parts[component]
        if column is None:
            channels.append(Channel(component, part.bits, part.signed))
        elif column >= len(palette.bits):
            _corrupt(f"the palette maps column {column + 1} of {len(palette.bits)}")
        else:
            table = tuple(row[column] for row in palette.table)
            bits, signed = palette.bits[column], palette.signed[column]
            channels.append(Channel(component, bits, signed, table, part.bits))
    return channels


def _sort_channels(header: Header, channels: Sequence[Channel]) -> tuple[list[Channel], Channel | None, bool]:
    """Colour channels in the order of their colours, the opacity, and whether it is premultiplied (I.5.3.6)."""
    if not header.channels:
        return list(channels), None, False
    colours: dict[int, Channel] = {}
    opacities: list[tuple[Channel, ChannelKind, int]] = []
    defined: set[int] = set()
    for row in header.channels:
        if row.index >= len(channels) or row.index in defined:
            _corrupt(f"the channel definition names channel {row.index + 1} twice or of {len(channels)}")
        defined.add(row.index)
        channel = channels[row.index]
        if row.kind is ChannelKind.COLOUR:
            # A lone grey channel is associated with the whole image by some writers.
            place = 1 if row.association == 0 and len(header.channels) == 1 else row.association
            if place in colours or not 1 <= place <= len(channels):
                _corrupt(f"the channel definition gives channel {row.index + 1} the colour {place}")
            colours[place] = channel
        elif row.kind is ChannelKind.UNSPECIFIED:
            _unsupported(f"channel {row.index + 1} is neither colour nor opacity (an extra channel)")
        else:
            opacities.append((channel, row.kind, row.association))
    missing = sorted(set(range(len(channels))) - defined)
    if missing:
        _unsupported(f"channel {missing[0] + 1} is not in the channel definition (an extra channel)")
    if sorted(colours) != list(range(1, len(colours) + 1)):
        _corrupt("the channel definition leaves a colour out")
    ordered = [colours[place] for place in sorted(colours)]
    return (ordered, *_one_opacity(opacities, len(ordered)))


def _one_opacity(
    opacities: Sequence[tuple[Channel, ChannelKind, int]], colours: int
) -> tuple[Channel | None, bool]:
    if not opacities:
        return None, False
    if len(opacities) > 1:
        _unsupported(f"there are {len(opacities)} opacity channels")
    channel, kind, association = opacities[0]
    if association != 0 and not (association == 1 and colours == 1):
        _unsupported("the opacity channel is for one colour, not for the whole image")
    return channel, kind is ChannelKind.PREMULTIPLIED


def _by_enumeration(space: ColourSpace, colours: Sequence[Channel]) -> ColourPlan:
    expected = _COLOURS[space]
    if len(colours) == 1 and space in (ColourSpace.SRGB, ColourSpace.SYCC):
        said = f"the colour space says {space.value}, there is one channel: taken as grey"
        return ColourPlan(Model.GREY, tuple(colours), warnings=(said,))
    if len(colours) > expected:
        count = len(colours) - expected
        what = "an extra channel" if count == 1 else f"{count} extra channels"
        _unsupported(f"{what} beside the {expected} of {space.value}, and nothing says what for")
    if len(colours) < expected:
        _unsupported(f"{len(colours)} colour channels where {space.value} has {expected}")
    return ColourPlan(_MODELS[space], tuple(colours))


def _by_count(colours: Sequence[Channel]) -> ColourPlan:
    """Nothing says what the channels are: one is grey and three are RGB, as every decoder takes them."""
    if len(colours) == 1:
        return ColourPlan(Model.GREY, tuple(colours))
    if len(colours) == 3:
        return ColourPlan(Model.RGB, tuple(colours))
    _unsupported(f"{len(colours)} channels, and nothing says what they are")


def _by_profile(data: bytes, colours: Sequence[Channel]) -> ColourPlan:
    profile = read_profile(data)
    if profile is None:
        _unsupported("the colour is by an ICC profile, and what is there is not one")
    if int.from_bytes(data[:4]) > len(data):
        _corrupt(f"the ICC profile is cut: {len(data):,} of {int.from_bytes(data[:4]):,} bytes")
    model = {"GRAY": Model.GREY, "RGB": Model.RGB, "CMYK": Model.CMYK}.get(profile.space)
    if model is None or not profile.describes_samples:
        _unsupported(f"the ICC profile is {_profile_name(profile)}, which says nothing of a JPEG's samples")
    if model is Model.RGB and len(colours) == 1:
        said = (
            "a grey picture has an RGB profile: it becomes RGB with three equal channels, to keep the profile"
        )
        return ColourPlan(model, tuple(colours) * 3, source_profile=data, warnings=(said,))
    if len(colours) != profile.channels:
        few = f"{len(colours)} colour channels" if len(colours) != 1 else "one colour channel"
        _unsupported(f"the ICC profile is for {profile.space} ({profile.channels}), there are {few}")
    return ColourPlan(model, tuple(colours), source_profile=data)


def _profile_name(profile: Profile) -> str:
    return f"of class {profile.device_class!r} for {profile.space!r}"


def _guess_ycc(header: Header, recipe: ColourPlan) -> ColourPlan:
    """Three channels of which the first is full and the second subsampled across are luma and chroma.

    So the reference decoder takes them whatever the colour space says (opj_decompress.c, main).
    """
    if recipe.model is not Model.RGB or header.palette is not None or len(header.components) != 3:
        return recipe
    luma, chroma = header.components[0], header.components[1]
    if luma.dx != luma.dy or chroma.dx <= luma.dx:
        return recipe
    said = "the second and third component are subsampled: taken as luma and chroma (sYCC)"
    return replace(recipe, model=Model.YCC, warnings=(*recipe.warnings, said))


def _lab_ranges(parameters: Sequence[int], channels: Sequence[Channel]) -> tuple[LabRange, ...]:
    """ISO/IEC 15444-2 M.11.7.4.1: RL, OL, RA, OA, RB, OB, IL, or the defaults where they are not given."""
    depths = [channel.bits for channel in channels]
    if len(parameters) >= 7:
        if parameters[6] != _D50:
            _unsupported(f"CIELab under the illuminant {_illuminant(parameters[6])}; D50 is converted")
        scales, offsets = parameters[0:6:2], list(parameters[1:6:2])
        # Offsets count in codes as they are written; ours have the sign shifted away.
        offsets = [
            o + ((1 << (c.bits - 1)) if c.signed else 0) for o, c in zip(offsets, channels, strict=True)
        ]
    elif not parameters:
        scales = (100, 170, 200)
        # 2^(n-2) + 2^(n-3), also where n is too small for it to be whole.
        offsets = [0, 1 << (depths[1] - 1), (3 << depths[2]) >> 3]
    else:
        _corrupt(f"CIELab is given {len(parameters)} of its 7 parameters")
    return tuple(
        LabRange(float(scale), -scale * offset / ((1 << bits) - 1))
        for scale, offset, bits in zip(scales, offsets, depths, strict=True)
    )


_D50 = 0x00443530


def _illuminant(code: int) -> str:
    text = code.to_bytes(4).strip(b"\0")
    return text.decode("ascii") if text.isalnum() else f"{code:#010x}"


def _with_conversion(recipe: ColourPlan, icc: str) -> ColourPlan:
    """What a JPEG cannot carry (CMYK for everyone's eyes, CIELab) is converted, and it is said."""
    if recipe.model is Model.LAB:
        conversion, said = Conversion.LAB_TO_SRGB, "CIELab converted to sRGB, its profile attached"
    elif recipe.model is Model.CMYK and recipe.source_profile is not None:
        conversion = Conversion.PROFILE_TO_SRGB
        said = "CMYK converted to sRGB by the profile in the file, an sRGB profile attached"
    elif recipe.model is Model.CMYK:
        conversion = Conversion.CMYK_TO_SRGB
        said = (
            "CMYK without a profile converted to sRGB by libvips' own CMYK profile, an sRGB profile attached"
        )
    elif icc == "srgb" and recipe.source_profile is not None:
        conversion, said = Conversion.PROFILE_TO_SRGB, "colours converted to sRGB by the profile in the file"
    else:
        return recipe
    wide = recipe.model is not Model.YCC and any(channel.bits > 8 for channel in recipe.colours)
    return replace(recipe, conversion=conversion, wide=wide, warnings=(*recipe.warnings, said))


def _with_opacity(recipe: ColourPlan, opacity: Channel, premultiplied: bool, background: str) -> ColourPlan:
    if recipe.model not in (Model.GREY, Model.RGB, Model.YCC):
        _unsupported(f"opacity over {recipe.model.value}")
    rgb = tuple(bytes.fromhex(background.removeprefix("#")))
    # ITU-R BT.709 luma of the background, for grey pictures stay grey.
    grey = round(0.2126 * rgb[0] + 0.7152 * rgb[1] + 0.0722 * rgb[2])
    how = "premultiplied alpha" if premultiplied else "alpha"
    is_grey = recipe.model is Model.GREY
    on = (
        f"#{grey:02x}{grey:02x}{grey:02x}, the grey of {background}"
        if is_grey and len(set(rgb)) > 1
        else background
    )
    said = f"{how} flattened on {on}"
    return replace(
        recipe,
        opacity=opacity,
        premultiplied=premultiplied,
        background=(grey,) if is_grey else rgb,
        warnings=(*recipe.warnings, said),
    )
