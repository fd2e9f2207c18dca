"""What the samples mean: the plan by which decoded components become pixels of a colour space."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

from msgspec import Struct, structs

from engine.jp2.decoding.channels import ChannelSource, sort_channels
from engine.jp2.errors import corrupt, unsupported
from engine.jp2.header import Colour, ColourSpace, Header
from engine.jp2.icc import IccProfile, read_profile


class ColourModel(StrEnum):
    """What the colour channels are, taken in their order."""

    GREY = "grey"
    RGB = "RGB"
    YCC = "sYCC"
    CMYK = "CMYK"
    LAB = "CIELab"


class ColourConversion(StrEnum):
    """What libvips does to the pixels before they become a JPEG."""

    NONE = "none"
    PROFILE_TO_SRGB = "profile to sRGB"
    CMYK_TO_SRGB = "CMYK without a profile to sRGB"
    LAB_TO_SRGB = "CIELab to sRGB"


Xyz = tuple[float, float, float]
"""CIE 1931 tristimulus values, 100 for the Y of white."""


class LabRange(Struct, frozen=True):
    """The values of a CIELab channel: scale * fraction + offset, the fraction going from 0 to 1 over all codes."""

    scale: float
    offset: float


class ColourPlan(Struct, frozen=True):
    model: ColourModel
    colours: tuple[ChannelSource, ...]
    opacity: ChannelSource | None = None
    premultiplied: bool = False
    background: tuple[int, ...] = (255,)
    """Under the alpha, 8 bits a colour channel."""
    conversion: ColourConversion = ColourConversion.NONE
    source_profile: bytes | None = None
    """Of the samples; it goes into the JPEG byte for byte if nothing is converted."""
    lab: tuple[LabRange, ...] = ()
    lab_white: Xyz | None = None
    """The white of the CIELab values, if they must be adapted from it to D50."""
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
    ColourSpace.GREY: ColourModel.GREY,
    ColourSpace.SRGB: ColourModel.RGB,
    ColourSpace.SYCC: ColourModel.YCC,
    ColourSpace.CIELAB: ColourModel.LAB,
    ColourSpace.CMYK: ColourModel.CMYK,
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


def plan_colour(header: Header, icc: str = "keep", background: str = "#ffffff") -> ColourPlan:
    """The plan for a picture; `icc` and `background` are the settings of [jpeg].

    Raises ImageError UNSUPPORTED, with the facts, for what cannot become a right JPEG; CORRUPT if palette or
    channel definition contradict the codestream.
    """
    channels = sort_channels(header)
    colours, colour = channels.colours, header.colour
    if colour.space is ColourSpace.ICC and colour.icc is not None:
        plan = _by_profile(colour.icc, colours)
    elif colour.space is ColourSpace.OTHER:
        unsupported(f"the colour space is {_space_name(colour)}")
    elif colour.space is ColourSpace.UNSPECIFIED:
        plan = _by_count(colours)
    else:
        plan = _by_enumeration(colour.space, colours)
    plan = _guess_ycc(header, plan)
    if plan.model is ColourModel.LAB:
        lab, white = _lab_ranges(colour.parameters, plan.colours), _lab_white(colour.parameters)
        plan = structs.replace(plan, lab=lab, lab_white=white)
    plan = _with_conversion(plan, icc)
    if channels.opacity is not None:
        plan = _with_opacity(plan, channels.opacity, channels.premultiplied, background)
    return structs.replace(plan, warnings=(*channels.warnings, *plan.warnings))


def _space_name(colour: Colour) -> str:
    if colour.enumerated is None:
        return "given in a way that is not read here"
    name = _OTHER_SPACES.get(colour.enumerated, "unknown")
    return f"number {colour.enumerated} ({name})"


def _by_enumeration(space: ColourSpace, colours: Sequence[ChannelSource]) -> ColourPlan:
    expected = _COLOURS[space]
    if len(colours) == 1 and space in (ColourSpace.SRGB, ColourSpace.SYCC):
        warning = f"the colour space says {space.value}, there is one channel: taken as grey"
        return ColourPlan(ColourModel.GREY, tuple(colours), warnings=(warning,))
    if len(colours) > expected:
        count = len(colours) - expected
        what = "an extra channel" if count == 1 else f"{count} extra channels"
        unsupported(f"{what} beside the {expected} of {space.value}, and nothing says what for")
    if len(colours) < expected:
        unsupported(f"{len(colours)} colour channels where {space.value} has {expected}")
    return ColourPlan(_MODELS[space], tuple(colours))


def _by_count(colours: Sequence[ChannelSource]) -> ColourPlan:
    """Without a colour space one channel is grey and three are RGB, as every decoder takes them."""
    model = {1: ColourModel.GREY, 3: ColourModel.RGB}.get(len(colours))
    if model is None:
        unsupported(f"{len(colours)} channels, and nothing says what they are")
    return ColourPlan(model, tuple(colours))


def _by_profile(data: bytes, colours: Sequence[ChannelSource]) -> ColourPlan:
    profile = read_profile(data)
    if profile is None:
        unsupported("the colour is by an ICC profile, and what is there is not one")
    if int.from_bytes(data[:4]) > len(data):
        corrupt(f"the ICC profile is cut: {len(data):,} of {int.from_bytes(data[:4]):,} bytes")
    model = {"GRAY": ColourModel.GREY, "RGB": ColourModel.RGB, "CMYK": ColourModel.CMYK}.get(profile.space)
    if model is None or not profile.describes_samples:
        unsupported(f"the ICC profile is {_profile_name(profile)}, which says nothing of a JPEG's samples")
    if model is ColourModel.RGB and len(colours) == 1:
        warning = (
            "a grey picture has an RGB profile: it becomes RGB with three equal channels, to keep the profile"
        )
        return ColourPlan(model, tuple(colours) * 3, source_profile=data, warnings=(warning,))
    if len(colours) != profile.channels:
        few = f"{len(colours)} colour channels" if len(colours) != 1 else "one colour channel"
        unsupported(f"the ICC profile is for {profile.space} ({profile.channels}), there are {few}")
    return ColourPlan(model, tuple(colours), source_profile=data)


def _profile_name(profile: IccProfile) -> str:
    return f"of class {profile.device_class!r} for {profile.space!r}"


def _guess_ycc(header: Header, plan: ColourPlan) -> ColourPlan:
    """If of three components the first is full and the second subsampled across, they are luma and chroma.

    The reference decoder takes them so, whatever the colour space is (opj_decompress.c, main).
    """
    if plan.model is not ColourModel.RGB or header.palette is not None or len(header.components) != 3:
        return plan
    luma, chroma = header.components[0], header.components[1]
    if luma.dx != luma.dy or chroma.dx <= luma.dx:
        return plan
    warning = "the second and third component are subsampled: taken as luma and chroma (sYCC)"
    return structs.replace(plan, model=ColourModel.YCC, warnings=(*plan.warnings, warning))


def _lab_ranges(parameters: Sequence[int], channels: Sequence[ChannelSource]) -> tuple[LabRange, ...]:
    """ISO/IEC 15444-2 M.11.7.4.1: RL, OL, RA, OA, RB, OB, IL, or the defaults if they are not given."""
    depths = [channel.bits for channel in channels]
    if len(parameters) >= 7:
        scales, offsets = parameters[0:6:2], list(parameters[1:6:2])
        # Offsets are given in codes as they are written; here codes have the sign shifted away.
        offsets = [
            o + ((1 << (c.bits - 1)) if c.signed else 0) for o, c in zip(offsets, channels, strict=True)
        ]
    elif not parameters:
        scales = (100, 170, 200)
        # 2^(n-2) + 2^(n-3), also if n is too small for it to be whole.
        offsets = [0, 1 << (depths[1] - 1), (3 << depths[2]) >> 3]
    else:
        corrupt(f"CIELab is given {len(parameters)} of its 7 parameters")
    return tuple(
        LabRange(float(scale), -scale * offset / ((1 << bits) - 1))
        for scale, offset, bits in zip(scales, offsets, depths, strict=True)
    )


_WHITES: dict[str, Xyz] = {
    "A": (109.850, 100.0, 35.585),
    "C": (98.074, 100.0, 118.232),
    "D65": (95.047, 100.0, 108.883),
    "D75": (94.972, 100.0, 122.638),
}
"""The illuminants of ISO/IEC 15444-2 M.11.7.4.1 beside D50, by ASTM E308, 2° observer; not the fluorescent ones."""


def _lab_white(parameters: Sequence[int]) -> Xyz | None:
    """None for D50, which is also what is meant if no parameters are there."""
    if not parameters:
        return None
    name = _illuminant(parameters[6])
    if name == "D50":
        return None
    if name not in _WHITES:
        unsupported(f"CIELab under the illuminant {name}; D50, {', '.join(_WHITES)} are converted")
    return _WHITES[name]


def _illuminant(code: int) -> str:
    data = code.to_bytes(4)
    if data.startswith(b"CT"):
        return f"of {int.from_bytes(data[2:]):,} K"
    text = data.strip(b"\0")
    return text.decode("ascii") if text.isalnum() else f"{code:#010x}"


def _with_conversion(plan: ColourPlan, icc: str) -> ColourPlan:
    """What a JPEG cannot show everywhere (CMYK, CIELab) is converted, with a warning."""
    if plan.model is ColourModel.LAB:
        conversion, warning = ColourConversion.LAB_TO_SRGB, "CIELab converted to sRGB, its profile attached"
        if plan.lab_white is not None:
            warning = f"{warning}; its white was adapted to D50 (Bradford)"
    elif plan.model is ColourModel.CMYK and plan.source_profile is not None:
        conversion = ColourConversion.PROFILE_TO_SRGB
        warning = "CMYK converted to sRGB by the profile in the file, an sRGB profile attached"
    elif plan.model is ColourModel.CMYK:
        conversion = ColourConversion.CMYK_TO_SRGB
        warning = (
            "CMYK without a profile converted to sRGB by libvips' own CMYK profile, an sRGB profile attached"
        )
    elif icc == "srgb" and plan.source_profile is not None:
        conversion, warning = (
            ColourConversion.PROFILE_TO_SRGB,
            "colours converted to sRGB by the profile in the file",
        )
    else:
        return plan
    wide = plan.model is not ColourModel.YCC and any(channel.bits > 8 for channel in plan.colours)
    return structs.replace(plan, conversion=conversion, wide=wide, warnings=(*plan.warnings, warning))


def _with_opacity(
    plan: ColourPlan, opacity: ChannelSource, premultiplied: bool, background: str
) -> ColourPlan:
    if plan.model not in (ColourModel.GREY, ColourModel.RGB, ColourModel.YCC):
        unsupported(f"opacity over {plan.model.value}")
    rgb = tuple(bytes.fromhex(background.removeprefix("#")))
    # ITU-R BT.709 luma of the background, because grey pictures stay grey.
    grey = round(0.2126 * rgb[0] + 0.7152 * rgb[1] + 0.0722 * rgb[2])
    how = "premultiplied alpha" if premultiplied else "alpha"
    is_grey = plan.model is ColourModel.GREY
    on = (
        f"#{grey:02x}{grey:02x}{grey:02x}, the grey of {background}"
        if is_grey and len(set(rgb)) > 1
        else background
    )
    warning = f"{how} flattened on {on}"
    return structs.replace(
        plan,
        opacity=opacity,
        premultiplied=premultiplied,
        background=(grey,) if is_grey else rgb,
        warnings=(*plan.warnings, warning),
    )
