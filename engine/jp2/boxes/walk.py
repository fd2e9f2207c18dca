"""Boxes (ISO/IEC 15444-1 Annex I.4): walked without trusting a length, in bounded number and depth."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from engine.jp2.file_reader import Source

MAX_BOXES = 4096
"""Siblings looked at in one walk: metadata-rich files have dozens."""


class BoxError(Exception):
    """The chain of boxes breaks at this place: nothing after it can be found."""

    def __init__(self, message: str, out_of_bytes: bool = False) -> None:
        super().__init__(message)
        self.out_of_bytes = out_of_bytes
        """The boxes end where a box header is not yet complete, as in a file that was cut."""


@dataclass(frozen=True)
class Box:
    """A box's place in its file, in bytes; the content was not read yet."""

    kind: bytes
    """TBox, four bytes."""
    start: int
    content: int
    """Where the content begins: after LBox and TBox, and XLBox where there is one."""
    end: int
    """Where it ends, never beyond the surrounding box or file."""
    declared_end: int
    """Where its length says it ends."""
    open_ended: bool
    """LBox was 0: it reaches to the end of the file."""

    @property
    def name(self) -> str:
        return box_name(self.kind)

    @property
    def content_bytes(self) -> int:
        return self.end - self.content

    @property
    def is_cut(self) -> bool:
        return self.declared_end > self.end


def box_name(kind: bytes) -> str:
    """A box type fit for a message."""
    return "".join(chr(c) if 0x20 <= c < 0x7F else f"\\x{c:02x}" for c in kind)


def walk(source: Source, start: int, end: int, limit: int = MAX_BOXES) -> Iterator[Box]:
    """The boxes between two offsets, in order; each step goes forward by eight bytes or more.

    Raises BoxError for a length that cannot be (2 to 7, an XLBox under 16), for bytes too few for a box
    header, and beyond `limit` boxes. A box that claims to reach past `end` is the last, with `is_cut`.
    """
    position = start
    for _ in range(limit):
        if position >= end:
            return
        box = _box_at(source, position, end)
        yield box
        position = box.end
    if position < end:
        raise BoxError(f"more than {limit:,} boxes")


def _box_at(source: Source, position: int, end: int) -> Box:
    head = source.read(position, 16)
    room = min(len(head), end - position)
    if room < 8:
        raise BoxError(f"{room} stray bytes at {position:,}, too few for a box", out_of_bytes=True)
    length = int.from_bytes(head[:4])
    content = position + 8
    if length == 1:
        if room < 16:
            raise BoxError(f"the file ends inside the box header at {position:,}", out_of_bytes=True)
        length = int.from_bytes(head[8:16])
        content = position + 16
    open_ended = length == 0 and content == position + 8
    declared_end = end if open_ended else position + length
    if declared_end < content:
        raise BoxError(f"box {box_name(head[4:8])!r} at {position:,} has the impossible length {length}")
    return Box(head[4:8], position, content, min(declared_end, end), declared_end, open_ended)
