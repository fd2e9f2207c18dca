"""A copy that broke off and left zeros in the middle of a file of the right length is reported."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from engine.demo.jp2_boxes import box
from engine.failures import Cause, ImageError
from engine.jp2.jp2_file import read_header
from engine.jp2.validation.zero_pages import PAGE_BYTES, ZeroPageFinder
from tests.support.conversions import convert
from tests.support.jp2_files import Encoding, Wrapping, make_jp2


def found(path: Path, chunk_bytes: int = 1 << 20) -> list[str]:
    finder = ZeroPageFinder()
    content = path.read_bytes()
    for start in range(0, len(content), chunk_bytes):
        finder.add(content[start : start + chunk_bytes])
    return finder.warnings(read_header(path))


def with_zeros(path: Path, start: int, size: int) -> None:
    content = bytearray(path.read_bytes())
    content[start : start + size] = bytes(size)
    path.write_bytes(content)


@pytest.mark.parametrize("chunk_bytes", [1 << 20, 4096, 1000, 7777])
def test_an_empty_page_is_found_however_the_file_is_read(tmp_path: Path, chunk_bytes: int) -> None:
    path = tmp_path / "a.jp2"
    make_jp2(path, 300, 200)
    assert found(path, chunk_bytes) == []
    with_zeros(path, 5 * PAGE_BYTES, 2 * PAGE_BYTES)
    (warning,) = found(path, chunk_bytes)
    assert "8,192 bytes" in warning
    assert "byte 20,480" in warning


def test_zeros_that_fill_no_page_are_not_reported(tmp_path: Path) -> None:
    path = tmp_path / "a.jp2"
    make_jp2(path, 300, 200)
    with_zeros(path, 5 * PAGE_BYTES + 1, 2 * PAGE_BYTES - 2)
    assert found(path) == []


def test_zeros_outside_the_codestream_are_not_reported(tmp_path: Path) -> None:
    padding = box(b"free", bytes(4 * PAGE_BYTES))
    make_jp2(tmp_path / "a.jp2", 64, 48, wrapping=Wrapping(trailing_boxes=(padding,)))
    assert found(tmp_path / "a.jp2") == []


def test_a_conversion_warns_of_zero_pages(tmp_path: Path) -> None:
    path = tmp_path / "a.jp2"
    make_jp2(path, 500, 400, encoding=Encoding(ratios=(1,)))
    last_packet = path.stat().st_size // PAGE_BYTES - 4
    with_zeros(path, last_packet * PAGE_BYTES, 3 * PAGE_BYTES)
    made, _ = convert(path)
    assert any("12,288 bytes of the compressed data are zeros" in warning for warning in made.warnings)
    with pytest.raises(ImageError, match="strict"):
        convert(path, strict=True)


def test_zero_pages_that_cover_packet_headers_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.jp2"
    make_jp2(path, 500, 400)
    with_zeros(path, 20 * PAGE_BYTES, 3 * PAGE_BYTES)
    with pytest.raises(ImageError) as refused:
        convert(path)
    assert refused.value.failure.cause is Cause.CORRUPT


def test_looking_for_zero_pages_costs_next_to_nothing() -> None:
    chunk = bytes(range(1, 256)) * 4113
    began = time.process_time()
    finder = ZeroPageFinder()
    for _ in range(40):
        finder.add(chunk)
    # 40 megabytes: two milliseconds where pages are aligned, and a copy of the chunk where they are not.
    assert time.process_time() - began < 0.2
