"""Which codestreams the GPU decodes, by their headers alone. Pure.

What is listed here makes the samples that OpenJPEG makes; the first images of each kind are compared all the same
(`kind_locks`). Everything else is left to OpenJPEG, without an attempt.
"""

from __future__ import annotations

from collections.abc import Collection

from engine.gpu.refusals import Refusal
from engine.jp2.codestream.features import CodestreamFeatures
from engine.jp2.codestream.marker_segments import Marker
from engine.jp2.header import Header

LEAST_BITS, MOST_BITS = 8, 16
"""nvJPEG2000 gives out bytes or 16-bit words, and the CPU backend refuses fewer than 8 bits."""
_COMPONENTS = (1, 3, 4)
"""The CPU backend refuses two."""


def refusal(
    header: Header, markers: Collection[int], features: CodestreamFeatures, *, lossy: bool
) -> Refusal | None:
    """Why this is nothing for the GPU; None if it is.

    All that nvImageCodec's CPU backend refuses is among it (4:2:2 and 4:2:0 too), so that none is asked for in vain.
    `markers` are the kinds of marker segment in the main header; `lossy` allows the 9-7 wavelet."""
    if not header.reversible and not lossy:
        return Refusal.LOSSY
    return _of_components(header) or _of_codestream(header, markers, features)


def refusal_by_header(header: Header, markers: Collection[int]) -> str:
    """Before the tile-parts are read: the reason, empty if there is none; that an image is lossy comes last."""
    features = CodestreamFeatures(packed_headers=Marker.PPM in markers)
    why = refusal(header, markers, features, lossy=True)
    return why or ("" if header.reversible else Refusal.LOSSY)


def _of_components(header: Header) -> Refusal | None:
    parts = header.components
    if len(parts) not in _COMPONENTS:
        return Refusal.COMPONENTS
    if any(part.signed for part in parts):
        return Refusal.SIGNED
    if len({part.bits for part in parts}) > 1:
        return Refusal.MIXED
    if not LEAST_BITS <= parts[0].bits <= MOST_BITS:
        return Refusal.DEPTH
    if any((part.dx, part.dy) != (1, 1) for part in parts):
        return Refusal.SUBSAMPLED
    return None


def _of_codestream(header: Header, markers: Collection[int], features: CodestreamFeatures) -> Refusal | None:
    grid = header.grid
    if any((grid.x0, grid.y0, grid.tile_x0, grid.tile_y0)):
        return Refusal.ORIGIN
    anywhere = {*markers, *features.tile_markers}
    if Marker.RGN in anywhere:
        return Refusal.REGION
    if Marker.POC in anywhere:
        return Refusal.PROGRESSION
    if features.packed_headers:
        return Refusal.PACKED_HEADERS
    if header.high_throughput or features.high_throughput:
        return Refusal.HIGH_THROUGHPUT
    if features.tile_styles or Marker.COC in markers:
        return Refusal.MIXED_STYLES
    return None
