"""ICC profiles for the tests: libvips' own, and small ones put together tag by tag (ICC.1:2022)."""

from __future__ import annotations

import struct
from functools import cache

import pyvips

D50 = (0.9642, 1.0, 0.8249)


@cache
def built_in(name: str) -> bytes:
    """One of libvips' profiles: srgb, p3 or cmyk (a printing profile with tables)."""
    return bytes(pyvips.Image.profile_load(name))


def grey_profile(gamma: float = 1.8) -> bytes:
    """A monochrome display profile: a white point and a curve."""
    curve = b"curv\0\0\0\0" + struct.pack(">IH", 1, round(gamma * 256))
    return _profile(b"GRAY", b"mntr", {b"wtpt": _xyz(D50), b"kTRC": curve, b"desc": _text("grey")})


def table_profile(device_class: bytes = b"scnr", space: bytes = b"RGB ") -> bytes:
    """A scanner's profile by table: a cube of 2 × 2 × 2 Lab colours, corners darker and duller than sRGB's."""
    head = b"mft1\0\0\0\0" + bytes([3, 3, 2, 0])
    matrix = struct.pack(">9i", *(65536 if i % 4 == 0 else 0 for i in range(9)))
    ramp = bytes(range(256)) * 3
    corners = [(0, 128, 128), (60, 140, 60), (170, 70, 180), (190, 90, 150)]
    corners += [(110, 190, 180), (130, 200, 90), (230, 120, 200), (250, 128, 128)]
    table = b"".join(bytes(corner) for corner in corners)
    lut = head + matrix + ramp + table + ramp
    return _profile(space, device_class, {b"A2B0": lut, b"wtpt": _xyz(D50), b"desc": _text("table")}, b"Lab ")


def without(profile: bytes, *tags: bytes) -> bytes:
    """A profile whose directory (ICC.1:2022, 7.3) lists these tags under other names."""
    changed = bytearray(profile)
    for entry in range(132, 132 + 12 * int.from_bytes(profile[128:132]), 12):
        if profile[entry : entry + 4] in tags:
            changed[entry] ^= 0x20
    return bytes(changed)


def emptied(profile: bytes) -> bytes:
    """A profile of which only the header is left, the rest zeros."""
    return profile[:128] + bytes(len(profile) - 128)


def _profile(space: bytes, device_class: bytes, tags: dict[bytes, bytes], pcs: bytes = b"XYZ ") -> bytes:
    offset = 128 + 4 + 12 * len(tags)
    directory, data = struct.pack(">I", len(tags)), b""
    for name, content in tags.items():
        padded = content + b"\0" * (-len(content) % 4)
        directory += name + struct.pack(">II", offset + len(data), len(content))
        data += padded
    size = offset + len(data)
    head = struct.pack(">I4sI4s4s4s", size, b"\0" * 4, 0x02400000, device_class, space, pcs)
    head += struct.pack(">6H", 2026, 1, 1, 0, 0, 0) + b"acsp" + b"\0" * 28
    return head + _s15(D50) + b"\0" * (128 - len(head) - 12) + directory + data


def _s15(values: tuple[float, float, float]) -> bytes:
    return struct.pack(">3i", *(round(value * 65536) for value in values))


def _xyz(values: tuple[float, float, float]) -> bytes:
    return b"XYZ \0\0\0\0" + _s15(values)


def _text(text: str) -> bytes:
    name = text.encode() + b"\0"
    return b"desc\0\0\0\0" + struct.pack(">I", len(name)) + name + b"\0" * 78
