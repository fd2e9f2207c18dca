"""A newspaper page: masthead, columns of justified text, headlines and a halftone on yellowed paper."""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

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
    scanned,
)
from engine.demo.photograph import landscape_tones

COLUMNS = 5


@cache
def face(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """Pillow's own scalable font, so that none of the system is needed."""
    return ImageFont.load_default(size=size)


def newspaper(random: Random, width: int, height: int, noise: float, first: bool = True) -> Picture:
    """A page as a scanner sees it; `first` gives it the masthead."""
    front = typeset(random, width, height, first)
    back = typeset(random, width // 4, height // 4, False)
    through = np.asarray(
        Image.fromarray((back[:, ::-1] * 255).astype(np.uint8)).resize((width, height)), np.float32
    )
    sheet = paper(random, width, height, (0.86, 0.81, 0.70), age=0.9)
    sheet = inked(sheet, blurred(through / 255, width / 700) * 0.09, (0.45, 0.40, 0.33))
    worn = (
        0.86 + 0.07 * clouds(random, width, height, 40, 4, 0.7) + 0.05 * clouds(random, width, height, 3, 1)
    )
    sheet = inked(sheet, blurred(front, 0.7) * worn, (0.13, 0.12, 0.12))
    fold = np.abs(np.linspace(-1, 1, height, dtype=np.float32) - 0.02)[:, np.newaxis]
    sheet *= (1 - 0.10 * np.exp(-((fold * 90) ** 2)))[:, :, np.newaxis]
    return scanned(random, framed(random, sheet, 0.012), noise)


def typeset(random: Random, width: int, height: int, first: bool) -> Field:
    """The ink of a page, 0 to 1."""
    image = Image.new("L", (width, height))
    draw = ImageDraw.Draw(image)
    margin, top = int(width * 0.06), int(height * 0.05)
    if first:
        top = _masthead(draw, random, width, margin, top)
    bottom = height - int(height * 0.045)
    gutter = width * 0.016
    column = (width - 2 * margin - gutter * (COLUMNS - 1)) / COLUMNS
    plate = _plate(random, image, margin, top, column, gutter) if width > 500 else None
    for index in range(COLUMNS):
        left = margin + index * (column + gutter)
        start = plate if plate is not None and 1 <= index <= 2 else top
        _column(draw, random, (left, start, left + column, bottom), max(6, round(width / 128)))
        if index:
            draw.line([(left - gutter / 2, start), (left - gutter / 2, bottom)], fill=200, width=_hair(width))
    return coverage(image)


def _hair(width: int) -> int:
    return max(1, round(width / 1400))


def _masthead(draw: ImageDraw.ImageDraw, random: Random, width: int, margin: int, top: int) -> int:
    """Title, rules and date line; returns the row under them."""
    title = words.pick(random, words.TITLES)
    size = int(width * 0.075)
    while draw.textlength(title, font=face(size)) > width - 2.6 * margin:
        size -= 2
    draw.text((width / 2, top), title, font=face(size), fill=255, anchor="ma", stroke_width=size // 26)
    row = top + int(size * 1.25)
    line = max(6, int(width / 95))
    for offset in (0, line * 2.1):
        y = row + offset
        draw.line([(margin, y), (width - margin, y)], fill=255, width=2 * _hair(width))
    number = int(random.integers(1, 9999))
    date = f"{int(random.integers(1, 28))} October 18{int(random.integers(61, 99))}"
    middle = row + line * 1.1
    draw.text((margin, middle), f"No. {number}", font=face(line), fill=255, anchor="lm")
    draw.text((width / 2, middle), f"SATURDAY, {date}".upper(), font=face(line), fill=255, anchor="mm")
    draw.text((width - margin, middle), "Price five cents", font=face(line), fill=255, anchor="rm")
    return int(row + line * 3.4)


def _plate(
    random: Random, image: Image.Image, margin: int, top: int, column: float, gutter: float
) -> int | None:
    """A halftone over the second and third column; returns the row under its caption."""
    if random.random() < 0.35:
        return None
    width, height = int(2 * column + gutter), int((2 * column + gutter) * 0.62)
    left = int(margin + column + gutter)
    tones = landscape_tones(random, width, height)
    image.paste(Image.fromarray(_halftone(tones, max(4.0, image.width / 420))), (left, top))
    draw = ImageDraw.Draw(image)
    draw.rectangle([left, top, left + width, top + height], outline=230, width=_hair(image.width))
    caption = f"View near {words.pick(random, words.PLACES)}."
    size = max(6, int(image.width / 120))
    draw.text((left + width / 2, top + height + size * 0.5), caption, font=face(size), fill=235, anchor="ma")
    return int(top + height + size * 2.4)


def _halftone(tones: Field, pitch: float) -> NDArray[np.uint8]:
    """Ink of a 45-degree dot screen, uint8: `tones` 0 is black."""
    height, width = tones.shape
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    turn = np.float32(np.pi * np.sqrt(2) / 2 / pitch)
    screen = np.cos((x + y) * turn) * np.cos((x - y) * turn) * 0.5 + 0.5
    dots = np.clip(((1 - tones) - screen * 0.95) * pitch * 0.9 + 0.5, 0, 1)
    return np.asarray(dots * 245, np.uint8)


def _column(
    draw: ImageDraw.ImageDraw, random: Random, frame: tuple[float, float, float, float], size: int
) -> None:
    """Articles down a column until it is full."""
    _, row, _, bottom = frame
    while row < bottom - size * 3:
        row = _heading(draw, random, frame, row, size)
        for _ in range(int(random.integers(1, 4))):
            text = words.paragraph(random, int(random.integers(2, 6)))
            row = _justified(draw, text, frame, row, size)
        middle = (frame[0] + frame[2]) / 2
        span = (frame[2] - frame[0]) * 0.16
        row += size * 0.7
        if row < bottom - size:
            draw.line([(middle - span, row), (middle + span, row)], fill=220, width=max(1, size // 12))
        row += size * 0.7


def _heading(
    draw: ImageDraw.ImageDraw,
    random: Random,
    frame: tuple[float, float, float, float],
    row: float,
    size: int,
) -> float:
    big = int(size * float(random.choice([1.15, 1.3, 1.7])))
    font = face(big)
    line = ""
    lines = []
    for word in words.headline(random).split():
        if line and draw.textlength(f"{line} {word}", font=font) > frame[2] - frame[0]:
            lines.append(line)
            line = word
        else:
            line = f"{line} {word}".strip()
    for text in [*lines, line]:
        if row + big * 1.2 > frame[3]:
            break
        middle = (frame[0] + frame[2]) / 2
        draw.text((middle, row), text, font=font, fill=255, anchor="ma", stroke_width=big // 24)
        row += big * 1.18
    return row + size * 0.5


def _justified(
    draw: ImageDraw.ImageDraw,
    text: list[str],
    frame: tuple[float, float, float, float],
    row: float,
    size: int,
) -> float:
    """A paragraph with its first line indented; returns the row under it."""
    font = face(size)
    space = draw.textlength(" ", font=font)
    lengths = {word: draw.textlength(word, font=font) for word in set(text)}
    indent, line, used = size * 1.2, list[str](), 0.0
    for position, word in enumerate(text):
        room = frame[2] - frame[0] - indent
        line.append(word)
        used += lengths[word]
        last = position == len(text) - 1
        following = 0.0 if last else lengths[text[position + 1]]
        if not last and used + following + space * len(line) <= room:
            continue
        if row + size * 1.2 > frame[3]:
            return row + size
        gap = space if last or len(line) == 1 else (room - used) / (len(line) - 1)
        left = frame[0] + indent
        for piece in line:
            draw.text((left, row), piece, font=font, fill=245)
            left += lengths[piece] + gap
        row += size * 1.22
        indent, line, used = 0.0, [], 0.0
    return row
