"""The boxes of a JP2 or JPX file, from the signature to the end: where they lie, and what the headers hold."""

from __future__ import annotations

from msgspec import Struct, field

from engine.jp2.boxes.jp2_header import Jp2Header, read_jp2_header
from engine.jp2.boxes.jpx_header import JpxHeaders, read_jpx_header
from engine.jp2.boxes.walk import Box, BoxError, walk
from engine.jp2.errors import corrupt, truncated, unsupported
from engine.jp2.file_reader import FileReader

SIGNATURE_BOX = b"\x00\x00\x00\x0cjP  \r\n\x87\n"
"""The JPEG 2000 Signature box (ISO/IEC 15444-1 I.5.1)."""


class FileBoxes(Struct, frozen=True):
    """What one walk over a file's boxes found."""

    all: tuple[Box, ...]
    """In their order, after the signature, up to where the chain breaks off."""
    is_jpx: bool
    jp2h: Jp2Header
    jpx: JpxHeaders
    codestream_start: int
    """Offset of SOC in the file."""
    codestream_end: int
    """Where the codestream ends by its box's length."""
    warnings: tuple[str, ...]


class _Found(Struct):
    """What the walk has found so far."""

    boxes: list[Box] = field(default_factory=list)
    brand: bytes = b""
    compatible: tuple[bytes, ...] = ()
    jp2h: Jp2Header | None = None
    jpx: JpxHeaders = field(default_factory=JpxHeaders)
    codestream: Box | None = None
    warnings: list[str] = field(default_factory=list)

    @property
    def is_jpx(self) -> bool:
        return self.brand in (b"jpx ", b"jpxb") or (self.brand != b"jp2 " and b"jpx " in self.compatible)


def read_file_boxes(reader: FileReader) -> FileBoxes:
    """Walks from the end of the signature box to the end of the file, and reads the header boxes.

    Raises ImageError: TRUNCATED if the file ends before its codestream, CORRUPT for boxes that cannot be,
    UNSUPPORTED for kinds of file that are not one image or lie in pieces.
    """
    found = _Found()
    try:
        for box in walk(reader, len(SIGNATURE_BOX), reader.size):
            found.boxes.append(box)
            _read_box(reader, box, found)
    except BoxError as error:
        if found.codestream is None:
            if error.out_of_bytes:
                truncated(reader, "the file ends before its codestream")
            corrupt(f"the boxes break off before the codestream: {error}")
        found.warnings.append(f"after the codestream: {error}")
    if found.codestream is None or found.jp2h is None:
        truncated(reader, "the file ends before its codestream")
    return FileBoxes(
        all=tuple(found.boxes),
        is_jpx=found.is_jpx,
        jp2h=found.jp2h,
        jpx=found.jpx,
        codestream_start=found.codestream.content,
        codestream_end=found.codestream.declared_end,
        warnings=tuple(found.warnings),
    )


def _read_box(reader: FileReader, box: Box, found: _Found) -> None:
    if box.is_cut and found.codestream is None and box.kind != b"jp2c":
        truncated(reader, f"the file ends inside its '{box.name}' box, before the codestream")
    if not found.brand and box.kind != b"ftyp":
        corrupt(f"the second box is '{box.name}', not the file type (ftyp)")
    if box.is_cut and found.codestream is not None:
        found.warnings.append(f"the file ends inside a box '{box.name}' after the codestream")
        return
    match box.kind:
        case b"ftyp":
            _read_file_type(reader, box, found)
        case b"jp2h" if found.codestream is None:
            found.jp2h = found.jp2h or read_jp2_header(reader, box)
        case b"jpch" | b"jplh" | b"comp" if found.is_jpx:
            read_jpx_header(reader, box, found.jpx)
        case b"jp2c":
            _take_codestream(box, found)
        case b"ftbl" if found.codestream is None:
            unsupported("the codestream lies in fragments (a JPX fragment table)")


def _read_file_type(reader: FileReader, box: Box, found: _Found) -> None:
    data = reader.read(box.content, min(box.content_bytes, 1024))
    if len(data) < 8:
        corrupt(f"the file type (ftyp) box holds {len(data)} bytes")
    found.brand = data[:4]
    found.compatible = tuple(data[at : at + 4] for at in range(8, len(data) - 3, 4))
    if found.brand == b"jpm ":
        unsupported("this is a compound document (JPM), not one image")
    if found.brand in (b"mjp2", b"mj2s"):
        unsupported("this is a film (Motion JPEG 2000), not one image")


def _take_codestream(box: Box, found: _Found) -> None:
    if found.codestream is not None:
        found.warnings.append("there is more than one codestream; the first is converted")
        return
    if found.jp2h is None and found.is_jpx:
        unsupported("there is no JP2 header (jp2h) box before the codestream of this JPX")
    if found.jp2h is None:
        corrupt("there is no JP2 header (jp2h) box before the codestream")
    found.codestream = box
    if box.is_cut:
        missing = box.declared_end - box.end
        found.warnings.append(f"the codestream box claims {missing:,} bytes more than the file has")
