"""Which ways of decoding are right for which features of a codestream: decoding whole always is. Pure.

Every rule is a fault of OpenJPEG that makes wrong pixels without an error (2.5.0 to 2.5.4). What is not listed here
makes the same samples in every way; tests/engine/jp2/decoding/test_mode_rules.py compares them, feature by feature.
"""

from __future__ import annotations

from enum import StrEnum

from engine.jp2.codestream.features import CodestreamFeatures


class DecodeWay(StrEnum):
    WHOLE = "whole"
    TILES = "tile by tile"
    STRIPS = "in strips on one codec"
    STRIPS_ON_FRESH_CODECS = "in strips, each on its own codec"


_HIGH_THROUGHPUT_AREAS = "OpenJPEG decodes areas of high-throughput code-blocks to nothing"
"""opj_t1_ht_decode_cblk writes where opj_t1_clbl_decode_processor does not read if an area is decoded (ht_dec.c)."""
_PACKED_HEADERS_ONCE = "OpenJPEG uses up packed packet headers (PPM, PPT) with the first area that it decodes"
"""opj_t2_read_packet_header moves ppt_data and ppm_data along and never back (t2.c)."""


def fault_of(way: DecodeWay, features: CodestreamFeatures) -> str | None:
    """Why this way would make wrong pixels; None if it makes the right ones."""
    by_area = way in (DecodeWay.STRIPS, DecodeWay.STRIPS_ON_FRESH_CODECS)
    if by_area and features.high_throughput:
        return _HIGH_THROUGHPUT_AREAS
    if way is DecodeWay.STRIPS and features.packed_headers:
        return _PACKED_HEADERS_ONCE
    return None
