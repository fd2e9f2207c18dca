"""The chain of boxes (ISO/IEC 15444-1 Annex I.4), followed without trust in any length."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct

from engine.jp2.errors import corrupt, truncated
from engine.jp2.file_reader import FileReader

MAX_BOXES = 4096
"""Boxes beside each other that one walk visits: files rich in metadata have dozens."""


class BoxError(Exception):
    """The chain of boxes breaks: nothing after this place can be found."""

    def __init__(self, message: str, out_of_bytes: bool = False) -> None:
        super().__init__(message)
        self.out_of_bytes = out_of_bytes
        """The boxes end inside a box header, as in a file that was cut."""


class Box(Struct, frozen=True):
    """Where a box lies in its file, in bytes; its content is not read."""

    kind: bytes
    """TBox, four bytes."""
    start: int
    content: int
    """Where the content begins: after LBox and TBox, and after XLBox if there is one."""
    end: int
    """Where the content ends, never beyond the surrounding box or file."""
    declared_end: int
    """Where it ends by its own length."""
    open_ended: bool
    """LBox is 0: the box reaches to the end of the file."""

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
    """A box type as printable text."""
    return "".join(chr(c) if 0x20 <= c < 0x7F else f"\\x{c:02x}" for c in kind)


def walk(reader: FileReader, start: int, end: int, limit: int = MAX_BOXES) -> Iterator[Box]:
    """The boxes between two offsets, in order; each step goes forward by eight bytes or more.

    Raises BoxError for an impossible length (2 to 7, an XLBox under 16), for bytes too few for a box header, and
    beyond `limit` boxes. A box that claims to reach past `end` is the last one, and `is_cut`.
    """
    position = start
    for _ in range(limit):
        if position >= end:
            return
        box = _box_at(reader, position, end)
        yield box
        position = box.end
    if position < end:
        raise BoxError(f"more than {limit:,} boxes")


def _box_at(reader: FileReader, position: int, end: int) -> Box:
    head = reader.read(position, 16)
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
        raise BoxError(f"box '{box_name(head[4:8])}' at {position:,} has the impossible length {length}")
    return Box(head[4:8], position, content, min(declared_end, end), declared_end, open_ended)


def content_of(reader: FileReader, box: Box, least: int, most: int = 65536) -> bytes:
    """The whole content of a box that must hold from `least` to `most` bytes; raises ImageError if it does not."""
    if box.is_cut:
        corrupt(f"the '{box.name}' box reaches beyond the box around it")
    if not least <= box.content_bytes <= most:
        corrupt(f"the '{box.name}' box holds {box.content_bytes:,} bytes, which cannot be")
    data = reader.read(box.content, box.content_bytes)
    if len(data) < box.content_bytes:
        truncated(reader, f"the file ends inside its '{box.name}' box")
    return data
