"""Writes JPEG 2000 files: OpenJPEG makes the codestream, `jp2_boxes` the boxes around it."""

from __future__ import annotations

import ctypes
import errno
import math
import os
import shutil
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from engine.demo.jp2_boxes import Wrapping, box_start, jp2_start
from engine.jp2.decoding.openjpeg import glymur_calls

PROGRESSIONS = {"LRCP": 0, "RLCP": 1, "RPCL": 2, "PCRL": 3, "CPRL": 4}
"""OPJ_PROG_ORDER."""
_END_OF_CODESTREAM = b"\xff\xd9"
_FULL_BELOW_BYTES = 1 << 20
"""OpenJPEG does not say that a disk is full: it fails without a message, or not at all."""


@dataclass(frozen=True)
class Plane:
    """A component: `samples` is (rows, columns) of any integer type, within the bits it declares."""

    samples: NDArray[Any]
    bits: int = 8
    signed: bool = False
    dx: int = 1
    """Horizontal subsampling on the reference grid (XRsiz)."""
    dy: int = 1


class ProgressionChange(NamedTuple):
    """Packets in an order of their own (ISO/IEC 15444-1 A.6.6); an end is outside."""

    first_resolution: int
    first_component: int
    layers_end: int
    resolutions_end: int
    components_end: int
    progression: str


@dataclass(frozen=True)
class Encoding:
    """How the codestream is written; the defaults are lossless, one tile."""

    tile: tuple[int, int] | None = None
    """Width and height; None for one tile."""
    levels: int | None = None
    """Wavelet decompositions; None for five, or as many as the smallest side allows."""
    reversible: bool = True
    ratios: tuple[float, ...] = (1.0,)
    """Compression ratio of each quality layer, falling; 1 keeps every bit."""
    progression: str = "LRCP"
    origin: tuple[int, int] = (0, 0)
    """XOsiz, YOsiz."""
    tile_origin: tuple[int, int] = (0, 0)
    """XTOsiz, YTOsiz."""
    code_block: int = 64
    precinct: int | None = None
    """Side of the precincts at the highest resolution, a power of two; None for one precinct."""
    tile_parts: str = ""
    """R, L or C: a new tile-part with each resolution, layer or component."""
    sop: bool = False
    eph: bool = False
    plt: bool = False
    tlm: bool = False
    block_style: int = 0
    """Table A.19: 1 bypass, 2 reset, 4 terminate each pass, 8 vertically causal, 32 segmentation symbols."""
    region_of_interest: tuple[int, int] | None = None
    """A component, and by how many bits its coefficients are shifted up (RGN)."""
    progression_changes: tuple[ProgressionChange, ...] = ()
    """POC; together they must cover every packet."""
    component_transform: bool | None = None
    """None: for three or more alike components of a size."""


class EncodeError(Exception):
    """OpenJPEG refuses to write this; the message is its own."""


def write_jp2(
    path: Path,
    pixels: NDArray[Any] | Sequence[Plane],
    encoding: Encoding | None = None,
    wrapping: Wrapping | None = None,
    bits: int | None = None,
) -> None:
    """Writes a JP2 file.

    `pixels` is (h, w) or (h, w, c) of unsigned 8- or 16-bit samples (`bits` of them in use), or planes for
    everything else. Raises EncodeError, OSError.
    """
    planes = planes_of(pixels, bits) if isinstance(pixels, np.ndarray) else list(pixels)
    codestream = path.with_name(path.name + ".codestream")
    encoding = encoding or Encoding()
    wrapping = wrapping or Wrapping()
    try:
        write_codestream(codestream, planes, encoding)
        with codestream.open("rb") as written:
            written.seek(-len(_END_OF_CODESTREAM), os.SEEK_END)
            if written.read() != _END_OF_CODESTREAM:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
        depths = [(plane.bits, plane.signed) for plane in planes]
        x0, y0, x1, y1 = _image_area(planes, encoding)
        with path.open("wb") as out, codestream.open("rb") as source:
            out.write(jp2_start(x1 - x0, y1 - y0, depths, wrapping))
            out.write(box_start(b"jp2c", codestream.stat().st_size, wrapping.codestream_length))
            shutil.copyfileobj(source, out, 1 << 20)
            out.writelines(wrapping.trailing_boxes)
    finally:
        codestream.unlink(missing_ok=True)


def planes_of(pixels: NDArray[Any], bits: int | None = None) -> list[Plane]:
    """The components of an (h, w) or (h, w, c) array of unsigned samples."""
    stack = pixels[:, :, np.newaxis] if pixels.ndim == 2 else pixels
    depth = bits or 8 * pixels.dtype.itemsize
    return [Plane(stack[:, :, c], depth) for c in range(stack.shape[2])]


def write_codestream(path: Path, planes: Sequence[Plane], encoding: Encoding | None = None) -> None:
    """Writes a raw codestream (ISO/IEC 15444-1 Annex A). Raises EncodeError, OSError."""
    encoding = encoding or Encoding()
    opj = glymur_calls()
    messages: list[str] = []
    handler = _MESSAGE_HANDLER(lambda message, _: messages.append(message.decode(errors="replace").strip()))
    path.touch()
    with ExitStack() as stack:
        image = _image(opj, planes, encoding)
        stack.callback(opj.image_destroy, image)
        codec = opj.create_compress(opj.CODEC_J2K)
        stack.callback(opj.destroy_codec, codec)
        for listen in (opj.set_info_handler, opj.set_warning_handler):
            listen(codec, _SILENCE)
        opj.set_error_handler(codec, handler)
        try:
            opj.setup_encoder(codec, _parameters(opj, planes, encoding), image)
            if encoding.plt or encoding.tlm:
                opj.encoder_set_extra_options(codec, plt=encoding.plt, tlm=encoding.tlm)
            stream = opj.stream_create_default_file_stream(str(path), False)
            if not stream:
                raise OSError(f"cannot write {path}")
            stack.callback(opj.stream_destroy, stream)
            opj.start_compress(codec, image, stream)
            opj.encode(codec, stream)
            opj.end_compress(codec, stream)
        except opj.OpenJPEGLibraryError as error:
            if shutil.disk_usage(path.parent).free < _FULL_BELOW_BYTES:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path)) from error
            raise EncodeError("; ".join(messages) or "OpenJPEG failed without a message") from error


_MESSAGE_HANDLER = ctypes.CFUNCTYPE(None, ctypes.c_char_p, ctypes.c_void_p)
_SILENCE = _MESSAGE_HANDLER(lambda message, _: None)


def _image_area(planes: Sequence[Plane], encoding: Encoding) -> tuple[int, int, int, int]:
    """XOsiz, YOsiz, Xsiz, Ysiz: the least grid on which every component has its size (B-2 of 15444-1)."""
    x0, y0 = encoding.origin
    x1 = max((_ceil(x0, p.dx) + p.samples.shape[1] - 1) * p.dx + 1 for p in planes)
    y1 = max((_ceil(y0, p.dy) + p.samples.shape[0] - 1) * p.dy + 1 for p in planes)
    return x0, y0, x1, y1


def _ceil(value: int, step: int) -> int:
    return -(-value // step)


def _image(opj: Any, planes: Sequence[Plane], encoding: Encoding) -> Any:
    """OpenJPEG's image with the samples in it; int32, so 4 bytes a sample."""
    parameters = (opj.ImageComptParmType * len(planes))()
    for parameter, plane in zip(parameters, planes, strict=True):
        parameter.dx, parameter.dy = plane.dx, plane.dy
        parameter.h, parameter.w = plane.samples.shape
        parameter.prec = parameter.bpp = plane.bits
        parameter.sgnd = int(plane.signed)
    image = opj.image_create(parameters, opj.CLRSPC_UNSPECIFIED)
    if not image:
        raise MemoryError("no memory for OpenJPEG's image")
    grid = image.contents
    grid.x0, grid.y0, grid.x1, grid.y1 = _image_area(planes, encoding)
    for index, plane in enumerate(planes):
        samples = np.ascontiguousarray(plane.samples, dtype=np.int32)
        ctypes.memmove(grid.comps[index].data, samples.ctypes.data, samples.nbytes)
    return image


def _parameters(opj: Any, planes: Sequence[Plane], encoding: Encoding) -> Any:
    """OpenJPEG's opj_cparameters_t."""
    parameters = opj.set_default_encoder_parameters()
    parameters.irreversible = int(not encoding.reversible)
    parameters.mode = encoding.block_style
    parameters.prog_order = PROGRESSIONS[encoding.progression]
    parameters.image_offset_x0, parameters.image_offset_y0 = encoding.origin
    parameters.numresolution = 1 + _levels(planes, encoding)
    parameters.cblockw_init = parameters.cblockh_init = encoding.code_block
    parameters.csty |= (0x02 if encoding.sop else 0) | (0x04 if encoding.eph else 0)
    parameters.tcp_mct = int(_uses_component_transform(planes, encoding))
    parameters.cp_disto_alloc = 1
    parameters.tcp_numlayers = len(encoding.ratios)
    for layer, ratio in enumerate(encoding.ratios):
        parameters.tcp_rates[layer] = 0.0 if ratio <= 1 else ratio
    if encoding.tile:
        parameters.tile_size_on = 1
        parameters.cp_tdx, parameters.cp_tdy = encoding.tile
        parameters.cp_tx0, parameters.cp_ty0 = encoding.tile_origin
    if encoding.precinct:
        parameters.csty |= 0x01
        parameters.res_spec = 1
        parameters.prcw_init[0] = parameters.prch_init[0] = encoding.precinct
    if encoding.region_of_interest:
        parameters.roi_compno, parameters.roi_shift = encoding.region_of_interest
    if encoding.progression_changes:
        _set_progression_changes(parameters, planes, encoding)
    if encoding.tile_parts:
        parameters.tp_on = 1
        parameters.tp_flag = ord(encoding.tile_parts)
    return parameters


def _set_progression_changes(parameters: Any, planes: Sequence[Plane], encoding: Encoding) -> None:
    """OpenJPEG wants those of each tile, 32 in all, and writes those of the first one for all."""
    tiles = 1
    if encoding.tile:
        _, _, x1, y1 = _image_area(planes, encoding)
        sides = zip((x1, y1), encoding.tile_origin, encoding.tile, strict=True)
        tiles = math.prod(-(-(end - first) // side) for end, first, side in sides)
    entries = [(tile, change) for tile in range(tiles) for change in encoding.progression_changes]
    parameters.numpocs = len(entries)
    for entry, (tile, change) in zip(parameters.poc, entries, strict=False):
        entry.tile = tile + 1
        entry.resno0, entry.compno0, entry.layno1, entry.resno1, entry.compno1 = change[:5]
        entry.prg1 = PROGRESSIONS[change.progression]


def _levels(planes: Sequence[Plane], encoding: Encoding) -> int:
    """The levels asked for, else as many as OpenJPEG gets right, five at most.

    It refuses more levels than it takes to halve the smallest side of a tile down to one sample; and in tile-parts
    it writes wrong samples (2.5.4, seen with a tile 11 wide and five levels) if a tile at the edge has so many.
    """
    if encoding.levels is not None:
        return encoding.levels
    sides: list[int] = [side for plane in planes for side in plane.samples.shape]
    if encoding.tile:
        sides += encoding.tile
        if encoding.tile_parts:
            _, _, x1, y1 = _image_area(planes, encoding)
            grid = (x1 - encoding.tile_origin[0], y1 - encoding.tile_origin[1])
            sides += [size % tile or tile for size, tile in zip(grid, encoding.tile, strict=True)]
    return min(5, min(sides).bit_length() - 1)


def _uses_component_transform(planes: Sequence[Plane], encoding: Encoding) -> bool:
    if encoding.component_transform is not None:
        return encoding.component_transform
    kinds = {(p.samples.shape, p.bits, p.signed, p.dx, p.dy) for p in planes[:3]}
    return len(planes) >= 3 and len(kinds) == 1
