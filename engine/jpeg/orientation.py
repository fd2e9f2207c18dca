"""The orientation in Exif and XMP, which makes a viewer turn a JPEG: read, and set to 1 without another change."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from contextlib import suppress

from msgspec import Struct, structs

from engine.jp2.boxes.metadata import Metadata

_UPRIGHT = 1
_TURNED = {
    2: "mirrored",
    3: "by 180°",
    4: "mirrored and by 180°",
    5: "mirrored and by 270°",
    6: "by 90°",
    7: "mirrored and by 90°",
    8: "by 270°",
}
"""What a viewer does, clockwise (CIPA DC-008 4.6.4 A, Orientation)."""

_ORIENTATION = 0x0112
_FORMATS = {1: "B", 3: "H", 4: "I"}
"""BYTE, SHORT and LONG (TIFF 6.0, section 2); SHORT is the right one."""

_NAMESPACE = r"http://ns\.adobe\.com/tiff/1\.0/"
_PREFIX = re.compile(rf"""xmlns:([\w.-]+)\s*=\s*["']{_NAMESPACE}["']""")


class _Place(Struct, frozen=True):
    """Where an orientation stands in its bytes or text."""

    start: int
    end: int
    value: int


def orientation_warning(metadata: Metadata) -> str | None:
    """What viewers will do to a JPEG with this metadata, if it is anything."""
    found = [
        f"{name} {value} ({_TURNED[value]})"
        for name, value in (("Exif", _exif_value(metadata.exif)), ("XMP", _xmp_value(metadata.xmp)))
        if value in _TURNED
    ]
    if not found:
        return None
    return (
        f"the orientation is kept, {' and '.join(found)}: viewers will turn the JPEG, and most did not turn the "
        'JPEG 2000; [jpeg] orientation = "reset" sets it to 1'
    )


def with_upright_orientation(metadata: Metadata) -> Metadata:
    """Every orientation in Exif's main directory and in the XMP packet is 1; each other byte is as it was."""
    return structs.replace(metadata, exif=_upright_exif(metadata.exif), xmp=_upright_xmp(metadata.xmp))


def _exif_value(exif: bytes | None) -> int:
    return next((place.value for place, _ in _exif_places(exif or b"")), _UPRIGHT)


def _upright_exif(exif: bytes | None) -> bytes | None:
    if exif is None:
        return None
    content = bytearray(exif)
    for place, layout in _exif_places(exif):
        struct.pack_into(layout, content, place.start, _UPRIGHT)
    return bytes(content)


def _exif_places(exif: bytes) -> Iterator[tuple[_Place, str]]:
    """The orientations of the first directory of a TIFF stream, and how each is packed."""
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(exif[:4])
    if order is None or len(exif) < 8:
        return
    (directory,) = struct.unpack_from(order + "I", exif, 4)
    if directory + 2 > len(exif):
        return
    (count,) = struct.unpack_from(order + "H", exif, directory)
    for at in range(directory + 2, min(directory + 2 + 12 * count, len(exif) - 11), 12):
        tag, kind, values = struct.unpack_from(order + "HHI", exif, at)
        if tag == _ORIENTATION and kind in _FORMATS and values == 1:
            layout = order + _FORMATS[kind]
            (value,) = struct.unpack_from(layout, exif, at + 8)
            yield _Place(at + 8, at + 8 + struct.calcsize(layout), value), layout


def _xmp_value(xmp: bytes | None) -> int:
    """The first that is not 1: a packet may have several descriptions."""
    values = [place.value for place in _xmp_places(_as_text(xmp)[0])] if xmp else []
    return next((value for value in values if value != _UPRIGHT), _UPRIGHT)


def _upright_xmp(xmp: bytes | None) -> bytes | None:
    if xmp is None:
        return None
    text, encoding = _as_text(xmp)
    for place in _xmp_places(text):
        upright = str(_UPRIGHT).zfill(place.end - place.start)
        text = text[: place.start] + upright + text[place.end :]
    return text.encode(encoding)


def _as_text(xmp: bytes) -> tuple[str, str]:
    """The packet as text, and the encoding that makes the same bytes of it.

    Latin-1 stands for every encoding with ASCII's bytes: what is sought is ASCII.
    """
    for encoding in ("utf-32-be", "utf-32-le", "utf-16-be", "utf-16-le"):
        if xmp.removeprefix("\ufeff".encode(encoding)).startswith("<".encode(encoding)):
            with suppress(UnicodeError):  # a packet that is cut
                return xmp.decode(encoding), encoding
    return xmp.decode("latin-1"), "latin-1"


def _xmp_places(text: str) -> list[_Place]:
    """The numbers of tiff:Orientation, as an attribute or an element and under whatever prefix."""
    prefixes = "|".join(re.escape(prefix) for prefix in {"tiff", *_PREFIX.findall(text)})
    attribute = rf"""\s(?:{prefixes}):Orientation\s*=\s*["']\s*(?P<value>\d{{1,9}})\s*["']"""
    element = rf"<(?:{prefixes}):Orientation(?:\s[^>]*)?>\s*(?P<value>\d{{1,9}})\s*</"
    plain = rf"""<Orientation\s[^>]*xmlns\s*=\s*["']{_NAMESPACE}["'][^>]*>\s*(?P<value>\d{{1,9}})\s*</"""
    matches = (match for pattern in (attribute, element, plain) for match in re.finditer(pattern, text))
    return [_Place(*match.span("value"), int(match["value"])) for match in matches]
