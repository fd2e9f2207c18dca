"""Colour plans and rendered pixels, and the same pixels as Little CMS converts them."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageCms

from engine.failures import Cause, ImageError
from engine.jp2.codestream.features import CodestreamFeatures
from engine.jp2.decoding.colour import ColourPlan, plan_colour
from engine.jp2.decoding.decode import decoded
from engine.jp2.decoding.openjpeg import DecoderMessages
from engine.jp2.jp2_file import Jp2File, read_header
from engine.jpeg.render import Rendered, render
from engine.messages import DecodeMode, Plan
from tests.support.icc_profiles import built_in


def colour_plan_of(path: Path, icc: str = "keep", background: str = "#ffffff") -> ColourPlan:
    return plan_colour(read_header(path), icc, background)


def rendered_pixels(path: Path, icc: str = "keep") -> tuple[NDArray[Any], Rendered]:
    """The pixels for the JPEG encoder, and what else it gets."""
    plan, colour_plan = Plan(DecodeMode.WHOLE), colour_plan_of(path, icc)
    with (
        Jp2File.open(path) as file,
        decoded(
            file, CodestreamFeatures(), plan, colour_plan, DecoderMessages(), path.with_name("px")
        ) as decoded_picture,
    ):
        out = render(decoded_picture, colour_plan)
        data = np.frombuffer(out.image.write_to_memory(), np.uint8)
    return data.reshape(out.image.height, out.image.width, out.image.bands), out


def refusal(path: Path) -> str:
    with pytest.raises(ImageError) as refused:
        colour_plan_of(path)
    assert refused.value.failure.cause is Cause.UNSUPPORTED
    return refused.value.failure.message


def little_cms(pixels: NDArray[Any], mode: str, profile: bytes) -> NDArray[Any]:
    """To sRGB by Pillow's own Little CMS: relative colorimetric with black point compensation."""
    transform = ImageCms.buildTransform(
        ImageCms.ImageCmsProfile(io.BytesIO(profile)),
        ImageCms.ImageCmsProfile(io.BytesIO(built_in("srgb"))),
        mode,
        "RGB",
        renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
        flags=ImageCms.Flags.BLACKPOINTCOMPENSATION,
    )
    source = Image.frombytes(mode, (pixels.shape[1], pixels.shape[0]), pixels.tobytes())
    converted = ImageCms.applyTransform(source, transform)
    assert converted is not None
    return np.asarray(converted)
