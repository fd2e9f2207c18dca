"""The materials of the demo's pictures: smooth noise, paper, ink, grain, light. Arrays are float32, 0 to 1."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

Field = NDArray[np.floating[Any]]
"""(h, w)."""
Picture = NDArray[np.floating[Any]]
"""(h, w, 3)."""
Colour = tuple[float, float, float]
Random = np.random.Generator


def resized(field: Field, width: int, height: int) -> Field:
    """The field stretched to (height, width), bicubically."""
    image = Image.fromarray(np.ascontiguousarray(field, dtype=np.float32))
    return np.asarray(image.resize((width, height), Image.Resampling.BICUBIC), dtype=np.float32)


def blurred(field: Field, radius: float) -> Field:
    """The field smoothed; `radius` is in pixels. It goes through a smaller copy if that loses nothing."""
    height, width = field.shape
    shrink = max(1, int(radius / 3))
    small: Field = resized(field, max(2, width // shrink), max(2, height // shrink)) if shrink > 1 else field
    scale = max(1e-9, float(np.abs(small).max()))
    image = Image.fromarray(np.clip((small / scale * 0.5 + 0.5) * 255, 0, 255).astype(np.uint8))
    smooth: Field = np.asarray(image.filter(ImageFilter.GaussianBlur(radius / shrink)), dtype=np.float32)
    smooth = (smooth / 255 - 0.5) * 2 * scale
    return resized(smooth, width, height) if shrink > 1 else smooth


def clouds(random: Random, width: int, height: int, cell: float, octaves: int, fall: float = 0.5) -> Field:
    """Smooth noise around 0 of about unit deviation: features of `cell` pixels, then halves of it."""
    total = np.zeros((height, width), np.float32)
    weight, power = 1.0, 0.0
    for octave in range(octaves):
        size = cell / 2**octave
        if size < 2:
            break
        rows, columns = int(height / size) + 4, int(width / size) + 4
        total += weight * resized(random.standard_normal((rows, columns), dtype=np.float32), width, height)
        power += weight**2
        weight *= fall
    return total / np.float32(np.sqrt(power))


def grain(random: Random, width: int, height: int, softness: float = 0.5) -> Field:
    """Film or sensor grain around 0, unit deviation; `softness` 0 is white noise, 1 spreads it over neighbours."""
    noise = random.standard_normal((height + 1, width + 1), dtype=np.float32)
    soft: Field = noise[:-1, :-1] + softness * (noise[1:, :-1] + noise[:-1, 1:]) + softness**2 * noise[1:, 1:]
    return soft / np.float32(1 + softness**2)


def ramp(width: int, height: int) -> tuple[Field, Field]:
    """x and y, each from 0 to 1 over the picture, as broadcastable rows and columns."""
    x = np.linspace(0, 1, width, dtype=np.float32)[np.newaxis, :]
    y = np.linspace(0, 1, height, dtype=np.float32)[:, np.newaxis]
    return x, y


def smoothstep(low: float, high: float, value: Any) -> Any:
    """0 below `low`, 1 above `high`, smooth between."""
    t = np.clip((value - low) / (high - low), 0, 1)
    return t * t * (3 - 2 * t)


def paper(random: Random, width: int, height: int, colour: Colour, age: float = 0.5) -> Picture:
    """A sheet: `colour` with fibres, stains and darker edges; `age` 0 is new, 1 is brittle."""
    x, y = ramp(width, height)
    tone = 1 + 0.012 * age * clouds(random, width, height, width / 3, 4)
    tone += 0.010 * clouds(random, width, height, 14, 3, 0.8)
    edge = np.minimum(np.minimum(x, 1 - x) * width, np.minimum(y, 1 - y) * height) / width
    tone -= (
        0.10 * age * (1 - smoothstep(0, 0.09, edge + 0.012 * clouds(random, width, height, width / 14, 3)))
    )
    foxing = smoothstep(2.3, 3.2, clouds(random, width, height, width / 40, 2)) * age
    sheet = np.empty((height, width, 3), np.float32)
    for channel, base in enumerate(colour):
        yellowing = (0, 0.25, 0.6)[channel]
        sheet[:, :, channel] = base * (1 + (tone - 1) * (1 + yellowing) - foxing * (0.05 + 0.2 * yellowing))
    return sheet


def inked(sheet: Picture, ink: Field, colour: Colour) -> Picture:
    """The sheet with ink on it, in place: `ink` is coverage, `colour` what full coverage looks like."""
    cover = np.clip(ink, 0, 1)
    for channel, value in enumerate(colour):
        plane = sheet[:, :, channel]
        plane += cover * (value - plane)
    return sheet


def coverage(image: Image.Image) -> Field:
    """The coverage, 0 to 1, of a greyscale drawing (white ink on black)."""
    return np.asarray(image, dtype=np.float32) / 255


def scanned(random: Random, picture: Picture, noise: float, softness: float = 0.25) -> Picture:
    """The picture as from a scanner, in place: grain of `noise` 8-bit steps, nearly the same in every channel.

    Grain that differs between the channels costs a lossless file much more than a JPEG, and real scans of paper and
    film have little of it.
    """
    height, width = picture.shape[:2]
    picture += ((noise / 255) * grain(random, width, height, softness))[:, :, np.newaxis]
    for channel in range(3):
        picture[:, :, channel] += np.float32(0.25 / 255) * grain(random, width, height, softness)
    return picture


def framed(random: Random, picture: Picture, margin: float) -> Picture:
    """The sheet on the dark bed of the scanner, with its shadow; `margin` is a share of the width."""
    height, width = picture.shape[:2]
    m = int(margin * width)
    if m < 2:
        return picture
    x = np.arange(width, dtype=np.float32)[np.newaxis, :]
    y = np.arange(height, dtype=np.float32)[:, np.newaxis]
    wobble = m * 0.25 * clouds(random, width, height, width / 2, 2)
    inside = np.minimum(np.minimum(x, width - 1 - x), np.minimum(y, height - 1 - y)) - m + 0.3 * wobble
    mask = np.clip(inside, 0, 1)[:, :, np.newaxis]
    shadow = smoothstep(-m, 0, inside)[:, :, np.newaxis]
    bed = np.float32(0.16) - np.float32(0.09) * shadow
    return np.asarray(picture * mask + bed * (1 - mask))


def grey(picture: Picture) -> Field:
    """Luma of the picture (Rec. 709 weights)."""
    return picture @ np.array([0.2126, 0.7152, 0.0722], np.float32)


def samples(values: Field, bits: int) -> NDArray[Any]:
    """The values as unsigned samples over the whole range of `bits`, uint8 or uint16."""
    peak = (1 << bits) - 1
    return np.asarray(np.clip(values * peak + 0.5, 0, peak), np.uint8 if bits <= 8 else np.uint16)
