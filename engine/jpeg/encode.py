"""Encodes a JPEG: libvips writes the pixels, and the marker segments before them are put in."""

from __future__ import annotations

import hashlib
from typing import Any, BinaryIO

from msgspec import Struct

from engine.config import JpegSettings
from engine.failures import Stage
from engine.jp2.decoding.pixel_memory import ReleasePages
from engine.jpeg.libvips import TargetCustom, VipsError, vips_failure
from engine.jpeg.render import Rendered

_RELEASE_BYTES = 128 * 1024
"""Of JPEG, between two releases of pages: 30 megabytes of pixels of a blank page, one of a photograph."""


class Written(Struct, frozen=True):
    jpeg_bytes: int
    md5: str


def write_jpeg(file: BinaryIO, rendered: Rendered, settings: JpegSettings, markers: bytes) -> Written:
    """Encodes into an open file; `markers` follow SOI, see `metadata.leading_markers`.

    Raises OSError if the file cannot be written, ImageError with libvips' message.
    """
    output = _Output(file, markers, rendered.release_pages)
    target = TargetCustom()
    target.on_write(output.write)
    try:
        image = _releasing(rendered) if settings.buffers_whole_picture else rendered.image
        image.jpegsave_target(
            target,
            Q=settings.quality,
            subsample_mode="on" if settings.chroma_halved else "off",
            optimize_coding=settings.optimize,
            interlace=settings.progressive,
            quant_table=0,  # ITU-T T.81 Annex K; mozjpeg has others
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


def _releasing(rendered: Rendered) -> Any:
    """The picture, which releases pages as it is read: libjpeg writes nothing before it has read all of it."""
    image = rendered.image.copy()
    image.set_progress(True)
    image.signal_connect("eval", lambda *_: rendered.release_pages())
    return image


class _Output:
    """Puts the markers after SOI into libvips' bytes on their way to the file."""

    def __init__(self, file: BinaryIO, markers: bytes, release_pages: ReleasePages) -> None:
        self._file, self._markers = file, markers
        self._release_pages, self._unreleased_bytes = release_pages, 0
        self._head = b""
        self.digest = hashlib.md5(usedforsecurity=False)
        self.count = 0
        self.error: OSError | None = None

    def write(self, data: Any) -> int:
        """Called from C, where an exception would be lost: an error is kept, and -1 stops libvips."""
        try:
            if self._markers:
                self._head += bytes(data)
                if len(self._head) >= 2:
                    self._put(self._head[:2] + self._markers + self._head[2:])
                    self._markers = b""
            else:
                self._put(data)
            self._unreleased_bytes += len(data)
            if self._unreleased_bytes > _RELEASE_BYTES:
                self._release_pages()
                self._unreleased_bytes = 0
        except OSError as error:
            self.error = self.error or error
            return -1
        return len(data)

    def _put(self, data: Any) -> None:
        self._file.write(data)
        self.digest.update(data)
        self.count += len(data)
