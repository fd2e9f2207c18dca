"""High-throughput JPEG 2000 (ISO/IEC 15444-15) is read and decoded like any other: OpenJPEG does it."""

from __future__ import annotations

import base64
from pathlib import Path

import numpy as np
import pytest

from engine.failures import Cause, ImageError
from engine.jp2.jp2_file import read_header
from tests.support.codestreams import segment
from tests.support.decodes import pixels_of
from tests.support.jp2_reads import structure_warnings

# 16 × 12 pixels, lossless, HT code-blocks: no encoder among our dependencies writes them; Grok 11 did.
HIGH_THROUGHPUT = base64.b64decode(
    "/0//UQAvQAAAAAAQAAAADAAAAAAAAAAAAAAAEAAAAAwAAAAAAAAAAAADBwEBBwEBBwEB/1AACAACAAAABP9SAAwAAAABAAEE"
    "BEAB/1wAB0BQUFBY/2QAIgABQ3JlYXRlZCBieSBHcm9rIHZlcnNpb24gMTEuMC4w/5AACgAAAAABFwAB/5PAC7j/fb+7f/93"
    "gi/4BUblff52dp/fZgaFUWlQOKXv9dfVe/1aOSROqUNi1f4B1iC/WILgiZToIFG+AMALvf9X/y//V/9r/3X/en/9X9/H9/F9"
    "fB/fx/fxfXwfPowP48P4MD6MD+PD+DAAAAAIIAAAxwBoAADGAAAxsgHAC7R8eGwmDQUhsCDCExwaGRuYxoHg2VQkjMRALkxf"
    "VA3BDpbyLqakGwThiL5DRLsgVQAAMb4AwAqoATQARu7u7ueAp6fCdwAA+666lQD+AwDACOAFoQARgP4DAKYxxhhj/voAAHv2"
    "AAHsugD+AwDACqgBVQARgBEREeeAp6fCdwCtqv76V7917LcA/gMA/9k="
)


def test_a_high_throughput_codestream_is_decoded_to_the_last_bit(tmp_path: Path) -> None:
    path = tmp_path / "a.jph"
    path.write_bytes(HIGH_THROUGHPUT)
    header = read_header(path)
    assert header.high_throughput
    assert structure_warnings(path) == ()
    y, x = np.mgrid[0:12, 0:16]
    expected = np.stack([x * 16 + y, y * 20, 255 - x * 9 - y * 3], axis=-1).astype(np.uint8)
    assert np.array_equal(pixels_of(path), expected)


def test_a_high_throughput_codestream_cut_anywhere_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.jph"
    for keep in range(13, len(HIGH_THROUGHPUT) - 2):
        path.write_bytes(HIGH_THROUGHPUT[:keep])
        with pytest.raises(ImageError) as caught:
            structure_warnings(path)
        assert caught.value.failure.cause is Cause.TRUNCATED, keep


def test_a_region_of_interest_in_high_throughput_is_unsupported_and_not_damage(tmp_path: Path) -> None:
    path = tmp_path / "a.jph"
    quantisation = HIGH_THROUGHPUT.index(b"\xff\x5c")
    region = segment(0xFF5E, bytes([0, 0, 1]))
    path.write_bytes(HIGH_THROUGHPUT[:quantisation] + region + HIGH_THROUGHPUT[quantisation:])
    with pytest.raises(ImageError) as caught:
        pixels_of(path)
    assert caught.value.failure.cause is Cause.UNSUPPORTED
    assert "ROI" in caught.value.failure.message
