"""Decodes in the test's process as a worker does, and computes the expected pixels in another way than the engine."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.jp2.decoding.colour import ColourPlan, plan_colour
from engine.jp2.decoding.decode import decoded
from engine.jp2.decoding.openjpeg import DecoderMessages
from engine.jp2.header import Header
from engine.jp2.jp2_file import Jp2File
from engine.jp2.validation.validate import check_structure
from engine.messages import DecodeMode, Plan

EVERY_PLAN = (
    Plan(DecodeMode.WHOLE),
    Plan(DecodeMode.WHOLE, threads=2),
    Plan(DecodeMode.TILES),
    Plan(DecodeMode.TILES, threads=2, pixels_on_disk=True),
    Plan(DecodeMode.STRIPS, strip_rows=64),
    Plan(DecodeMode.STRIPS, strip_rows=37, threads=2, pixels_on_disk=True),
)


def pixels_of(path: Path, plan: Plan = EVERY_PLAN[0], colour_plan: ColourPlan | None = None) -> NDArray[Any]:
    """The decoded pixels, (height, width, bands), before any colour conversion."""
    pixel_file = path.with_name("pixels")
    with Jp2File.open(path) as file:
        colour_plan = colour_plan or plan_colour(file.header)
        features = check_structure(file).features
        with decoded(file, features, plan, colour_plan, DecoderMessages(), pixel_file) as picture:
            copied: NDArray[Any] = np.array(picture.pixels)
    assert not pixel_file.exists()
    return copied


def to_8_bits(samples: NDArray[Any], bits: int, signed: bool = False) -> NDArray[np.uint8]:
    """Rounding over the full range, in floating point."""
    shifted = samples.astype(np.float64) + (2.0 ** (bits - 1) if signed else 0.0)
    return np.floor(shifted * 255.0 / (2.0**bits - 1.0) + 0.5).astype(np.uint8)


def on_the_grid(plane: NDArray[Any], header: Header, index: int) -> NDArray[Any]:
    """A component at the picture's resolution: each pixel gets the sample at or before its position."""
    part = header.components[index]
    dx, dy = min(c.dx for c in header.components), min(c.dy for c in header.components)
    columns = [
        max(x * dx // part.dx, -(-header.grid.x0 // part.dx))
        for x in _steps(header.grid.x0, header.width, dx)
    ]
    rows = [
        max(y * dy // part.dy, -(-header.grid.y0 // part.dy))
        for y in _steps(header.grid.y0, header.height, dy)
    ]
    left, top = -(-header.grid.x0 // part.dx), -(-header.grid.y0 // part.dy)
    spread: NDArray[Any] = plane[np.array(rows) - top][:, np.array(columns) - left]
    return spread


def _steps(start: int, count: int, step: int) -> range:
    first = -(-start // step)
    return range(first, first + count)


def ycc_to_rgb(luma: NDArray[Any], cb: NDArray[Any], cr: NDArray[Any], bits: int = 8) -> NDArray[np.uint8]:
    """ITU-R BT.601 full range in floating point."""
    top, middle = 2.0**bits - 1, 2.0 ** (bits - 1)
    y, b, r = luma.astype(float), cb.astype(float) - middle, cr.astype(float) - middle
    rgb = np.stack([y + 1.402 * r, y - 0.344136 * b - 0.714136 * r, y + 1.772 * b], axis=-1)
    return np.clip(np.floor(rgb * 255 / top + 0.5), 0, 255).astype(np.uint8)
