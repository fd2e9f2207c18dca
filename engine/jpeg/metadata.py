"""The marker segments before a JPEG's tables: density, Exif, XMP, IPTC and the ICC profile, byte for byte."""

from __future__ import annotations

import hashlib
import math

from engine.config import JpegSettings
from engine.jp2.boxes import photoshop
from engine.jp2.boxes.metadata import Metadata
from engine.jp2.header import Header, Resolution
from engine.jpeg.inspect import ICC_SIGNATURE, XMP_NAMESPACE, Density
from engine.jpeg.orientation import orientation_warning, with_upright_orientation

_MOST_SEGMENT_BYTES = 65533
"""A marker segment's data: its two bytes of length count themselves (ITU-T T.81 B.1.1.4)."""
_ICC_CHUNK_BYTES = _MOST_SEGMENT_BYTES - len(ICC_SIGNATURE) - 2
_EXIF_SIGNATURE = b"Exif\0\0"
_XMP_EXTENSION = b"http://ns.adobe.com/xmp/extension/\0"
_XMP_CHUNK_BYTES = 65400
"""The size that the XMP specification, part 3, 1.1.3.1, advises."""


def metadata_to_write(metadata: Metadata, settings: JpegSettings) -> Metadata:
    """What the settings leave of a source's metadata."""
    if settings.metadata == "none":
        return Metadata()
    return with_upright_orientation(metadata) if settings.orientation == "reset" else metadata


def leading_markers(
    header: Header, metadata: Metadata, icc: bytes | None, scale: float
) -> tuple[bytes, tuple[str, ...]]:
    """The segments that follow SOI, and warnings about what did not fit. `scale` is below 1 for a shrunk picture.

    Exif and XMP stay as they are, and so does an orientation in them, with a warning.
    """
    density = density_of(header, scale)
    warnings: list[str] = []
    if density.unit == 0 and (resolution := header.capture_resolution or header.display_resolution):
        per_m = f"{resolution.x_per_m:.6g} × {resolution.y_per_m:.6g} pixels a metre"
        warnings.append(f"the resolution, {per_m}, cannot be written as a JPEG's density; it is left out")
    jfif = b"JFIF\0\x01\x02" + bytes([density.unit]) + density.x.to_bytes(2) + density.y.to_bytes(2) + b"\0\0"
    parts = [_segment(0xE0, jfif)]
    parts += _metadata(metadata, warnings)
    if turned := orientation_warning(metadata):
        warnings.append(turned)
    if icc is not None:
        parts += _profile(icc)
    return b"".join(parts), tuple(warnings)


def _segment(marker: int, data: bytes) -> bytes:
    return bytes([0xFF, marker]) + (len(data) + 2).to_bytes(2) + data


def _metadata(metadata: Metadata, warnings: list[str]) -> list[bytes]:
    parts: list[bytes] = []
    if metadata.exif is not None:
        parts += _whole("Exif", 0xE1, _EXIF_SIGNATURE, metadata.exif, warnings)
    if metadata.xmp is not None:
        parts += _xmp(metadata.xmp)
    if metadata.iptc is not None:
        resource = _photoshop_resource(metadata.iptc)
        parts += _whole("IPTC", 0xED, photoshop.SIGNATURE, resource, warnings)
    return parts


def _whole(name: str, marker: int, signature: bytes, data: bytes, warnings: list[str]) -> list[bytes]:
    if len(signature) + len(data) <= _MOST_SEGMENT_BYTES:
        return [_segment(marker, signature + data)]
    warnings.append(f"{name} of {len(data):,} bytes does not fit a JPEG's segment and is left out")
    return []


def _xmp(packet: bytes) -> list[bytes]:
    """One segment, or Extended XMP: the packet in chunks, and a small one that names them by their MD5."""
    if len(XMP_NAMESPACE) + len(packet) <= _MOST_SEGMENT_BYTES:
        return [_segment(0xE1, XMP_NAMESPACE + packet)]
    name = hashlib.md5(packet, usedforsecurity=False).hexdigest().upper().encode()
    pointer = (
        b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        b'<rdf:Description rdf:about="" xmlns:xmpNote="http://ns.adobe.com/xmp/note/" '
        b'xmpNote:HasExtendedXMP="' + name + b'"/></rdf:RDF></x:xmpmeta>'
    )
    head = _XMP_EXTENSION + name + len(packet).to_bytes(4)
    chunks = range(0, len(packet), _XMP_CHUNK_BYTES)
    return [
        _segment(0xE1, XMP_NAMESPACE + pointer),
        *(_segment(0xE1, head + at.to_bytes(4) + packet[at : at + _XMP_CHUNK_BYTES]) for at in chunks),
    ]


def _profile(icc: bytes) -> list[bytes]:
    """ICC.1:2022 B.4: numbered chunks; a profile that needs more than 255 is refused with its header."""
    chunks = [icc[at : at + _ICC_CHUNK_BYTES] for at in range(0, len(icc), _ICC_CHUNK_BYTES)]
    heads = (ICC_SIGNATURE + bytes([number, len(chunks)]) for number in range(1, len(chunks) + 1))
    return [_segment(0xE2, head + chunk) for head, chunk in zip(heads, chunks, strict=True)]


def _photoshop_resource(iptc: bytes) -> bytes:
    """IPTC records as the image resource 0x0404 (Adobe Photoshop File Formats, Image Resource Blocks)."""
    padding = b"\0" * (len(iptc) % 2)
    return b"8BIM" + photoshop.IPTC.to_bytes(2) + b"\0\0" + len(iptc).to_bytes(4) + iptc + padding


def density_of(header: Header, scale: float = 1.0) -> Density:
    """JFIF's density from the capture resolution, else the display resolution, else the pixels' shape.

    The boxes count samples of the reference grid (ISO/IEC 15444-1 I.5.3.7); `scale` is that of a shrunk picture.
    """
    dx, dy = header.finest_dx, header.finest_dy
    resolution = header.capture_resolution or header.display_resolution
    if resolution is not None:
        density = _whole_density(Resolution(resolution.x_per_m * scale / dx, resolution.y_per_m * scale / dy))
        if density is not None:
            return density
    common = math.gcd(dx, dy)
    return Density(0, dy // common, dx // common)


def _whole_density(resolution: Resolution) -> Density | None:
    """Whole dots an inch or a centimetre, whichever is nearer; None if neither can hold the resolution."""
    candidates: list[tuple[float, Density]] = []
    for unit, per_m in ((1, 0.0254), (2, 0.01)):
        exact = (resolution.x_per_m * per_m, resolution.y_per_m * per_m)
        if not all(math.isfinite(value) and 0.5 <= value < 65535.5 for value in exact):
            continue
        x, y = (round(value) for value in exact)
        if 1 <= x <= 65535 and 1 <= y <= 65535:
            off = max(abs(x - exact[0]) / exact[0], abs(y - exact[1]) / exact[1])
            candidates.append((round(off, 4), Density(unit, x, y)))
    return min(candidates, key=lambda candidate: candidate[0])[1] if candidates else None
