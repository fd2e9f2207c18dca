"""Writes a JPEG: libvips encodes the pixels, the markers before them are ours, byte for byte."""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass
from typing import Any, BinaryIO

from engine.config import JpegSettings
from engine.failures import Stage
from engine.jp2.decode import Settle
from engine.jp2.facts import Header, Resolution
from engine.jpeg import ICC_SIGNATURE, PHOTOSHOP_SIGNATURE, XMP_NAMESPACE, Density
from engine.rendering import Rendered
from engine.vips import TargetCustom, VipsError, vips_failure

_MOST_SEGMENT_BYTES = 65533
"""A marker segment's data: its two bytes of length count themselves (ITU-T T.81 B.1.1.4)."""
_SETTLE_BYTES = 128 * 1024
"""Of JPEG: a blank page's are 30 megabytes of pixels, a photograph's one."""
_ICC_CHUNK_BYTES = _MOST_SEGMENT_BYTES - len(ICC_SIGNATURE) - 2


@dataclass(frozen=True)
class Written:
    jpeg_bytes: int
    md5: str


def subsampled(settings: JpegSettings) -> bool:
    """Whether chroma has half the resolution each way: 4:2:0, "auto" below quality 90."""
    return settings.subsampling == "4:2:0" or (settings.subsampling == "auto" and settings.quality < 90)


def write_jpeg(file: BinaryIO, rendered: Rendered, settings: JpegSettings, markers: bytes) -> Written:
    """Encodes into an open file. `markers` follow SOI: see `leading_markers`.

    Raises OSError where the file cannot be written, ImageError for what libvips says.
    """
    output = _Output(file, markers, rendered.settle)
    target = TargetCustom()
    target.on_write(output.write)
    try:
        rendered.image.jpegsave_target(
            target,
            Q=settings.quality,
            subsample_mode="on" if subsampled(settings) else "off",
            optimize_coding=settings.optimize,
            interlace=settings.progressive,
            quant_table=0,  # ITU-T T.81 Annex K: mozjpeg has others
            trellis_quant=False,
            overshoot_deringing=False,
            keep="none",
        )
    except VipsError as error:
        if output.error is not None:
            raise output.error from error
        raise vips_failure(error, Stage.ENCODING) from error
    if output.error is not None:
        raise output.error
    return Written(output.count, output.digest.hexdigest())


class _Output:
    """libvips' bytes on their way into the file, our markers put in after SOI."""

    def __init__(self, file: BinaryIO, markers: bytes, settle: Settle) -> None:
        self._file, self._markers = file, markers
        self._settle, self._unsettled = settle, 0
        self._head = b""
        self.digest = hashlib.md5(usedforsecurity=False)
        self.count = 0
        self.error: OSError | None = None

    def write(self, data: Any) -> int:
        """Called from C, where an exception would be lost: an error is kept and told by writing nothing."""
        try:
            if self._markers:
                self._head += bytes(data)
                if len(self._head) >= 2:
                    self._put(self._head[:2] + self._markers + self._head[2:])
                    self._markers = b""
            else:
                self._put(data)
            self._unsettled += len(data)
            if self._unsettled > _SETTLE_BYTES:
                self._settle()
                self._unsettled = 0
        except OSError as error:
            self.error = self.error or error
            return -1
        return len(data)

    def _put(self, data: Any) -> None:
        self._file.write(data)
        self.digest.update(data)
        self.count += len(data)


def leading_markers(
    header: Header, icc: bytes | None, scale: float, keep_metadata: bool
) -> tuple[bytes, tuple[str, ...]]:
    """The segments between SOI and the tables: JFIF, Exif, XMP, IPTC, the profile; and what did not fit.

    Exif and XMP stay as they were, orientation too: pixels are not turned either.
    """
    density = density_of(header, scale)
    jfif = b"JFIF\0\x01\x02" + bytes([density.unit]) + density.x.to_bytes(2) + density.y.to_bytes(2) + b"\0\0"
    parts = [_segment(0xE0, jfif)]
    warnings: list[str] = []
    if keep_metadata:
        candidates = (
            ("Exif", 0xE1, b"Exif\0\0", header.exif),
            ("XMP", 0xE1, XMP_NAMESPACE, header.xmp),
            ("IPTC", 0xED, PHOTOSHOP_SIGNATURE, _photoshop_resource(header.iptc)),
        )
        for name, marker, signature, data in candidates:
            if data is None:
                continue
            if len(signature) + len(data) <= _MOST_SEGMENT_BYTES:
                parts.append(_segment(marker, signature + data))
            else:
                warnings.append(
                    f"{name} of {len(data):,} bytes does not fit a JPEG's segment and is left out"
                )
    if icc is not None:
        chunks = [icc[at : at + _ICC_CHUNK_BYTES] for at in range(0, len(icc), _ICC_CHUNK_BYTES)]
        for number, chunk in enumerate(chunks, 1):
            parts.append(_segment(0xE2, ICC_SIGNATURE + bytes([number, len(chunks)]) + chunk))
    return b"".join(parts), tuple(warnings)


def _segment(marker: int, data: bytes) -> bytes:
    return bytes([0xFF, marker]) + (len(data) + 2).to_bytes(2) + data


def _photoshop_resource(iptc: bytes | None) -> bytes | None:
    """IPTC records as the image resource 0x0404 (Adobe Photoshop File Formats, Image Resource Blocks)."""
    if iptc is None:
        return None
    padding = b"\0" * (len(iptc) % 2)
    return b"8BIM\x04\x04\0\0" + len(iptc).to_bytes(4) + iptc + padding


def density_of(header: Header, scale: float = 1.0) -> Density:
    """JFIF's density from the capture resolution, else the display resolution, else the pixels' shape.

    The boxes count samples of the reference grid (ISO/IEC 15444-1 I.5.3.7); `scale` is of a shrunk picture.
    """
    dx = min(component.dx for component in header.components)
    dy = min(component.dy for component in header.components)
    resolution = header.capture_resolution or header.display_resolution
    if resolution is not None:
        density = _whole_density(Resolution(resolution.x_per_m * scale / dx, resolution.y_per_m * scale / dy))
        if density is not None:
            return density
    common = math.gcd(dx, dy)
    return Density(0, dy // common, dx // common)


def _whole_density(resolution: Resolution) -> Density | None:
    """Whole dots an inch or a centimetre, whichever is nearer to what was said; None where neither holds it."""
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
