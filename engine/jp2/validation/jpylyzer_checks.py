"""jpylyzer's tests (the archives' validator, openpreservation.org), those that tell of damage."""

from __future__ import annotations

import io
from contextlib import redirect_stderr
from typing import Any, overload

from jpylyzer.boxvalidator import BoxValidator

from engine.jp2.boxes.walk import Box, BoxError, walk
from engine.jp2.codestream.main_header import MainHeader
from engine.jp2.codestream.marker_segments import Marker
from engine.jp2.file_reader import Source
from engine.jp2.model import Container, Header
from engine.jp2.validation.tile_parts import Chain

# jpylyzer believes the counts it reads, and its time grows with the square of the tiles: it is asked within bounds.
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
        # Part 1 profile: brands, colour and extensions of Part 2 are read here all the same.
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
        # Said in our own words, with the facts, by the header and by the walk along the tile-parts.
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
"""Tests that a file may fail and be whole: what it is then, a JPX or an oddity, is no sign of damage."""

_ITS_OWN_FAULTS = (
    ArithmeticError,
    AttributeError,
    LookupError,
    NameError,
    RuntimeError,
    TypeError,
    ValueError,
)
"""What jpylyzer 2.2.1 raises, by its own mistakes, on values it does not foresee: Rsiz 8, for one."""


def jpylyzer_warnings(source: Source, header: Header, main: MainHeader, chain: Chain) -> list[str]:
    """A warning for each test that fails and tells of damage; the file was found readable before."""
    form = "jph" if header.high_throughput else "jp2"
    failed: set[str] = set()
    try:
        if codestream := _codestream(source, header, main, chain):
            failed |= _failed_tests("contiguousCodestreamBox", codestream, form)
        if header.container is not Container.CODESTREAM and (jp2h := _jp2_header(source)):
            failed |= _failed_tests(b"jp2h", jp2h, form)
    except _ITS_OWN_FAULTS as error:
        return [f"jpylyzer gave up on this file ({type(error).__name__}: {error})"]
    return [f"jpylyzer: {name} failed" for name in sorted(failed - NARROWER_THAN_READ)]


def _failed_tests(box: str | bytes, contents: View | bytes, form: str) -> set[str]:
    options = {
        "validationFormat": form,
        "verboseFlag": False,
        "nullxmlFlag": False,
        "packetmarkersFlag": False,
    }
    # It speaks on standard error of every box it does not know.
    with redirect_stderr(io.StringIO()):
        tests = BoxValidator(options, box, contents).validate().tests
    return {element.tag for element in tests.iter() if element.text is False}


def _codestream(source: Source, header: Header, main: MainHeader, chain: Chain) -> View | None:
    """The codestream, or of one with many tile-parts the main header, whose tests are the ones that matter."""
    start = header.codestream_offset
    if chain.start - start > MAX_MAIN_HEADER_BYTES or main.markers & _SLOW_MARKERS:
        return None
    is_short = chain.tile_parts <= MAX_TILE_PARTS and chain.segments <= MAX_TILE_PART_SEGMENTS
    is_whole = is_short and not chain.has_packet_lengths
    return View(source, start, min(chain.end + 2, source.size) if is_whole else chain.start)


def _jp2_header(source: Source) -> bytes:
    """The first boxes of the JP2 header that it can test for us; profiles are left out, they have other judges."""
    try:
        outer = next(box for box in walk(source, 0, source.size) if box.kind == b"jp2h")
        boxes = [box for box in walk(source, outer.content, outer.end) if _is_testable(source, box)]
    except (BoxError, StopIteration):
        # What breaks off here, read_header has refused or warned of.
        return b""
    return b"".join(source.read(box.start, box.end - box.start) for box in boxes[:MAX_BOXES])


def _is_testable(source: Source, box: Box) -> bool:
    if box.kind not in _HEADER_BOXES or box.content_bytes > MAX_BOX_BYTES or box.open_ended:
        return False
    if box.kind == b"colr":
        return source.read(box.content, 1) == b"\x01"
    if box.kind == b"cdef":
        return int.from_bytes(source.read(box.content, 2)) * 6 + 2 == box.content_bytes
    if box.kind == b"res ":
        # It looks into a superbox for anything, not only for what belongs there, and divides by any denominator.
        return all(_is_resolution(source, inner) for inner in walk(source, box.content, box.end))
    if box.kind == b"pclr":
        entries, columns = int.from_bytes(source.read(box.content, 2)), source.read(box.content + 2, 1)
        return entries * int.from_bytes(columns) <= MAX_BOX_BYTES
    return True


def _is_resolution(source: Source, box: Box) -> bool:
    """Ratios with a zero in them and boxes that are too short have been warned of."""
    ratios = source.read(box.content, min(box.content_bytes, 8))
    is_told = box.kind in (b"resc", b"resd") and box.content_bytes == 10
    return is_told and all(ratios[at : at + 2] != b"\0\0" for at in range(0, 8, 2))


class View:
    """A stretch of a file that is sliced like bytes and stays on disk where a slice is large.

    jpylyzer takes boxes out of their file by slicing, which would copy the codestream into memory.
    """

    def __init__(self, source: Source, start: int, end: int) -> None:
        self._source = source
        self._start = start
        self._end = max(start, end)

    def __len__(self) -> int:
        return self._end - self._start

    @overload
    def __getitem__(self, key: int) -> int: ...

    @overload
    def __getitem__(self, key: slice[Any, Any, Any]) -> bytes | View: ...

    def __getitem__(self, key: int | slice[Any, Any, Any]) -> int | bytes | View:
        if isinstance(key, int):
            return self._source.read(self._start + range(len(self))[key], 1)[0]
        start, stop, _ = key.indices(len(self))
        if stop - start > _COPIED_BYTES:
            return View(self._source, self._start + start, self._start + stop)
        return self._source.read(self._start + start, stop - start)
