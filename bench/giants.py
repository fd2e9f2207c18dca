"""Makes JP2 files of any size in seconds: the packets of a small image, written again and again.

A precinct's packets do not depend on its neighbours (ISO/IEC 15444-1 B.6, B.10): a codestream whose precincts
cover the same square of the image at every resolution can be extended by repeating them, and a tile by
repeating it under another number. The files are valid and decode like photographs of their size do: the same
code-blocks, the same bits in them. Only at the seams the wavelet does not quite match.
"""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from engine.demo.jp2_boxes import Wrapping, box_start, jp2_start
from engine.demo.jp2_encoder import Encoding, planes_of, write_codestream

STEP = 512
"""Sides are multiples of this: what a precinct covers."""
_PATTERN = 2048
_LEVELS = 5
_PRECINCT = re.compile(rb"\xff\x91\x00\x04..", re.DOTALL)
"""SOP: 0xFF91 cannot occur in packet data (B.10.1, and the MQ coder's bit stuffing)."""
_SIZ_AT, _SOT, _SOD, _EOC, _COD = 2, b"\xff\x90", b"\xff\x93", b"\xff\xd9", b"\xff\x52"


@dataclass(frozen=True)
class Giant:
    """The image to make; sides in pixels, multiples of STEP."""

    width: int
    height: int
    components: int = 3
    bits: int = 8
    tile: int | None = None
    """Side of the tiles, a power of two up to 2048; None for one tile."""
    progression: str = "RPCL"
    grain: float = 2.0
    """Standard deviation of the noise, in 8-bit steps: 2 gives a lossless file of about 1.3 bytes a pixel of RGB."""
    code_block: int = 64

    @property
    def megapixels(self) -> float:
        return self.width * self.height / 1e6


def photograph(side: int, components: int, bits: int, grain: float) -> NDArray[np.uint16]:
    """(side, side, components): soft shapes that repeat at the edges, edges of ink, and film grain."""
    generator = np.random.default_rng(7)
    y, x = np.mgrid[0:side, 0:side] * (2 * np.pi / side)
    planes = []
    shapes = (
        np.sin(3 * x + 2 * np.sin(2 * y))
        + 0.6 * np.sin(5 * y - 3 * np.sin(x))
        + 0.3 * np.sin(17 * x + 11 * y)
    )
    ink = 40.0 * (np.sin(61 * x) * np.sin(43 * y) > 0.8)
    for component in range(components):
        noise = generator.normal(0.0, grain, (side, side))
        planes.append(128 + 40 * np.roll(shapes, 37 * component, axis=1) - ink + noise)
    scale = (2**bits - 1) / 255
    pixels: NDArray[np.uint16] = np.clip(np.stack(planes, axis=2) * scale, 0, 2**bits - 1).astype(np.uint16)
    return pixels


def write_giant(path: Path, giant: Giant) -> None:
    """Writes the JP2 file. Raises ValueError for sides that cannot be made of whole precincts or tiles."""
    unit = giant.tile or STEP
    if giant.width % unit or giant.height % unit:
        raise ValueError(f"{giant.width} by {giant.height} is not made of squares of {unit}")
    small = path.with_name(path.name + ".pattern")
    side = giant.tile or _PATTERN
    pixels = photograph(side, giant.components, giant.bits, giant.grain)
    encoding = Encoding(
        levels=_LEVELS,
        progression=giant.progression,
        code_block=giant.code_block,
        precinct=None if giant.tile else STEP,
        sop=giant.tile is None,
    )
    write_codestream(small, planes_of(pixels, giant.bits), encoding)
    codestream = small.read_bytes()
    small.unlink()
    start = codestream.index(_SOT)
    header = _resized(codestream[:start], giant)
    body = codestream[codestream.index(_SOD, start) + 2 : codestream.rindex(_EOC)]
    with path.open("wb") as file:
        depths = [(giant.bits, False)] * giant.components
        file.write(jp2_start(giant.width, giant.height, depths, Wrapping()))
        file.write(box_start(b"jp2c", _length(giant, header, body), Wrapping().codestream_length))
        file.write(header)
        if giant.tile:
            _write_tiles(file, giant, body)
        else:
            _write_packets(file, giant, body)
        file.write(_EOC)


def _resized(header: bytes, giant: Giant) -> bytes:
    """SIZ (A.5.1): the image's size, and the tile's; COD (A.6.1): no SOP markers any more."""
    tile = (giant.tile, giant.tile) if giant.tile else (giant.width, giant.height)
    changed = bytearray(header)
    struct.pack_into(">II", changed, _SIZ_AT + 6, giant.width, giant.height)
    struct.pack_into(">II", changed, _SIZ_AT + 22, *tile)
    changed[changed.index(_COD) + 4] &= ~0x02
    return bytes(changed)


def _write_tiles(file: BinaryIO, giant: Giant, body: bytes) -> None:
    assert giant.tile
    for index in range(giant.width // giant.tile * (giant.height // giant.tile)):
        file.write(_tile_part(index, len(body)) + body)


def _write_packets(file: BinaryIO, giant: Giant, body: bytes) -> None:
    rows = _packet_rows(giant, body)
    across, down = giant.width // STEP, giant.height // STEP
    file.write(_tile_part(0, _packets_bytes(giant, body)))
    for rows_of_resolution in rows:
        for y in range(down):
            row = rows_of_resolution[y % len(rows_of_resolution)]
            whole, rest = divmod(across, len(row))
            file.write(b"".join(row) * whole + b"".join(row[:rest]))


def _packet_rows(giant: Giant, body: bytes) -> list[list[list[bytes]]]:
    """[resolution (or resolution and component)][row of precincts][column]: its packets, SOP markers taken out.

    RPCL keeps a precinct's components together; LRCP goes through a component's precincts before the next.
    """
    packets = _PRECINCT.split(body)[1:]
    count = _PATTERN // STEP
    if giant.progression == "RPCL":
        c = giant.components
        packets = [b"".join(packets[i : i + c]) for i in range(0, len(packets), c)]
    rows = [packets[i : i + count] for i in range(0, len(packets), count)]
    return [rows[i : i + count] for i in range(0, len(rows), count)]


def _packets_bytes(giant: Giant, body: bytes) -> int:
    across, down = giant.width // STEP, giant.height // STEP
    return sum(
        len(group[y % len(group)][x % len(group)])
        for group in _packet_rows(giant, body)
        for y in range(down)
        for x in range(across)
    )


def _tile_part(index: int, data_bytes: int) -> bytes:
    """SOT and SOD (A.4.2); the length 0 means "to the end", for what 32 bits cannot say."""
    length = data_bytes + 14
    return _SOT + struct.pack(">HHIBB", 10, index, length if length < 2**32 else 0, 0, 1) + _SOD


def _length(giant: Giant, header: bytes, body: bytes) -> int:
    if giant.tile:
        tiles = giant.width // giant.tile * (giant.height // giant.tile)
        return len(header) + tiles * (14 + len(body)) + 2
    return len(header) + 14 + _packets_bytes(giant, body) + 2
