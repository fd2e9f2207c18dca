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
from engine.jp2.decoding.colour import ColourPlan, recipe_for
from engine.jp2.decoding.decode import decoded
from engine.jp2.decoding.openjpeg import Messages
from engine.jp2.header import read_header
from engine.jpeg.render import Rendered, render
from engine.messages import DecodeMode, Plan
from tests.support.icc_profiles import built_in


def recipe(path: Path, icc: str = "keep", background: str = "#ffffff") -> ColourPlan:
    return recipe_for(read_header(path), icc, background)


def rendered_pixels(path: Path, icc: str = "keep") -> tuple[NDArray[Any], Rendered]:
    """The pixels for the JPEG encoder, and what else it gets."""
    header, made = read_header(path), recipe(path, icc)
    with decoded(
        str(path), header, Plan(DecodeMode.WHOLE), made, Messages(), path.with_name("px")
    ) as decoded_picture:
        out = render(decoded_picture, made)
        data = np.frombuffer(out.image.write_to_memory(), np.uint8)
    return data.reshape(out.image.height, out.image.width, out.image.bands), out


def refusal(path: Path) -> str:
    with pytest.raises(ImageError) as refused:
        recipe(path)
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
