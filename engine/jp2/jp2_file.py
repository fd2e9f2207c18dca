"""A JPEG 2000 file that is opened once; each part of it is read when it is first asked for, and never again."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import Self

from engine.failures import Cause, ImageError, Stage
from engine.jp2.boxes.file_boxes import SIGNATURE_BOX, FileBoxes, read_file_boxes
from engine.jp2.boxes.jp2_header import Jp2Header, choose_colour
from engine.jp2.boxes.jpx_header import with_jpx_headers
from engine.jp2.boxes.metadata import Metadata, read_metadata
from engine.jp2.cached_part import cached_part
from engine.jp2.codestream.main_header import SIGNATURE, MainHeader, read_main_header
from engine.jp2.consistency import check_consistency
from engine.jp2.file_reader import FileReader
from engine.jp2.file_types import BEGINNING_BYTES, name_file_type
from engine.jp2.header import Container, Header


class Jp2File:
    """A JP2, a JPX or a raw codestream, whatever its name; a context manager that closes its reader.

    Every part raises ImageError when it is first asked for: SOURCE_UNREADABLE if the file cannot be read,
    NOT_JPEG2000 with what it is instead, TRUNCATED if it ends before its header does, CORRUPT for what cannot be,
    UNSUPPORTED for what may be and is not converted.
    """

    def __init__(self, reader: FileReader) -> None:
        self.reader = reader

    @classmethod
    def open(cls, path: str | Path) -> Self:
        """Raises ImageError SOURCE_MISSING or SOURCE_UNREADABLE."""
        return cls(FileReader.open(path))

    @property
    def path(self) -> str:
        return self.reader.path

    @cached_part
    def boxes(self) -> FileBoxes | None:
        """None if the file is a raw codestream."""
        beginning = self.reader.read(0, BEGINNING_BYTES)
        if beginning.startswith(SIGNATURE):
            return None
        if beginning.startswith(SIGNATURE_BOX):
            return read_file_boxes(self.reader)
        raise _not_jpeg2000(beginning, self.reader.size)

    @cached_part
    def main_header(self) -> MainHeader:
        return read_main_header(self.reader, self.boxes.codestream_start if self.boxes else 0)

    @cached_part
    def header(self) -> Header:
        """The facts of boxes and main header together: tens of kilobytes are read, however large the file is."""
        return _header(self.reader.size, self.boxes, self.main_header)

    @cached_part
    def metadata(self) -> Metadata:
        return Metadata() if self.boxes is None else read_metadata(self.reader, self.boxes)

    def close(self) -> None:
        self.reader.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def read_header(path: str | Path) -> Header:
    """Opens a file for its header alone; raises ImageError as `Jp2File` does."""
    with Jp2File.open(path) as file:
        return file.header


def _not_jpeg2000(beginning: bytes, size: int) -> ImageError:
    if beginning.strip(b"\x00") and (SIGNATURE_BOX.startswith(beginning) or SIGNATURE.startswith(beginning)):
        message = f"the file ends inside its signature (it has {size} bytes)"
        return ImageError(Cause.TRUNCATED, Stage.VALIDATING, message)
    is_damaged = beginning[4:8] == SIGNATURE_BOX[4:8] or beginning[8:12] == SIGNATURE_BOX[8:]
    if is_damaged or beginning[16:24] == b"ftypjp2 ":
        message = f"the JP2 signature is damaged: the file begins with {beginning[:12].hex(' ')}"
        return ImageError(Cause.CORRUPT, Stage.VALIDATING, message)
    message = f"this is {name_file_type(beginning, size)}"
    return ImageError(Cause.NOT_JPEG2000, Stage.VALIDATING, message)


def _header(file_bytes: int, boxes: FileBoxes | None, main: MainHeader) -> Header:
    size, style = main.size, main.style
    if boxes is None:
        container, start, end = Container.CODESTREAM, 0, file_bytes
        jp2h, palette = Jp2Header(), None
        warnings = main.warnings
    else:
        container = Container.JPX if boxes.is_jpx else Container.JP2
        start, end = boxes.codestream_start, boxes.codestream_end
        jp2h = with_jpx_headers(boxes.jp2h, boxes.jpx, len(size.components))
        palette = jp2h.full_palette()
        disagreements = check_consistency(jp2h, palette, size)
        warnings = (*main.warnings, *jp2h.warnings, *disagreements, *boxes.warnings)
    return Header(
        container=container,
        codestream_offset=start,
        codestream_bytes=end - start,
        file_bytes=file_bytes,
        grid=size.grid,
        components=size.components,
        progression=style.progression,
        layers=style.layers,
        levels=style.levels,
        reversible=style.reversible,
        multiple_component_transform=style.multiple_component_transform,
        high_throughput=main.styles.high_throughput,
        code_block_samples=style.code_block_samples,
        colour=choose_colour(jp2h.colours, by_precedence=container is Container.JPX),
        palette=palette,
        channels=jp2h.channels,
        capture_resolution=jp2h.capture_resolution,
        display_resolution=jp2h.display_resolution,
        bits_per_component_box=jp2h.bits_per_component,
        warnings=warnings,
    )
