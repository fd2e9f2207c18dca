"""From decoded pixels to the image that is encoded: libvips converts colours and shrinks."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from msgspec import Struct

from engine.failures import Cause, ImageError, Stage
from engine.jp2.decoding.colour import ColourConversion, ColourModel, ColourPlan, Xyz
from engine.jp2.decoding.decode import Picture
from engine.jp2.decoding.pixel_memory import ReleasePages
from engine.jp2.decoding.pixels import Pixels
from engine.jpeg.libvips import BlobType, Image, VipsError, srgb_profile, vips_failure
from engine.jpeg.limits import LONGEST_SIDE


class Rendered(Struct, frozen=True):
    """The image to encode; libvips computes its pixels when they are asked for."""

    image: Any
    """pyvips.Image, 8 bits, one or three bands."""
    icc: bytes | None
    """The profile that goes with the pixels."""
    scale: float
    """1 unless it was shrunk."""
    release_pages: ReleasePages
    """That of the decoded picture."""
    warnings: tuple[str, ...] = ()


def render(picture: Picture, plan: ColourPlan) -> Rendered:
    """Raises ImageError UNSUPPORTED where a conversion needs a profile that cannot be used.

    A profile that is only carried over is kept, with a warning.
    """
    try:
        image = _source(picture.pixels, plan)
        profile_warnings = _profile_warnings(image, plan)
        image, scale, warnings = _fitted(_converted(image, plan))
    except VipsError as error:
        raise vips_failure(error, Stage.ENCODING, Cause.UNSUPPORTED) from error
    return Rendered(
        image, _profile(plan, image.bands), scale, picture.release_pages, (*profile_warnings, *warnings)
    )


def _source(pixels: Pixels, plan: ColourPlan) -> Any:
    height, width, bands = pixels.shape
    kind = "ushort" if pixels.dtype == np.uint16 else "uchar"
    image = Image.new_from_memory(pixels, width, height, bands, kind)
    wide = {ColourModel.GREY: "grey16", ColourModel.CMYK: "cmyk"}.get(plan.model, "rgb16")
    narrow = {ColourModel.GREY: "b-w", ColourModel.CMYK: "cmyk"}.get(plan.model, "srgb")
    return image.copy(interpretation=wide if kind == "ushort" else narrow)


def _profile_warnings(image: Any, plan: ColourPlan) -> tuple[str, ...]:
    """A warning if the profile cannot be used and need not be; raises ImageError if it must be."""
    if plan.source_profile is None or _is_usable(plan.source_profile, image):
        return ()
    what = "no colour management can use the ICC profile: a table or curve of it is missing or broken"
    if plan.conversion is ColourConversion.PROFILE_TO_SRGB:
        raise ImageError(Cause.UNSUPPORTED, Stage.ENCODING, f"the colours cannot be converted, {what}")
    return (f"{what}; it is kept as it was",)


def _is_usable(profile: bytes, image: Any) -> bool:
    """Whether libvips can use this profile for such an image."""
    try:
        _import_with(profile, image.bands, image.format, image.interpretation)
    except (VipsError, _OtherProfile):
        return False
    return True


class _OtherProfile(Exception):
    """libvips has used another profile than the one it was given."""


@lru_cache(maxsize=4)
def _import_with(profile: bytes, bands: int, kind: str, interpretation: str) -> None:
    """Raises VipsError or _OtherProfile if the profile cannot be used; only that it can is remembered.

    If it cannot, libvips silently uses one of its own. Only icc_import shows which: its result carries the profile
    that was used (vips_icc_import_build in libvips' icc_transform.c). That takes 5 ms, and most images of a
    collection have the same profile.
    """
    pixel = Image.black(1, 1, bands=bands).cast(kind).copy(interpretation=interpretation)
    imported = _tagged(pixel, profile).icc_import(embedded=True, intent="relative")
    if imported.get(_PROFILE_FIELD) != profile:
        raise _OtherProfile


_PROFILE_FIELD = "icc-profile-data"


def _tagged(image: Any, profile: bytes | None) -> Any:
    tagged = image.copy()
    tagged.set_type(BlobType, _PROFILE_FIELD, profile)
    return tagged


def _converted(image: Any, plan: ColourPlan) -> Any:
    """Relative colorimetric with black point compensation, as is usual for photographs on a display."""
    options = {"intent": "relative", "black_point_compensation": True, "depth": 8}
    match plan.conversion:
        case ColourConversion.NONE:
            return image
        case ColourConversion.PROFILE_TO_SRGB:
            tagged = _tagged(image, plan.source_profile)
            image = tagged.icc_transform("srgb", embedded=True, **options)
        case ColourConversion.CMYK_TO_SRGB:
            image = image.icc_transform("srgb", input_profile="cmyk", **options)
        case ColourConversion.LAB_TO_SRGB:
            top = 65535.0 if image.format == "ushort" else 255.0
            scales = [channel.scale / top for channel in plan.lab]
            lab = image.linear(scales, [channel.offset for channel in plan.lab])
            lab = lab.copy(interpretation="lab")
            if plan.lab_white is not None:
                lab = _adapted(lab, plan.lab_white)
            image = lab.icc_export(output_profile="srgb", depth=8, pcs="lab", intent="relative")
    # A grey stays grey: the three channels are equal but for rounding.
    return image.extract_band(1) if plan.model is ColourModel.GREY else image.extract_band(0, n=3)


_BRADFORD = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])
"""XYZ to sharpened cone responses (ICC.1:2022 E.3)."""
_D50 = (96.422, 100.0, 82.521)


def _adapted(lab: Any, white: Xyz) -> Any:
    """CIELab under another white as CIELab under D50, by the linear Bradford transformation (ICC.1:2022 E.3)."""
    gain = (_BRADFORD @ np.array(_D50)) / (_BRADFORD @ np.array(white))
    matrix = np.linalg.inv(_BRADFORD) @ np.diag(gain) @ _BRADFORD
    adapted = lab.Lab2XYZ(temp=list(white)).recomb(Image.new_from_array(matrix.tolist()))
    return adapted.copy(interpretation="xyz").XYZ2Lab(temp=list(_D50))


def _fitted(image: Any) -> tuple[Any, float, tuple[str, ...]]:
    longest = max(image.width, image.height)
    if longest <= LONGEST_SIDE:
        return image, 1.0, ()
    scale = LONGEST_SIDE / longest
    fitted = image.resize(scale, kernel="lanczos3")
    warning = f"shrunk from {image.width:,} × {image.height:,} to {fitted.width:,} × {fitted.height:,} pixels"
    return fitted, scale, (warning,)


def _profile(plan: ColourPlan, bands: int) -> bytes | None:
    if plan.conversion is ColourConversion.NONE:
        return plan.source_profile
    return srgb_profile() if bands == 3 else None
