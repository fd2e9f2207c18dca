"""What a small rendition is made of, and what comes of it: as they travel between the two processes."""

from __future__ import annotations

from msgspec import Struct


class SourceFile(Struct, frozen=True, tag=True):
    """A JPEG 2000 file."""

    path: str


class ScratchJpeg(Struct, frozen=True, tag=True):
    """A JPEG that waits for the store."""

    path: str


class StoredJpeg(Struct, frozen=True, tag=True):
    """A JPEG in the store of a workspace."""

    root: str
    """The workspace's directory."""
    target: str


Original = SourceFile | ScratchJpeg | StoredJpeg


class RenditionRequest(Struct, frozen=True):
    original: Original
    longest_side: int
    """Of the rendition at most, pixels."""
    most_bytes: int
    """Of memory."""
    timeout_s: float


class Rendition(Struct, frozen=True, tag=True):
    """A small picture in sRGB."""

    width: int
    height: int
    rgb: bytes
    """Three bytes a pixel, row by row."""
    full_width: int
    """Of the original, pixels."""
    full_height: int
    note: str = ""
    """Why it does not show all of the original."""


class NoRendition(Struct, frozen=True, tag=True):
    """There is none; `why` says so in one line."""

    why: str
