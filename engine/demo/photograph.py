"""Photographs: mountains over a lake, a row of canal houses, ships in a harbour; toned, and with grain."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw

from engine.demo.canvas import (
    Colour,
    Field,
    Picture,
    Random,
    blurred,
    clouds,
    coverage,
    grain,
    ramp,
    resized,
    scanned,
    smoothstep,
)


def ridge(random: Random, width: int, roughness: float) -> Field:
    """A skyline of `width` columns around 0, about unit height, by midpoint-like octaves."""
    line = np.zeros(width, np.float32)
    weight, points = 1.0, 3
    while points < width:
        knots = random.standard_normal(points + 1).astype(np.float32)
        line += weight * np.interp(np.linspace(0, points, width), np.arange(points + 1), knots).astype(
            np.float32
        )
        weight *= roughness
        points *= 2
    return line


def landscape_tones(random: Random, width: int, height: int) -> Field:
    """A lake under mountains, 0 black to 1 white, without grain."""
    _, y = ramp(width, height)
    shore = float(random.uniform(0.60, 0.70))
    sky = 0.93 - 0.35 * (1 - y / shore) + 0.10 * clouds(random, width, height, width / 3, 6, 0.55) * (0.3 + y)
    tones = sky + np.zeros((height, width), np.float32)
    wide = clouds(random, 2 * width, height, width / 9, 7, 0.62)
    for layer in range(4):
        crest = shore - (0.34 - 0.085 * layer) - (0.07 - 0.012 * layer) * ridge(random, width, 0.52)
        below = smoothstep(0, 2.5 / height, y - crest[np.newaxis, :])
        slopes = wide[:, layer * width // 4 : layer * width // 4 + width]
        rock = 0.70 - 0.155 * layer + (0.05 + 0.025 * layer) * slopes + 0.10 * (y - crest[np.newaxis, :])
        tones += below * (rock - tones)
    return _with_water(random, tones, shore)


def _with_water(random: Random, tones: Field, shore: float) -> Field:
    """The part under the shore replaced by the mirrored scene, rippled."""
    height, width = tones.shape
    line = int(shore * height)
    rows = np.arange(height - line)
    ripple = clouds(random, width, height - line, width / 60, 3)
    stretch = resized(clouds(random, max(8, width // 12), height - line, 12, 3), width, height - line)
    source = np.clip(line - 1 - (rows * 0.9)[:, np.newaxis] + ripple * 0.012 * height * (rows[:, np.newaxis] / height + 0.1), 0, line - 1)  # fmt: skip  # noqa: E501
    mirrored = tones[source.astype(np.intp), np.arange(width)[np.newaxis, :]]
    tones[line:] = mirrored * 0.72 + 0.06 + 0.045 * stretch
    tones[line : line + max(1, height // 300)] *= 0.6
    return tones


def canal_tones(random: Random, width: int, height: int) -> Field:
    """A row of gabled houses along a canal, 0 black to 1 white, without grain."""
    _, y = ramp(width, height)
    quay = 0.68
    tones = 0.86 - 0.22 * (1 - y) + 0.07 * clouds(random, width, height, width / 2.5, 6, 0.55)
    image = Image.fromarray(np.clip(tones * 255, 0, 255).astype(np.uint8))
    draw = ImageDraw.Draw(image)
    left = -0.05 * width
    while left < width:
        house = float(random.uniform(0.10, 0.17)) * width
        _house(draw, random, left, house, float(random.uniform(0.16, 0.34)) * height, quay * height)
        left += house + 1
    draw.rectangle([0, quay * height, width, quay * height + height * 0.025], fill=118)
    tones = coverage(image)
    tones = tones + 0.035 * clouds(random, width, height, 9, 2) + 0.03 * clouds(random, width, height, 50, 4)
    _trees(random, tones, quay)
    return _with_water(random, tones, quay + 0.025)


def _house(
    draw: ImageDraw.ImageDraw, random: Random, left: float, width: float, top: float, ground: float
) -> None:
    """A front with its gable, windows and door; `top` is the cornice's row."""
    wall = int(random.integers(70, 170))
    gable = width * 0.55
    draw.rectangle([left, top, left + width, ground], fill=wall)
    steps = 4
    for step in range(steps):
        inset = width * 0.5 * step / steps
        draw.rectangle([left + inset, top - gable * (step + 1) / steps, left + width - inset, top], fill=wall)
    draw.line([(left, top), (left, ground)], fill=wall - 35, width=max(1, int(width / 40)))
    floors, across = int(random.integers(3, 6)), int(random.integers(2, 4))
    storey = (ground - top) / floors
    for floor in range(floors):
        for place in range(across):
            x = left + width * (place + 0.5) / across
            y = top + storey * (floor + 0.5)
            w, h = width / across * 0.29, storey * 0.31
            if floor == floors - 1 and place == 0:
                draw.rectangle([x - w, y - h, x + w, ground], fill=40)
                continue
            glass = int(random.integers(25, 80))
            draw.rectangle([x - w * 1.2, y - h * 1.12, x + w * 1.2, y + h * 1.15], fill=min(235, wall + 75))
            draw.rectangle([x - w, y - h, x + w, y + h], fill=glass)
            for bar in (0.0, -0.33, 0.33):
                draw.line(
                    [(x - w, y + h * bar * 2), (x + w, y + h * bar * 2)], fill=200, width=max(1, int(w / 9))
                )
            draw.line([(x, y - h), (x, y + h)], fill=200, width=max(1, int(w / 9)))


def _trees(random: Random, tones: Field, quay: float) -> None:
    """Bare trees along the quay, in place."""
    height, width = tones.shape
    image = Image.new("L", (width, height))
    draw = ImageDraw.Draw(image)

    def branch(x: float, y: float, angle: float, length: float, thick: float) -> None:
        end = (x + np.cos(angle) * length, y - np.sin(angle) * length)
        draw.line([(x, y), end], fill=235, width=max(1, round(thick)))
        if length < height * 0.012 or thick < 0.6:
            return
        for _ in range(int(random.integers(2, 4))):
            branch(
                *end,
                angle + float(random.normal(0, 0.42)),
                length * float(random.uniform(0.66, 0.86)),
                thick * 0.62,
            )

    for x in np.arange(0.09, 1.0, 0.23):
        start = (x + float(random.normal(0, 0.02))) * width
        branch(start, (quay + 0.01) * height, np.pi / 2, height * 0.13, height * 0.016)
    tones += coverage(image) * (0.16 - tones)


def harbour_tones(random: Random, width: int, height: int) -> Field:
    """Sailing ships at anchor, 0 black to 1 white, without grain."""
    _, y = ramp(width, height)
    shore = 0.66
    tones = 0.90 - 0.30 * (1 - y) + 0.09 * clouds(random, width, height, width / 2, 6, 0.55)
    coast = shore - 0.05 - 0.02 * ridge(random, width, 0.5)[np.newaxis, :]
    tones = tones + smoothstep(0, 3 / height, y - coast) * (0.60 - tones)
    image = Image.fromarray(np.clip(tones * 255, 0, 255).astype(np.uint8))
    draw = ImageDraw.Draw(image)
    for place in sorted(random.uniform(0.05, 0.95, 5)):
        size = float(random.uniform(0.16, 0.34)) * width
        _ship(draw, random, place * width, shore * height, size)
    tones = coverage(image) + 0.03 * clouds(random, width, height, 40, 4)
    return _with_water(random, tones, shore)


def _ship(draw: ImageDraw.ImageDraw, random: Random, x: float, water: float, length: float) -> None:
    """A hull with masts, yards, furled sails and rigging; `water` is the row of its waterline."""
    hull, sheer = int(random.integers(35, 75)), length * 0.085
    bow, stern = x - length / 2, x + length / 2
    deck = [(bow, water - sheer * 1.25), (x, water - sheer * 0.85), (stern, water - sheer * 1.4)]
    draw.polygon([*deck, (stern - length * 0.05, water), (bow + length * 0.08, water)], fill=hull)
    draw.line(deck, fill=hull + 110, width=max(1, int(length / 120)))
    thin = max(1, int(length / 260))
    draw.line(
        [deck[0], (bow - length * 0.17, water - sheer * 2.3)], fill=hull, width=max(1, int(length / 90))
    )
    tops = []
    for share in (0.22, 0.5, 0.76):
        foot = bow + length * share
        top = (foot, water - length * float(random.uniform(0.55, 0.72)))
        draw.line([(foot, water - sheer), top], fill=hull, width=max(1, int(length / 75)))
        for yard in (0.35, 0.58, 0.80):
            row = water - sheer + (top[1] - water + sheer) * yard
            span = length * 0.13 * (1.2 - yard * 0.6)
            draw.line(
                [(foot - span, row), (foot + span, row)], fill=hull + 15, width=max(1, int(length / 110))
            )
            if random.random() < 0.6:
                sail = [(foot - span, row), (foot + span, row), (foot + span * 0.9, row + length * 0.022)]
                draw.polygon([*sail, (foot - span * 0.9, row + length * 0.022)], fill=205)
        for side in np.linspace(-0.09, 0.09, 7):
            draw.line(
                [(foot + side * length, water - sheer), (foot, top[1] + length * 0.12)], fill=hull, width=thin
            )
        tops.append(top)
    for start, end in zip([(bow - length * 0.17, water - sheer * 2.3), *tops], tops, strict=False):
        draw.line([start, end], fill=hull + 20, width=thin)
    draw.line([tops[-1], deck[-1]], fill=hull + 20, width=thin)


SCENES = {"landscape": landscape_tones, "canal": canal_tones, "harbour": harbour_tones}

PROCESSES: dict[str, tuple[Colour, Colour, Colour]] = {
    "albumen": ((0.16, 0.09, 0.06), (0.62, 0.47, 0.34), (0.97, 0.90, 0.76)),
    "silver": ((0.07, 0.07, 0.07), (0.50, 0.50, 0.50), (0.95, 0.95, 0.94)),
    "cyanotype": ((0.03, 0.08, 0.22), (0.25, 0.45, 0.66), (0.92, 0.95, 0.94)),
    "autochrome": ((0.10, 0.08, 0.10), (0.52, 0.50, 0.42), (0.95, 0.92, 0.82)),
}
"""Shadow, middle and light of a print."""


def photograph(
    random: Random, width: int, height: int, noise: float, scene: str = "landscape", process: str = "silver"
) -> Picture:
    """A print of a scene; `noise` is the deviation of its grain in 8-bit steps."""
    tones = np.asarray(SCENES[scene](random, width, height), np.float32)
    tones = np.clip(blurred(tones, 0.8) if width < 5000 else tones, 0, 1)
    x, y = ramp(width, height)
    tones = tones * (1 - 0.20 * np.clip(np.hypot(x - 0.5, y - 0.5) - 0.35, 0, 1) * 2)
    film = grain(random, width, height, 0.3)
    tones = tones + (noise / 255) * film * (0.6 + 0.9 * np.sqrt(np.clip(tones * (1 - tones), 0, 1)))
    picture = _toned(tones, PROCESSES[process])
    if process == "autochrome":
        _coloured(random, picture, tones)
    return scanned(random, picture, noise * 0.3)


def _toned(tones: Field, process: tuple[Colour, Colour, Colour]) -> Picture:
    shades = np.linspace(0, 1, 3)
    picture = np.empty((*tones.shape, 3), np.float32)
    for channel in range(3):
        picture[:, :, channel] = np.interp(tones, shades, [colour[channel] for colour in process])
    return picture


def _coloured(random: Random, picture: Picture, tones: Field) -> None:
    """Blue above, green and ochre below, and a little of the plate's coloured starch grains; in place."""
    height, width = tones.shape
    _, y = ramp(width, height)
    warm = smoothstep(0.25, 0.6, y) + 0.10 * clouds(random, width, height, width / 6, 4)
    for channel, (cool, hot) in enumerate(((-0.06, 0.06), (0.0, 0.02), (0.08, -0.10))):
        picture[:, :, channel] += (cool + (hot - cool) * warm) * (0.35 + tones * (1 - tones) * 2)
        picture[:, :, channel] += np.float32(1.2 / 255) * grain(random, width, height, 0.5)
