"""The header of an ICC profile: its colour space, its channels and its class."""

from __future__ import annotations

from msgspec import Struct

HEADER_BYTES = 128
_SIGNATURE = b"acsp"

_CHANNELS = {b"GRAY": 1, b"RGB ": 3, b"CMYK": 4, b"Lab ": 3, b"XYZ ": 3, b"YCbr": 3, b"HSV ": 3, b"CMY ": 3}
"""ICC.1:2022, table 19."""

_DEVICE_CLASSES = frozenset({b"scnr", b"mntr", b"prtr", b"spac"})
"""Input, display, output and colour space (table 18): the classes that give a picture's samples a meaning."""


class IccProfile(Struct, frozen=True):
    space: str
    """The data colour space's signature without padding: GRAY, RGB, CMYK, Lab …"""
    channels: int
    """0 if the space is not in table 19."""
    device_class: str
    describes_samples: bool
    """False for device links, abstract and named-colour profiles."""


def read_profile(data: bytes) -> IccProfile | None:
    """The header of a profile (ICC.1:2022, 7.2), or None if these bytes are not a profile."""
    if len(data) < HEADER_BYTES or data[36:40] != _SIGNATURE:
        return None
    return IccProfile(
        space=_text(data[16:20]),
        channels=_CHANNELS.get(data[16:20], 0),
        device_class=_text(data[12:16]),
        describes_samples=data[12:16] in _DEVICE_CLASSES,
    )


def _text(signature: bytes) -> str:
    return "".join(c if c.isprintable() else "?" for c in signature.decode("latin-1")).strip()
