"""Pixels from samples that another decoder than OpenJPEG has made."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.jp2.decoding.colour import ColourPlan
from engine.jp2.decoding.decode import Picture
from engine.jp2.decoding.openjpeg import DecodedPlane
from engine.jp2.decoding.pixel_memory import nothing_to_release
from engine.jp2.decoding.pixels import PixelWriter, pixel_grid
from engine.jp2.header import Header


def picture_of_samples(header: Header, colour_plan: ColourPlan, samples: NDArray[Any]) -> Picture:
    """`samples` are (rows, columns, components) of an image whose components are not subsampled, from the origin 0.

    The pixels are those that OpenJPEG's samples would make, if these are the same."""
    grid = pixel_grid(header)
    dtype = np.dtype(np.uint16 if colour_plan.wide else np.uint8)
    pixels = np.empty((grid.height, grid.width, colour_plan.bands), dtype)
    writer = PixelWriter(colour_plan, grid, pixels)
    planes = [DecodedPlane(samples[:, :, index], 0, 0, 1, 1) for index in range(samples.shape[2])]
    writer.write(planes, grid.covered(header.grid.area))
    return Picture(pixels, nothing_to_release, writer.warnings)
