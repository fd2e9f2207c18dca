"""jpylyzer's tests (the archives' validator, openpreservation.org), those that tell of damage."""

from __future__ import annotations

import io
from contextlib import redirect_stderr
from typing import Any, overload

from jpylyzer.boxvalidator import BoxValidator

from engine.jp2.boxes import BoxError, walk
from engine.jp2.facts import Container, Header
from engine.jp2.source import Source
from engine.jp2.tileparts import Chain

MAX_TILE_PARTS = 1000
"""Beyond this jpylyzer tests the main header alone: it takes quadratic time over the tiles."""

MAX_JP2_HEADER_BYTES = 4 * 1024 * 1024
_COPIED_BYTES = 256 * 1024

NARROWER_THAN_READ = frozenset(
    {
        # Part 1 profile: brands, colour and extensions of Part 2 are read here all the same.
        "brandIsValid",
        "compatibilityListIsValid",
        "minorVersionIsValid",
        "methIsValid",
        "precIsValid",
        "approxIsValid",
        "enumCSIsValid",
        "iccSizeIsValid",
        "iccPermittedProfileClass",
        "iccNoLUTBasedProfile",
        "rsizIsValid",
        "cTypIsValid",
        "noMoreThanOneAlphaChannel",
        "cAssocAlphaChannelIsZero",
        "commentIsValid",
        "rcomIsValid",
        # Said in our own words, with the facts, by the header and by the walk along the tile-parts.
        "containsColourSpecificationBox",
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


def jpylyzer_warnings(source: Source, header: Header, chain: Chain) -> list[str]:
    """A warning for each test that fails and tells of damage; the file was found readable before."""
    try:
        failed = _failed_tests(source, header, chain)
    except _ITS_OWN_FAULTS as error:
        return [f"jpylyzer gave up on this file ({type(error).__name__}: {error})"]
    return [f"jpylyzer: {name} failed" for name in sorted(failed - NARROWER_THAN_READ)]


def _failed_tests(source: Source, header: Header, chain: Chain) -> set[str]:
    start = header.codestream_offset
    whole = chain.tile_parts <= MAX_TILE_PARTS and not chain.has_packet_lengths
    end = chain.end + 2 if whole else chain.start
    form = "jph" if header.high_throughput else "jp2"
    failed = _validate("contiguousCodestreamBox", View(source, start, min(end, source.size)), form)
    if header.container is not Container.CODESTREAM:
        failed |= _validate(b"jp2h", _jp2_header(source), form)
    return failed


def _validate(box: str | bytes, contents: View | bytes, form: str) -> set[str]:
    options = {
        "validationFormat": form,
        "verboseFlag": False,
        "nullxmlFlag": False,
        "packetmarkersFlag": False,
    }
    if not contents:
        return set()
    # It speaks on standard error of every box it does not know.
    with redirect_stderr(io.StringIO()):
        tests = BoxValidator(options, box, contents).validate().tests
    return {element.tag for element in tests.iter() if element.text is False}


def _jp2_header(source: Source) -> bytes:
    try:
        for box in walk(source, 0, source.size):
            if box.kind == b"jp2h" and box.content_bytes <= MAX_JP2_HEADER_BYTES:
                return source.read(box.content, box.content_bytes)
            if box.kind == b"jp2c":
                break
    except BoxError:
        # The header was read, so this lies behind all that matters here.
        return b""
    return b""


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
