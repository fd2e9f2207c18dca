"""Writes a JPEG: libvips encodes the pixels, the markers before them are ours, byte for byte."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any, BinaryIO

from engine.config import JpegSettings
from engine.failures import Stage
from engine.jp2.decoding.decode import Settle
from engine.jpeg.libvips import TargetCustom, VipsError, vips_failure
from engine.jpeg.render import Rendered

_SETTLE_BYTES = 128 * 1024
"""Of JPEG: a blank page's are 30 megabytes of pixels, a photograph's one."""


@dataclass(frozen=True)
class Written:
    jpeg_bytes: int
    md5: str


def write_jpeg(file: BinaryIO, rendered: Rendered, settings: JpegSettings, markers: bytes) -> Written:
    """Encodes into an open file. `markers` follow SOI: see `jpegmarkers`.

    Raises OSError where the file cannot be written, ImageError for what libvips says.
    """
    output = _Output(file, markers, rendered.settle)
    target = TargetCustom()
    target.on_write(output.write)
    try:
        image = _settling(rendered) if settings.buffers_whole_picture else rendered.image
        image.jpegsave_target(
            target,
            Q=settings.quality,
            subsample_mode="on" if settings.chroma_halved else "off",
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


def _settling(rendered: Rendered) -> Any:
    """The picture, settling as it is read: libjpeg will write nothing until it has read all of it."""
    image = rendered.image.copy()
    image.set_progress(True)
    image.signal_connect("eval", lambda *_: rendered.settle())
    return image


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
