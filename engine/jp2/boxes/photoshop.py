"""Photoshop image resources (Adobe Photoshop File Formats, Image Resource Blocks), in which writers wrap IPTC."""

from __future__ import annotations

from collections.abc import Iterator

SIGNATURE = b"Photoshop 3.0\0"
"""What stands before the resources in a JPEG's APP13 segment and in some JP2 boxes."""

IPTC = 0x0404
"""The number of the resource that holds IPTC-IIM records."""


def image_resources(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Number and content of each resource in a chain, up to where the chain breaks off."""
    at = 0
    while data[at : at + 4] == b"8BIM" and len(data) >= at + 7:
        number = int.from_bytes(data[at + 4 : at + 6])
        name_bytes = 1 + data[at + 6]
        at += 6 + name_bytes + name_bytes % 2
        size = int.from_bytes(data[at : at + 4])
        yield number, data[at + 4 : at + 4 + size]
        at += 4 + size + size % 2
