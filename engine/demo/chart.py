"""A map: a coast with water lines, contours, rivers, towns and a cartouche, engraved and tinted by hand."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from engine.demo import words
from engine.demo.canvas import (
    Field,
    Picture,
    Random,
    blurred,
    clouds,
    coverage,
    framed,
    inked,
    paper,
    ramp,
    scanned,
    smoothstep,
)
from engine.demo.newspaper import face


def chart(random: Random, width: int, height: int, noise: float, tinted: bool = True) -> Picture:
    """A map sheet as a scanner sees it; without tint it is the bare engraving."""
    relief = clouds(random, width, height, width / 2.6, 9, 0.5)
    x, y = ramp(width, height)
    relief = relief + 0.9 * (x - 0.45) + 0.5 * (0.5 - y)
    inner = np.minimum(np.minimum(x, 1 - x), np.minimum(y, 1 - y) * height / width) > 0.055
    sheet = paper(random, width, height, (0.93, 0.89, 0.78), age=0.6)
    if tinted:
        _tint(sheet, random, relief, inner)
    lines = np.where(inner, _engraved(relief, width), 0)
    sheet = inked(sheet, lines * 0.80, (0.25, 0.20, 0.17))
    sheet = inked(sheet, blurred(_lettering(random, relief, width, height), 0.6) * 0.92, (0.12, 0.10, 0.10))
    fold = np.minimum(np.abs(x - 0.5) * width, np.abs(y - 0.5) * height) / (width / 500)
    sheet *= (1 - 0.09 * np.exp(-(fold**2)))[:, :, np.newaxis]
    return scanned(random, framed(random, sheet, 0.01), noise)


def _tint(sheet: Picture, random: Random, relief: Field, inner: NDArray[np.bool_]) -> None:
    """Washes of colour laid on by hand, in place: sea, lowland, upland; uneven."""
    height, width = relief.shape
    wash = 0.75 + 0.16 * clouds(random, width, height, width / 7, 5, 0.6)
    sea = smoothstep(0.02, -0.02, relief) * np.exp(relief.clip(-3, 0) * 0.9)
    upland = smoothstep(0.7, 1.6, relief)
    lowland = smoothstep(-0.01, 0.02, relief) * (1 - upland)
    tones = (
        (sea, (0.62, 0.76, 0.78), 0.75),
        (lowland, (0.80, 0.84, 0.58), 0.5),
        (upland, (0.86, 0.66, 0.44), 0.6),
    )
    for where, colour, strength in tones:
        inked(sheet, np.where(inner, where * wash * strength, 0).astype(np.float32), colour)


def _engraved(relief: Field, width: int) -> Field:
    """Coast, water lines and contours as coverage; lines keep their width whatever the slope."""
    gy, gx = np.gradient(relief)
    slope = np.hypot(gx, gy) + np.float32(1e-5)
    thick = max(0.7, width / 2600)

    def level(value: Field, spacing: float, weight: float, steepness: Field) -> Field:
        distance = np.abs((value / spacing + 0.5) % 1 - 0.5) * spacing / steepness
        return np.asarray(np.clip(thick * weight + 0.5 - distance, 0, 1), np.float32)

    land, sea = relief > 0, (relief < 0) & (relief > -0.42)
    lines = np.where(land, level(relief, 0.12, 0.42, slope) * 0.7, 0)
    lines = np.maximum(lines, np.where(relief > 0.3, level(relief, 0.6, 0.9, slope), 0))
    depth = np.sqrt(np.clip(-relief, 1e-4, None))
    waves = level(depth, 0.062, 0.30, slope / (2 * depth))
    lines = np.maximum(lines, np.where(sea, waves * smoothstep(-0.42, -0.1, relief), 0))
    coast = np.clip(thick * 1.3 + 0.5 - np.abs(relief) / slope, 0, 1)
    return np.asarray(np.maximum(lines, coast), np.float32)


def _lettering(random: Random, relief: Field, width: int, height: int) -> Field:
    """Border, graticule, towns with names, rivers, compass and cartouche, as coverage."""
    image = Image.new("L", (width, height))
    draw = ImageDraw.Draw(image)
    for _ in range(12):
        _river(draw, random, relief)
    m = width * 0.055
    _border(draw, width, height, m)
    size = max(7, width // 95)
    names = list(random.permutation(np.array(words.PLACES)))
    for _ in range(50):
        if not names:
            break
        x, y = int(random.uniform(m * 1.6, width - m * 4)), int(random.uniform(m * 1.6, height - m * 1.6))
        if not 0.02 < relief[y, x] < 1.4:
            continue
        r = size * 0.28
        draw.ellipse([x - r, y - r, x + r, y + r], outline=255, width=max(1, size // 9))
        name = str(names.pop()).removeprefix("the ")
        town = random.random() < 0.3
        font = face(int(size * (1.35 if town else 1)))
        draw.text((x + size * 0.6, y), name.upper() if town else name, font=font, fill=255, anchor="lm")
    _compass(draw, width * 0.13, height - m * 2.9, m * 1.4)
    _cartouche(draw, random, m, size)
    return coverage(image)


def _river(draw: ImageDraw.ImageDraw, random: Random, relief: Field) -> None:
    """From a height down the slope; it is drawn only if it reaches the sea."""
    width = relief.shape[1]
    step = max(4, width // 240)
    coarse = relief[::step, ::step]
    gy, gx = (np.asarray(g) for g in np.gradient(coarse))
    rows, columns = np.nonzero(coarse > 0.7)
    if not len(rows):
        return
    start = int(random.integers(len(rows)))
    y, x = float(rows[start]), float(columns[start])
    path = [(x * step, y * step)]
    heading = np.array([0.0, 0.0])
    for index in range(400):
        r, c = int(y), int(x)
        if not (2 < r < coarse.shape[0] - 3 and 2 < c < coarse.shape[1] - 3):
            return
        if coarse[r, c] < 0:
            break
        if index > 30 and np.hypot(path[-1][0] - path[-30][0], path[-1][1] - path[-30][1]) < 12 * step:
            return
        down = -np.array([gx[r, c], gy[r, c]])
        heading = heading * 0.7 + down / (np.hypot(*down) + 1e-6) + random.normal(0, 0.25, 2)
        x, y = x + heading[0] / np.hypot(*heading) * 0.8, y + heading[1] / np.hypot(*heading) * 0.8
        path.append((x * step, y * step))
    for index, (a, b) in enumerate(pairwise(path)):
        draw.line([a, b], fill=225, width=max(1, round(width / 1500 * min(2.0, 0.5 + index / 60))))


def _border(draw: ImageDraw.ImageDraw, width: int, height: int, m: float) -> None:
    """Neat line, a scale of alternate bars, and the graticule."""
    thin = max(1, width // 1600)
    for inset, weight in ((0.70, 3), (0.82, 1), (1.0, 1)):
        frame = [m * inset, m * inset, width - m * inset, height - m * inset]
        draw.rectangle(frame, outline=255, width=thin * weight)
    bars = 40
    for index in range(0, bars, 2):
        a, b = (m + (width - 2 * m) * (index + k) / bars for k in (0, 1))
        draw.rectangle([a, m * 0.82, b, m], fill=255)
        draw.rectangle([a, height - m, b, height - m * 0.82], fill=255)
        a, b = (m + (height - 2 * m) * (index + k) / bars for k in (0, 1))
        draw.rectangle([m * 0.82, a, m, b], fill=255)
        draw.rectangle([width - m, a, width - m * 0.82, b], fill=255)
    for index in range(1, 5):
        x = m + (width - 2 * m) * index / 5
        y = m + (height - 2 * m) * index / 5
        draw.line([(x, m), (x, height - m)], fill=90, width=thin)
        draw.line([(m, y), (width - m, y)], fill=90, width=thin)


def _compass(draw: ImageDraw.ImageDraw, x: float, y: float, radius: float) -> None:
    """A wind rose of sixteen points."""
    for index in range(16):
        angle = index * np.pi / 8
        reach = radius * (1 if index % 4 == 0 else 0.72 if index % 2 == 0 else 0.45)
        tip = (x + reach * np.sin(angle), y - reach * np.cos(angle))
        for side, fill in ((-1, 255), (1, 0)):
            base = angle + side * np.pi / 8
            foot = (x + radius * 0.16 * np.sin(base), y - radius * 0.16 * np.cos(base))
            draw.polygon([(x, y), tip, foot], fill=fill, outline=255)
    draw.ellipse([x - radius * 0.6, y - radius * 0.6, x + radius * 0.6, y + radius * 0.6], outline=255)
    draw.text((x, y - radius * 1.1), "N", font=face(max(7, int(radius * 0.3))), fill=255, anchor="mb")


def _cartouche(draw: ImageDraw.ImageDraw, random: Random, m: float, size: int) -> None:
    """Title and scale in the upper left corner."""
    title = words.pick(random, words.SHEETS)
    big = face(int(size * 2.1))
    left, top = m * 1.5, m * 1.5
    across = draw.textlength(title, font=big)
    draw.rectangle(
        [left, top, left + across + size * 3, top + size * 8.2], fill=0, outline=255, width=max(1, size // 7)
    )
    middle = left + across / 2 + size * 1.5
    draw.text((middle, top + size * 2), title, font=big, fill=255, anchor="mm", stroke_width=size // 22)
    draw.text(
        (middle, top + size * 4.1), "surveyed by order of the States", font=face(size), fill=255, anchor="mm"
    )
    draw.text(
        (middle, top + size * 7.1), "one hour's walking", font=face(int(size * 0.8)), fill=255, anchor="mm"
    )
    for index in range(6):
        a = middle - across * 0.36 + across * 0.12 * index
        box = [a, top + size * 5.4, a + across * 0.12, top + size * 5.8]
        draw.rectangle(box, outline=255, fill=255 if index % 2 else None)
