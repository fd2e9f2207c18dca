"""Packet headers (ISO/IEC 15444-1 B.10), read only to know how long each packet is."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import lru_cache

from msgspec import Struct

Read = Callable[[int, int], bytes]
"""`read(offset, count)`: bytes of the tile's packets; fewer at their end."""

_FIRST_BYTES = 192
_MOST_BYTES = 32 * 1024
_SPARE_BITS = 4096
"""More than one code-block takes in a header."""
_LBLOCK = 3
_LONGEST_LBLOCK = 64
_MOST_PASSES = 164
_NO_THRESHOLD = 1 << 30


class HeaderCut(Exception):
    """The bytes end inside a packet header."""


class BlockStyle(Struct, frozen=True):
    """How a code-block's passes are cut into codeword segments (Table A.19)."""

    bypass: bool
    terminates_each: bool

    @property
    def is_one_segment(self) -> bool:
        return not (self.bypass or self.terminates_each)


Path = tuple[int, ...]
"""A tag tree's nodes from the root to a leaf. They are numbered level by level, the leaves first."""


class TagTree:
    """A tag tree's state (B.10.2)."""

    __slots__ = ("known", "low")

    def __init__(self, nodes: int) -> None:
        self.low = [0] * nodes
        self.known = bytearray(nodes)


@lru_cache(maxsize=256)
def _levels(width: int, height: int) -> tuple[tuple[int, int], ...]:
    """For each level, the root first: its first node, and nodes in a row; last the count of all nodes, and 0."""
    start, levels = 0, []
    while True:
        levels.append((start, width))
        start += width * height
        if width * height == 1:
            return (*reversed(levels), (start, 0))
        width, height = -(-width // 2), -(-height // 2)


@lru_cache(maxsize=128)
def _row_of_paths(width: int, height: int, y: int) -> tuple[Path, ...]:
    levels = _levels(width, height)[:-1]
    depth = len(levels) - 1
    rows = [(start + (y >> depth - n) * across, depth - n) for n, (start, across) in enumerate(levels)]
    return tuple(tuple(start + (x >> shift) for start, shift in rows) for x in range(width))


class PrecinctBand:
    """A precinct's code-blocks of one sub-band, and their state after the layers read so far."""

    __slots__ = ("height", "inclusion", "lblock", "passes", "planes", "width")

    def __init__(self, width: int, height: int) -> None:
        self.width, self.height = width, height
        nodes = _levels(width, height)[-1][0]
        self.inclusion, self.planes = TagTree(nodes), TagTree(nodes)
        self.passes = bytearray(width * height)
        self.lblock = bytearray([_LBLOCK]) * (width * height)

    def blocks(self) -> Iterator[tuple[int, Path]]:
        """Each code-block's number and its path in the tag trees."""
        for y in range(self.height):
            yield from enumerate(_row_of_paths(self.width, self.height, y), y * self.width)


class HeaderReader:
    """The bits of the header that begins at an offset, as text of 0 and 1, so that `find` counts and `int` reads."""

    def __init__(self, read: Read, start: int) -> None:
        self._read = read
        self._start = self._next = start
        self._stuffed: list[int] = []
        self._after_ff = False
        self._chunk = _FIRST_BYTES
        self._ended = False
        self.text = ""
        self.length = 0
        """Of the bits that were read; zeros follow if the bytes have ended."""
        self._load()

    def _load(self) -> None:
        """Reads more bits. After a byte FF the next bit is stuffed, and left out (B.10.1)."""
        data = self._read(self._next, self._chunk)
        self._ended = len(data) < self._chunk
        self._next += len(data)
        self._chunk = min(2 * self._chunk, _MOST_BYTES)
        bits = bin(int.from_bytes(b"\1" + data))[3:]
        pieces, taken, length = [], 0, len(self.text)
        at = 0 if self._after_ff and data else data.find(b"\xff") + 1 or -1
        while 0 <= at < len(data):
            pieces.append(bits[taken : 8 * at])
            length += 8 * at - taken
            taken = 8 * at + 1
            self._stuffed.append(length)
            at = data.find(b"\xff", at) + 1 or -1
        pieces.append(bits[taken:])
        self._after_ff = data.endswith(b"\xff") if data else self._after_ff
        self.text += "".join(pieces)
        self.length = len(self.text)
        if self._ended:
            self.text += "0" * _SPARE_BITS

    def ensure(self, at: int) -> None:
        """Reads on until the bits from `at` are enough for a code-block, or the bytes end."""
        while not self._ended and self.length - at < _SPARE_BITS:
            self._load()
        if at > self.length:
            raise HeaderCut

    def end(self, at: int) -> int:
        """The offset after a header whose last bit is before `at`; a byte is stuffed if the header ends with FF."""
        if at > self.length:
            raise HeaderCut
        stuffed = sum(1 for position in self._stuffed if position < at)
        end = self._start + -(-(at + stuffed) // 8)
        return end + 1 if self._read(end - 1, 1) == b"\xff" else end


def read_packet_header(
    read: Read, start: int, bands: list[PrecinctBand], layer: int, style: BlockStyle
) -> tuple[int, int]:
    """Where the header that begins at `start` ends, and how many bytes of code-blocks follow it.

    Raises HeaderCut if the bytes end before the header does, ValueError if they cannot be a header.
    """
    reader = HeaderReader(read, start)
    if reader.text[0] == "0":
        return reader.end(1), 0
    at, body = 1, 0
    for band in bands:
        for block, path in band.blocks():
            reader.ensure(at)
            text = reader.text
            try:
                at, passes = _new_passes(text, at, band, block, path, layer)
                if passes:
                    at, length = _segment_bytes(text, at, band, block, passes, style)
                    body += length
            except IndexError:
                raise HeaderCut from None
    return reader.end(at), body


def _new_passes(
    text: str, at: int, band: PrecinctBand, block: int, path: Path, layer: int
) -> tuple[int, int]:
    """The next bit, and how many coding passes of this code-block the packet holds (B.10.4 to B.10.6)."""
    if band.passes[block]:
        included = text[at] == "1"
        at += 1
    else:
        at = _decode(text, at, band.inclusion, path, layer + 1)
        included = band.inclusion.known[path[-1]] == 1
        if included:
            at = _decode(text, at, band.planes, path, _NO_THRESHOLD)
    if not included:
        return at, 0
    if text[at] == "0":
        return at + 1, 1
    if text[at + 1] == "0":
        return at + 2, 2
    if (few := text[at + 2 : at + 4]) != "11":
        return at + 4, 3 + int(few, 2)
    if (more := text[at + 4 : at + 9]) != "11111":
        return at + 9, 6 + int(more, 2)
    return at + 16, 37 + int(text[at + 9 : at + 16], 2)


def _decode(text: str, at: int, tree: TagTree, path: Path, threshold: int) -> int:
    """The next bit, once it is known whether the leaf's value is below the threshold (B.10.2)."""
    low, known, value = tree.low, tree.known, 0
    for node in path:
        if known[node]:
            value = low[node]
            continue
        value = max(value, low[node])
        if value < threshold:
            one = text.find("1", at, at + threshold - value)
            if one < 0:
                if len(text) < at + threshold - value:
                    raise IndexError
                at += threshold - value
                value = threshold
            else:
                value += one - at
                at = one + 1
                known[node] = 1
        low[node] = value
    return at


def _segment_bytes(
    text: str, at: int, band: PrecinctBand, block: int, passes: int, style: BlockStyle
) -> tuple[int, int]:
    """The next bit, and the code-block's bytes in this packet (B.10.7)."""
    zero = text.find("0", at, at + _LONGEST_LBLOCK)
    if zero < 0:
        _impossible()
    lblock = band.lblock[block] + zero - at
    if lblock > _LONGEST_LBLOCK:
        _impossible()
    band.lblock[block] = lblock
    at = zero + 1
    before = band.passes[block]
    if before + passes > _MOST_PASSES:
        _impossible()
    band.passes[block] = before + passes
    if style.is_one_segment:
        bits = lblock + passes.bit_length() - 1
        return at + bits, int(text[at : at + bits] or _ended(), 2)
    length = 0
    while passes:
        run = min(passes, _passes_left(before, style))
        bits = lblock + run.bit_length() - 1
        length += int(text[at : at + bits] or _ended(), 2)
        at += bits
        before += run
        passes -= run
    return at, length


def _passes_left(before: int, style: BlockStyle) -> int:
    """Passes until the present codeword segment ends (Table D.9), after `before` passes."""
    if style.terminates_each:
        return 1
    first = 10  # the first bit-plane's cleanup pass and three whole bit-planes
    if before < first:
        return first - before
    phase = (before - first) % 3  # two raw passes, then a cleanup pass
    return 2 - phase if phase < 2 else 1


def _impossible() -> int:
    raise ValueError("not a packet header")


def _ended() -> str:
    raise IndexError
