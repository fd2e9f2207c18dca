"""A manuscript page: lines of running handwriting in iron-gall ink on laid paper, seals, a folio number."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw

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

Stroke = tuple[tuple[float, float], ...]

LETTERS: dict[str, tuple[float, Stroke]] = {
    "a": (1.0, ((0.7, 0.9), (0.2, 0.9), (0.1, 0.2), (0.6, 0.2), (0.75, 0.9), (0.75, 0.1), (1.0, 0.1))),
    "b": (0.9, ((0.2, 0.6), (0.4, 1.9), (0.1, 1.8), (0.2, 0.1), (0.7, 0.2), (0.6, 0.8), (0.9, 0.7))),
    "d": (1.0, ((0.7, 0.9), (0.2, 0.8), (0.2, 0.1), (0.7, 0.3), (0.9, 1.9), (0.75, 0.2), (1.0, 0.1))),
    "e": (0.8, ((0.1, 0.4), (0.6, 0.7), (0.4, 1.0), (0.1, 0.5), (0.4, 0.0), (0.8, 0.2))),
    "f": (0.7, ((0.1, 0.3), (0.6, 1.8), (0.3, 1.7), (0.2, -0.9), (0.5, -0.6), (0.3, 0.1), (0.7, 0.3))),
    "g": (1.0, ((0.7, 0.9), (0.2, 0.8), (0.3, 0.1), (0.7, 0.8), (0.6, -0.9), (0.1, -0.8), (1.0, 0.2))),
    "h": (
        1.0,
        ((0.1, 0.4), (0.5, 1.9), (0.1, 1.6), (0.15, 0.0), (0.5, 0.9), (0.7, 0.7), (0.7, 0.0), (1.0, 0.2)),
    ),
    "i": (0.55, ((0.1, 0.3), (0.35, 0.95), (0.25, 0.1), (0.55, 0.2))),
    "l": (0.6, ((0.0, 0.2), (0.5, 1.8), (0.2, 1.8), (0.2, 0.0), (0.6, 0.2))),
    "m": (1.5, ((0.1, 0.8), (0.15, 0.0), (0.4, 0.9), (0.6, 0.0), (0.85, 0.9), (1.1, 0.1), (1.5, 0.2))),
    "n": (1.1, ((0.1, 0.8), (0.15, 0.0), (0.5, 0.95), (0.7, 0.6), (0.7, 0.0), (1.1, 0.2))),
    "o": (0.9, ((0.5, 0.95), (0.1, 0.6), (0.3, 0.0), (0.7, 0.4), (0.5, 0.95), (0.9, 0.75))),
    "p": (1.0, ((0.2, 0.9), (0.1, -1.0), (0.25, 0.7), (0.7, 0.9), (0.7, 0.2), (0.3, 0.1), (1.0, 0.2))),
    "r": (0.8, ((0.1, 0.2), (0.25, 0.9), (0.45, 0.75), (0.45, 0.1), (0.8, 0.2))),
    "s": (0.7, ((0.1, 0.2), (0.45, 1.0), (0.5, 0.4), (0.2, 0.0), (0.7, 0.2))),
    "t": (0.6, ((0.1, 0.3), (0.4, 1.5), (0.3, 0.1), (0.6, 0.2))),
    "u": (1.1, ((0.1, 0.9), (0.2, 0.1), (0.6, 0.3), (0.7, 0.9), (0.75, 0.1), (1.1, 0.2))),
    "v": (0.9, ((0.1, 0.9), (0.4, 0.0), (0.75, 0.9), (0.9, 0.8))),
}
"""Width and the points a pen passes, in x-heights above the baseline."""

PEN_STEPS = 5


def manuscript(random: Random, width: int, height: int, noise: float, letter: bool = True) -> Picture:
    """A page as a scanner sees it; a `letter` has a place and date, and a signature."""
    sheet = paper(random, width, height, (0.90, 0.85, 0.74), age=0.7)
    sheet *= _laid(random, width, height)[:, :, np.newaxis]
    front = blurred(handwriting(random, width, height, letter), 0.6)
    back = blurred(front[:, ::-1], width / 500)
    sheet = inked(sheet, np.roll(back, height // 60, axis=0) * 0.10, (0.55, 0.44, 0.30))
    halo = blurred(front, width / 350) * 0.16
    sheet = inked(sheet, halo, (0.58, 0.42, 0.24))
    flow = (
        0.80
        + 0.13 * clouds(random, width, height, width / 12, 4, 0.6)
        + 0.05 * clouds(random, width, height, 5, 1)
    )
    sheet = inked(sheet, front * flow, (0.20, 0.12, 0.07))
    if not letter or random.random() < 0.5:
        _stain(random, sheet)
    return scanned(random, framed(random, sheet, 0.02), noise)


def _laid(random: Random, width: int, height: int) -> Field:
    """The paper's laid and chain lines."""
    rows = np.arange(height, dtype=np.float32)[:, np.newaxis]
    columns = np.arange(width, dtype=np.float32)[np.newaxis, :]
    drift = 3 * clouds(random, width, height, width / 2, 2)
    lines = 0.007 * np.sin((rows + drift) * np.float32(2 * np.pi / max(5, width / 260)))
    chains = 0.014 * np.exp(-((((columns + drift) % (width / 9)) - width / 18) ** 2) / max(2, width / 600))
    return np.asarray(1 + lines - chains, np.float32)


def _stain(random: Random, sheet: Picture) -> None:
    """A tide mark across a corner, in place."""
    height, width = sheet.shape[:2]
    x, y = ramp(width, height)
    corner = float(random.choice([0.0, 1.0]))
    reach = np.hypot(x - corner, (y - 1) * height / width) + 0.03 * clouds(
        random, width, height, width / 6, 5
    )
    mark = 0.07 * smoothstep(0.42, 0.39, reach) + 0.11 * np.exp(-(((reach - 0.405) * 90) ** 2))
    for channel, weight in enumerate((0.6, 0.9, 1.2)):
        sheet[:, :, channel] *= 1 - weight * mark


def handwriting(random: Random, width: int, height: int, letter: bool) -> Field:
    """The ink of a page, 0 to 1."""
    image = Image.new("L", (width, height))
    draw = ImageDraw.Draw(image)
    size = width * float(random.uniform(0.0105, 0.0145))
    lead = size * float(random.uniform(3.6, 4.4))
    left, right = width * 0.13, width * 0.92
    row = height * 0.09
    if letter:
        _line(draw, random, width * 0.58, row, right, size)
        _line(draw, random, left, row + lead * 1.6, width * 0.42, size * 1.15)
        row += lead * 3.2
    end = height * (0.80 if letter else 0.93)
    while row < end:
        ragged = float(random.uniform(0.0, 0.05)) * width
        indent = size * 5 if random.random() < 0.12 else 0
        short = width * 0.3 if random.random() < 0.08 else 0
        _line(draw, random, left + indent, row, right - ragged - short, size)
        row += lead * float(random.uniform(0.96, 1.05))
    if letter:
        _line(draw, random, width * 0.52, height * 0.87, width * 0.86, size * 1.7)
        span = np.linspace(0, 1, 40)
        flourish = [
            (width * (0.50 + 0.34 * t), height * 0.895 + size * 2.2 * np.sin(t * 9) * (1 - t)) for t in span
        ]
        draw.line(flourish, fill=215, width=max(1, int(size / 9)))
    return coverage(image)


def _line(
    draw: ImageDraw.ImageDraw, random: Random, left: float, row: float, right: float, size: float
) -> None:
    """A line of words; `row` is the baseline."""
    slope = float(random.normal(0, 0.004))
    x = left
    while x < right - size * 2:
        word = random.choice(list(LETTERS), int(random.integers(2, 9)))
        points = [(x, row)]
        for name in word:
            advance, stroke = LETTERS[name]
            tilt = random.normal(0, 0.06, (len(stroke), 2))
            points += [
                (x + (px + dx + (py + dy) * 0.42) * size, row - (py + dy) * size + slope * (x - left))
                for (px, py), (dx, dy) in zip(stroke, tilt, strict=True)
            ]
            x += advance * size * float(random.uniform(0.92, 1.08))
            if x > right:
                break
        _pen(draw, points, size)
        x += size * float(random.uniform(0.7, 1.2))


def _pen(draw: ImageDraw.ImageDraw, points: list[tuple[float, float]], size: float) -> None:
    """A Catmull-Rom curve through the points; the pen spreads on the way down."""
    knots = np.array([points[0], *points, points[-1]])
    t = np.linspace(0, 1, PEN_STEPS, endpoint=False)[:, np.newaxis, np.newaxis]
    a, b, c, d = knots[:-3], knots[1:-2], knots[2:-1], knots[3:]
    curve = 0.5 * (2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t**2 + (3 * b - a - 3 * c + d) * t**3)
    path = curve.transpose(1, 0, 2).reshape(-1, 2)
    falls = np.clip(np.diff(path[:, 1]) / max(1e-6, size * 0.3), 0, 1)
    widths = np.maximum(1, np.rint(size * (0.07 + 0.20 * falls))).astype(int)
    for start, end, fall, width in zip(path[:-1], path[1:], falls, widths, strict=True):
        draw.line([tuple(start), tuple(end)], fill=int(165 + 85 * fall), width=int(width))
