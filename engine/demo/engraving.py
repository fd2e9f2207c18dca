"""A wood engraving: a scene in lines that are wider where it is darker."""

from __future__ import annotations

import numpy as np

from engine.demo.canvas import (
    Field,
    Picture,
    Random,
    blurred,
    clouds,
    framed,
    inked,
    paper,
    ramp,
    scanned,
    smoothstep,
)
from engine.demo.photograph import SCENES


def engraving(random: Random, width: int, height: int, noise: float, scene: str = "harbour") -> Picture:
    """A print of the scene on a sheet with margins, as a scanner sees it."""
    tones = np.clip(blurred(SCENES[scene](random, width, height), width / 900), 0, 1)
    x, y = ramp(width, height)
    inset = np.minimum(np.minimum(x, 1 - x) * width, np.minimum(y, 1 - y) * height)
    ragged = inset - 0.085 * width + 0.004 * width * clouds(random, width, height, width / 30, 4)
    block = smoothstep(0, max(2, width / 500), ragged)
    sheet = paper(random, width, height, (0.92, 0.89, 0.81), age=0.5)
    ink = cut_lines(tones, max(4.5, width / 330)) * block
    ink *= 0.90 + 0.06 * clouds(random, width, height, 60, 4)
    mark = np.exp(-(((inset - 0.055 * width) / max(2, width / 400)) ** 2))
    sheet *= (1 - 0.05 * mark)[:, :, np.newaxis]
    return scanned(random, framed(random, inked(sheet, ink, (0.10, 0.09, 0.09)), 0.012), noise)


def cut_lines(tones: Field, pitch: float) -> Field:
    """Coverage of lines that follow the tones a little and swell with the dark; crossed in the shadows."""
    height, width = tones.shape
    rows = np.arange(height, dtype=np.float32)[:, np.newaxis]
    columns = np.arange(width, dtype=np.float32)[np.newaxis, :]
    bend = blurred(tones, pitch * 3) * pitch * 5
    ink = np.zeros_like(tones)
    for turn, start in ((0.12, 1.0), (1.15, 0.46)):
        phase = (rows * np.cos(turn) + columns * np.sin(turn) + bend) / pitch
        swell = np.clip((start - tones) / start, 0, 1)
        edge = np.abs((phase % 1) - 0.5) * 2
        ink = np.maximum(ink, np.clip((swell * 0.95 - edge) * pitch * 0.5 + 0.5, 0, 1) * (swell > 0.04))
    return np.asarray(ink, np.float32)
