"""Small real JPEG 2000 files, encoded by OpenJPEG, collection exports, and ways to damage a file."""

from __future__ import annotations

import csv
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pyvips
from numpy.typing import NDArray

from engine.demo.jp2_boxes import Wrapping
from engine.demo.jp2_encoder import Encoding, Plane, write_codestream, write_jp2

__all__ = [
    "Encoding",
    "Plane",
    "Row",
    "Wrapping",
    "cut",
    "flip_bits",
    "make_codestream",
    "make_jp2",
    "picture",
    "representation",
    "wide_gamut_profile",
    "write_codestream",
    "write_export",
    "write_jp2",
]


def picture(
    width: int = 256, height: int = 192, channels: int = 3, bits: int = 8, seed: int = 0
) -> NDArray[Any]:
    """Pixels with edges, gradients and grain, (height, width[, channels]), the same for a seed.

    uint8 up to 8 bits, else uint16; the values use the whole range of `bits`.
    """
    random = np.random.default_rng(seed)
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    planes = []
    for channel in range(channels):
        plane = 0.5 + 0.3 * np.sin(x / (17 + 5 * channel) + seed) * np.cos(y / (23 + 3 * channel))
        plane += 0.25 * (((x // 29 + y // 31) % 3) == channel % 3)
        plane += random.normal(0, 0.02, plane.shape)
        planes.append(plane)
    peak = (1 << bits) - 1
    samples: NDArray[Any] = np.clip(np.stack(planes, axis=-1) * peak, 0, peak).round()
    samples = samples.astype(np.uint8 if bits <= 8 else np.uint16)
    return samples[:, :, 0] if channels == 1 else samples


def make_jp2(
    path: Path,
    width: int = 256,
    height: int = 192,
    *,
    channels: int = 3,
    bits: int = 8,
    seed: int = 0,
    encoding: Encoding | None = None,
    wrapping: Wrapping | None = None,
) -> NDArray[Any]:
    """Writes a JP2 at `path`, with directories as needed; returns its pixels as `picture` made them.

    Lossless unless `encoding` says otherwise; `Encoding(tile=(128, 128))` tiles it, `Wrapping(icc=...)` gives
    it a profile. Other kinds of file (signed, subsampled, mixed depths) go through `write_jp2` with `Plane`s.
    """
    pixels = picture(width, height, channels, bits, seed)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_jp2(path, pixels, encoding, wrapping, bits=bits)
    return pixels


def make_codestream(path: Path, width: int = 256, height: int = 192, **options: Any) -> NDArray[Any]:
    """Writes a raw codestream at `path`; options as for `make_jp2`, without `wrapping`."""
    bits = options.get("bits", 8)
    pixels = picture(width, height, options.get("channels", 3), bits, options.get("seed", 0))
    stack = pixels[:, :, np.newaxis] if pixels.ndim == 2 else pixels
    planes = [Plane(stack[:, :, c], bits) for c in range(stack.shape[2])]
    path.parent.mkdir(parents=True, exist_ok=True)
    write_codestream(path, planes, options.get("encoding"))
    return pixels


@cache
def wide_gamut_profile() -> bytes:
    """The Display P3 profile that libvips has built in."""
    profile = pyvips.Image.profile_load("p3")
    return bytes(profile)


def cut(path: Path, keep: float | int, end_marker: bool = False) -> Path:
    """Cuts a file short in place: `keep` is a fraction (float) or bytes (int); `end_marker` appends an EOC."""
    content = path.read_bytes()
    kept = content[: int(len(content) * keep) if isinstance(keep, float) else keep]
    path.write_bytes(kept + (b"\xff\xd9" if end_marker else b""))
    return path


def flip_bits(path: Path, offset: float | int, mask: int = 0xFF, count: int = 1) -> Path:
    """Flips bits of `count` bytes in place from `offset`, a fraction of the file (float) or bytes (int)."""
    content = bytearray(path.read_bytes())
    start = int(len(content) * offset) if isinstance(offset, float) else offset
    for position in range(start, start + count):
        content[position] ^= mask
    path.write_bytes(bytes(content))
    return path


@dataclass(frozen=True)
class Row:
    """A row of a collection export, in the columns photostat expects by default."""

    uuid: str
    barcode: str
    record: str
    name: str
    type: str
    source: str


def representation(number: int) -> str:
    """The UUID of an invented representation; the same number always has the same UUID."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"https://example.org/representation/{number}"))


def write_export(path: Path, rows: Iterable[Row], header: bool = True) -> Path:
    """Writes a CSV export: uuid, barcode, record, name, type, source."""
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        if header:
            writer.writerow(["uuid", "barcode", "record", "name", "type", "source"])
        writer.writerows([r.uuid, r.barcode, r.record, r.name, r.type, r.source] for r in rows)
    return path
