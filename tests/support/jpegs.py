"""JPEGs for the tests, written by Pillow."""

from __future__ import annotations

from pathlib import Path

from PIL import Image

from tests.support.jp2_files import picture


def saved(path: Path, channels: int = 3, **options: object) -> Path:
    """A JPEG as Pillow writes it: its libjpeg is not libvips'."""
    pixels = picture(64, 48, channels)
    Image.fromarray(pixels).save(path, "JPEG", **options)
    return path
