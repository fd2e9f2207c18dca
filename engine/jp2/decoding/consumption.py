"""What OpenJPEG has consumed of a codestream, from its own index (opj_codestream_index_t, openjpeg.h 2.5)."""

from __future__ import annotations

import ctypes
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from engine.failures import Cause, ImageError, Stage


class _TilePart(ctypes.Structure):
    _fields_ = (
        ("start_pos", ctypes.c_int64),
        ("end_header", ctypes.c_int64),
        ("end_pos", ctypes.c_int64),
    )


class _Tile(ctypes.Structure):
    _fields_ = (
        ("tileno", ctypes.c_uint32),
        ("nb_tps", ctypes.c_uint32),
        ("current_nb_tps", ctypes.c_uint32),
        ("current_tpsno", ctypes.c_uint32),
        ("tp_index", ctypes.POINTER(_TilePart)),
        ("marknum", ctypes.c_uint32),
        ("marker", ctypes.c_void_p),
        ("maxmarknum", ctypes.c_uint32),
        ("nb_packet", ctypes.c_uint32),
        ("packet_index", ctypes.c_void_p),
    )


class _Index(ctypes.Structure):
    _fields_ = (
        ("main_head_start", ctypes.c_int64),
        ("main_head_end", ctypes.c_int64),
        ("codestream_size", ctypes.c_uint64),
        ("marknum", ctypes.c_uint32),
        ("marker", ctypes.c_void_p),
        ("maxmarknum", ctypes.c_uint32),
        ("nb_of_tiles", ctypes.c_uint32),
        ("tile_index", ctypes.POINTER(_Tile)),
    )


TilePartStart = tuple[int, int]
"""The tile, and the offset in the codestream where OpenJPEG found the tile-part."""


def tile_parts_read(library: Any, codec: Any) -> set[TilePartStart]:
    """The tile-parts whose data this codec has read; none if it failed."""
    library.opj_get_cstr_index.argtypes = [ctypes.c_void_p]
    library.opj_get_cstr_index.restype = ctypes.POINTER(_Index)
    library.opj_destroy_cstr_index.argtypes = [ctypes.POINTER(ctypes.POINTER(_Index))]
    pointer = library.opj_get_cstr_index(codec)
    if not pointer:
        return set()
    try:
        index = pointer.contents
        return {
            (tile, part.start_pos)
            for tile in range(index.nb_of_tiles)
            for part in _parts(index.tile_index[tile])
            if part.end_pos > part.start_pos
        }
    finally:
        library.opj_destroy_cstr_index(ctypes.byref(pointer))


def _parts(tile: _Tile) -> Sequence[_TilePart]:
    return tile.tp_index[: tile.nb_tps] if tile.tp_index else []


def check_consumed(read: Iterable[TilePartStart], expected: Sequence[int]) -> None:
    """Compares what OpenJPEG read with the tile-parts that are there, `expected` by tile (0: not known).

    Raises ImageError PROOF_FAILED: the pixels are not all of the picture, whatever OpenJPEG reported.
    """
    counts = Counter(tile for tile, _ in read)
    wrong = [tile for tile, count in enumerate(expected) if count and counts[tile] != count]
    if wrong:
        first = wrong[0]
        message = (
            f"OpenJPEG decoded other tile-parts than the file has: {counts[first]} of {expected[first]} of tile "
            f"{first}; this concerns {len(wrong):,} of {len(expected):,} tiles"
        )
        raise ImageError(Cause.PROOF_FAILED, Stage.DECODING, message)
