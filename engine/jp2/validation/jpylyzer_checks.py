"""The tests of jpylyzer (the archives' validator, openpreservation.org) whose failure is a sign of damage."""

from __future__ import annotations

import io
from contextlib import redirect_stderr
from typing import Any, overload

from jpylyzer.boxvalidator import BoxValidator

from engine.jp2.boxes.jp2_header import Jp2Header
from engine.jp2.boxes.walk import Box
from engine.jp2.codestream.marker_segments import Marker
from engine.jp2.file_reader import FileReader
from engine.jp2.jp2_file import Jp2File
from engine.jp2.validation.tile_parts import TilePartChain

# jpylyzer trusts the counts it reads, and its time grows with the square of the tiles: it gets no more than this.
MAX_TILE_PARTS = 1000
MAX_TILE_PART_SEGMENTS = 5000
MAX_MAIN_HEADER_BYTES = 512 * 1024
MAX_BOX_BYTES = 4096
MAX_BOXES = 32

_SLOW_MARKERS = frozenset({Marker.PRF, Marker.CPF, Marker.PLM})
"""It turns a PRF into one number of up to half a million bits, and a PLM into text."""

_HEADER_BOXES = frozenset({b"ihdr", b"bpcc", b"colr", b"pclr", b"cmap", b"cdef", b"res "})
_COPIED_BYTES = 256 * 1024

NARROWER_THAN_READ = frozenset(
    {
        # Outside the profile of Part 1, but read here: brands, colour and extensions of Part 2.
        "methIsValid",
        "precIsValid",
        "approxIsValid",
        "enumCSIsValid",
        "rsizIsValid",
        "cTypIsValid",
        "noMoreThanOneAlphaChannel",
        "cAssocAlphaChannelIsZero",
        "commentIsValid",
        "rcomIsValid",
        # Reported with the facts by the header and by the walk along the tile-parts.
        "containsColourSpecificationBox",
        "paletteAndComponentMappingBoxesOnlyTogether",
        "containsBitsPerComponentBox",
        "foundEOCMarker",
        "foundNextTilePartOrEOC",
        "foundExpectedNumberOfTiles",
        "foundExpectedNumberOfTileParts",
        "cIsValid",
    }
)
"""Tests that a whole file may fail, because it is a JPX or unusual."""

_ITS_OWN_FAULTS = (
    ArithmeticError,
    AttributeError,
    LookupError,
    NameError,
    RuntimeError,
    TypeError,
    ValueError,
)
"""What jpylyzer 2.2.1 raises on values that it does not expect, such as Rsiz 8."""


def jpylyzer_warnings(file: Jp2File, chain: TilePartChain) -> list[str]:
    """A warning for each failed test that is a sign of damage, of a file that can be read."""
    form = "jph" if file.header.high_throughput else "jp2"
    failed: set[str] = set()
    try:
        if codestream := _codestream(file, chain):
            failed |= _failed_tests("contiguousCodestreamBox", codestream, form)
        if file.boxes is not None and (jp2h := _testable_boxes(file.reader, file.boxes.jp2h)):
            failed |= _failed_tests(b"jp2h", jp2h, form)
    except _ITS_OWN_FAULTS as error:
        return [f"jpylyzer gave up on this file ({type(error).__name__}: {error})"]
    return [f"jpylyzer: {name} failed" for name in sorted(failed - NARROWER_THAN_READ)]


def _failed_tests(box: str | bytes, contents: FileSlice | bytes, form: str) -> set[str]:
    options = {
        "validationFormat": form,
        "verboseFlag": False,
        "nullxmlFlag": False,
        "packetmarkersFlag": False,
    }
    # It writes a line to standard error for each box that it does not know.
    with redirect_stderr(io.StringIO()):
        tests = BoxValidator(options, box, contents).validate().tests
    return {element.tag for element in tests.iter() if element.text is False}


def _codestream(file: Jp2File, chain: TilePartChain) -> FileSlice | None:
    """The codestream; if it has many tile-parts its main header alone, whose tests matter most."""
    start = file.header.codestream_offset
    if chain.start - start > MAX_MAIN_HEADER_BYTES or file.main_header.markers & _SLOW_MARKERS:
        return None
    is_short = chain.tile_parts <= MAX_TILE_PARTS and chain.segments <= MAX_TILE_PART_SEGMENTS
    is_whole = is_short and not chain.has_packet_lengths
    end = min(chain.end + 2, file.reader.size) if is_whole else chain.start
    return FileSlice(file.reader, start, end)


def _testable_boxes(reader: FileReader, jp2h: Jp2Header) -> bytes:
    """The first boxes of the JP2 header that jpylyzer can test within bounds; profiles are tested elsewhere."""
    boxes = [box for box in jp2h.boxes if _is_testable(reader, box, jp2h)]
    return b"".join(reader.read(box.start, box.end - box.start) for box in boxes[:MAX_BOXES])


def _is_testable(reader: FileReader, box: Box, jp2h: Jp2Header) -> bool:
    if box.kind not in _HEADER_BOXES or box.content_bytes > MAX_BOX_BYTES or box.open_ended:
        return False
    if box.kind == b"colr":
        return reader.read(box.content, 1) == b"\x01"
    if box.kind == b"cdef":
        return int.from_bytes(reader.read(box.content, 2)) * 6 + 2 == box.content_bytes
    if box.kind == b"res ":
        # jpylyzer parses whatever lies in this box, and divides by any denominator.
        return box in jp2h.sound_resolutions
    if box.kind == b"pclr":
        entries, columns = int.from_bytes(reader.read(box.content, 2)), reader.read(box.content + 2, 1)
        return entries * int.from_bytes(columns) <= MAX_BOX_BYTES
    return True


class FileSlice:
    """A part of a file that is sliced like bytes; a large slice stays on disk.

    jpylyzer takes boxes out of their file by slicing, which would copy the codestream into memory.
    """

    def __init__(self, reader: FileReader, start: int, end: int) -> None:
        self._reader = reader
        self._start = start
        self._end = max(start, end)

    def __len__(self) -> int:
        return self._end - self._start

    @overload
    def __getitem__(self, key: int) -> int: ...

    @overload
    def __getitem__(self, key: slice[Any, Any, Any]) -> bytes | FileSlice: ...

    def __getitem__(self, key: int | slice[Any, Any, Any]) -> int | bytes | FileSlice:
        if isinstance(key, int):
            return self._reader.read(self._start + range(len(self))[key], 1)[0]
        start, stop, _ = key.indices(len(self))
        if stop - start > _COPIED_BYTES:
            return FileSlice(self._reader, self._start + start, self._start + stop)
        return self._reader.read(self._start + start, stop - start)
