"""Codestreams put together marker by marker, with what no encoder would write."""

from __future__ import annotations

import struct

from engine.demo.jp2_boxes import SIGNATURE, box

SOC = b"\xff\x4f"
EOC = b"\xff\xd9"
SOD = b"\xff\x93"


def segment(marker: int, content: bytes) -> bytes:
    return struct.pack(">HH", marker, len(content) + 2) + content


def siz(
    area: tuple[int, int, int, int] = (0, 0, 16, 16),
    tile: tuple[int, int] = (16, 16),
    tile_origin: tuple[int, int] = (0, 0),
    components: tuple[tuple[int, int, int], ...] = ((7, 1, 1),),
    capabilities: int = 0,
    count: int | None = None,
) -> bytes:
    """A.5.1; `area` is x0, y0, x1, y1; a component is Ssiz, XRsiz, YRsiz; `count` overrides Csiz."""
    x0, y0, x1, y1 = area
    content = struct.pack(">H8I", capabilities, x1, y1, x0, y0, *tile, *tile_origin)
    content += struct.pack(">H", len(components) if count is None else count)
    return segment(0xFF51, content + b"".join(bytes(component) for component in components))


def cod(
    style: int = 0,
    progression: int = 0,
    layers: int = 1,
    transform: int = 0,
    levels: int = 0,
    block: tuple[int, int] = (4, 4),
    block_style: int = 0,
    wavelet: int = 1,
) -> bytes:
    """A.6.1."""
    content = struct.pack(
        ">BBHBBBBBB", style, progression, layers, transform, levels, *block, block_style, wavelet
    )
    return segment(0xFF52, content)


def qcd(levels: int = 0) -> bytes:
    """A.6.4: no quantisation."""
    return segment(0xFF5C, bytes([0x40] + [8 << 3] * (3 * levels + 1)))


def tile_part(
    tile: int = 0,
    index: int = 0,
    count: int = 1,
    data: bytes = b"\x00",
    header: bytes = b"",
    psot: int | None = None,
) -> bytes:
    """A.4.2; one zero byte of data is an empty packet; `psot` overrides the length."""
    length = 12 + len(header) + 2 + len(data)
    sot = struct.pack(">HHHIBB", 0xFF90, 10, tile, length if psot is None else psot, index, count)
    return sot + header + SOD + data


def codestream(
    size: bytes | None = None, style: bytes | None = None, *more: bytes, tiles: bytes | None = None
) -> bytes:
    """A whole codestream; by default 16 × 16 pixels of one grey."""
    main = (
        SOC + (siz() if size is None else size) + (cod() if style is None else style) + qcd() + b"".join(more)
    )
    return main + (tile_part() if tiles is None else tiles) + EOC


def jp2(content: bytes, *header_boxes: bytes) -> bytes:
    """The smallest JP2 around a codestream of 16 × 16 grey pixels."""
    boxes = [
        box(b"ihdr", struct.pack(">IIHBBBB", 16, 16, 1, 7, 7, 0, 0)),
        box(b"colr", struct.pack(">BBBI", 1, 0, 0, 17)),
        *header_boxes,
    ]
    return (
        SIGNATURE + box(b"ftyp", b"jp2 \0\0\0\0jp2 ") + box(b"jp2h", b"".join(boxes)) + box(b"jp2c", content)
    )
