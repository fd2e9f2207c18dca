"""From decoded pixels to the image that is written: colour conversion and shrinking, as libvips runs them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from engine.failures import Cause, ImageError, Stage
from engine.jp2.decoding.colour import ColourPlan, Conversion, Model
from engine.jp2.decoding.decode import Picture, Settle
from engine.jp2.decoding.pixels import Pixels
from engine.jpeg.libvips import BlobType, Image, VipsError, srgb_profile, vips_failure

LONGEST_SIDE = 65_500
"""A JPEG's longest side in pixels: JPEG_MAX_DIMENSION of libjpeg's jmorecfg.h."""


@dataclass(frozen=True)
class Rendered:
    """What is to be encoded; libvips makes its pixels as they are asked for."""

    image: Any
    """pyvips.Image, 8 bits, one or three bands."""
    icc: bytes | None
    """The profile that goes with the pixels."""
    scale: float
    """1 unless it was shrunk."""
    settle: Settle
    """As of the picture it was made from."""
    warnings: tuple[str, ...] = ()


def check_sides(width: int, height: int, oversize: str) -> None:
    """Raises ImageError TOO_LARGE_FOR_JPEG unless the picture fits or may be shrunk."""
    if max(width, height) > LONGEST_SIDE and oversize != "shrink":
        message = f"{width:,} × {height:,} pixels: a JPEG's side ends at {LONGEST_SIDE:,}"
        raise ImageError(Cause.TOO_LARGE_FOR_JPEG, Stage.VALIDATING, message)


def render(picture: Picture, recipe: ColourPlan) -> Rendered:
    """Raises ImageError UNSUPPORTED where a conversion needs a profile that cannot be used.

    One that is only carried over is carried over all the same, and it is said.
    """
    try:
        image = _source(picture.pixels, recipe)
        doubts = _check_profile(image, recipe)
        image, scale, warnings = _fitted(_converted(image, recipe))
    except VipsError as error:
        raise vips_failure(error, Stage.ENCODING, Cause.UNSUPPORTED) from error
    return Rendered(image, _profile(recipe, image.bands), scale, picture.settle, (*doubts, *warnings))


def _source(pixels: Pixels, recipe: ColourPlan) -> Any:
    height, width, bands = pixels.shape
    kind = "ushort" if pixels.dtype == np.uint16 else "uchar"
    image = Image.new_from_memory(pixels, width, height, bands, kind)
    wide = {Model.GREY: "grey16", Model.CMYK: "cmyk"}.get(recipe.model, "rgb16")
    narrow = {Model.GREY: "b-w", Model.CMYK: "cmyk"}.get(recipe.model, "srgb")
    return image.copy(interpretation=wide if kind == "ushort" else narrow)


def _check_profile(image: Any, recipe: ColourPlan) -> tuple[str, ...]:
    """A warning where the profile cannot be used and need not be; raises ImageError where it must be."""
    if recipe.source_profile is None or _is_usable(recipe.source_profile, image):
        return ()
    what = "no colour management can use the ICC profile: a table or curve of it is missing or broken"
    if recipe.conversion is Conversion.PROFILE_TO_SRGB:
        raise ImageError(Cause.UNSUPPORTED, Stage.ENCODING, f"the colours cannot be converted, {what}")
    return (f"{what}; it is kept as it was",)


def _is_usable(profile: bytes, image: Any) -> bool:
    """Whether libvips takes this profile for such an image.

    It takes one of its own instead without a word where it cannot. icc_import alone tells: the profile that it
    took is what its result carries (vips_icc_import_build in libvips' icc_transform.c).
    """
    try:
        imported = _tagged(image.crop(0, 0, 1, 1), profile).icc_import(embedded=True, intent="relative")
    except VipsError:
        return False
    return bool(imported.get(_PROFILE_FIELD) == profile)


_PROFILE_FIELD = "icc-profile-data"


def _tagged(image: Any, profile: bytes | None) -> Any:
    tagged = image.copy()
    tagged.set_type(BlobType, _PROFILE_FIELD, profile)
    return tagged


def _converted(image: Any, recipe: ColourPlan) -> Any:
    """Relative colorimetric with black point compensation, as is usual for photographs on a display."""
    options = {"intent": "relative", "black_point_compensation": True, "depth": 8}
    match recipe.conversion:
        case Conversion.NONE:
            return image
        case Conversion.PROFILE_TO_SRGB:
            tagged = _tagged(image, recipe.source_profile)
            image = tagged.icc_transform("srgb", embedded=True, **options)
        case Conversion.CMYK_TO_SRGB:
            image = image.icc_transform("srgb", input_profile="cmyk", **options)
        case Conversion.LAB_TO_SRGB:
            top = 65535.0 if image.format == "ushort" else 255.0
            scales = [channel.scale / top for channel in recipe.lab]
            lab = image.linear(scales, [channel.offset for channel in recipe.lab])
            lab = lab.copy(interpretation="lab")
            image = lab.icc_export(output_profile="srgb", depth=8, pcs="lab", intent="relative")
    # A grey stays grey: the three channels are equal but for rounding.
    return image.extract_band(1) if recipe.model is Model.GREY else image.extract_band(0, n=3)


def _fitted(image: Any) -> tuple[Any, float, tuple[str, ...]]:
    longest = max(image.width, image.height)
    if longest <= LONGEST_SIDE:
        return image, 1.0, ()
    scale = LONGEST_SIDE / longest
    fitted = image.resize(scale, kernel="lanczos3")
    said = f"shrunk from {image.width:,} × {image.height:,} to {fitted.width:,} × {fitted.height:,} pixels"
    return fitted, scale, (said,)


def _profile(recipe: ColourPlan, bands: int) -> bytes | None:
    if recipe.conversion is Conversion.NONE:
        return recipe.source_profile
    return srgb_profile() if bands == 3 else None
