"""A file is opened once and each part of it is read once, when it is asked for and not before."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import engine.jp2.boxes.file_boxes
import engine.jp2.boxes.jp2_header
import engine.jp2.boxes.metadata
import engine.jp2.jp2_file
import engine.jp2.validation.tile_parts
from engine.demo.jp2_boxes import EXIF_UUID, XMP_UUID, box
from engine.failures import Cause, ImageError
from engine.jp2.file_reader import FileReader
from engine.jp2.header import Container
from engine.jp2.jp2_file import Jp2File, read_header
from engine.jp2.survey import examine_source
from engine.messages import SurveyRequest
from tests.support.conversions import convert
from tests.support.jp2_files import Encoding, Wrapping, make_codestream, make_jp2, wide_gamut_profile

XMP = b'<x:xmpmeta xmlns:x="adobe:ns:meta/">' + b" " * 500_000 + b"</x:xmpmeta>"
EXIF = b"II*\x00\x08\x00\x00\x00\x00\x00\x00\x00\x00\x00"


def rich_jp2(path: Path) -> Path:
    """A file with a profile, resolutions, metadata before and after the codestream, tiles and tile-parts."""
    wrapping = Wrapping(
        icc=wide_gamut_profile(),
        capture_dpi=(300, 300),
        xmp=XMP,
        extra_header_boxes=(box(b"uuid", EXIF_UUID + EXIF),),
        trailing_boxes=(box(b"asoc", box(b"uuid", XMP_UUID + XMP)), box(b"free", bytes(100))),
    )
    make_jp2(path, 300, 200, encoding=Encoding(tile=(128, 128), tile_parts="R"), wrapping=wrapping)
    return path


@pytest.fixture
def parsed(monkeypatch: pytest.MonkeyPatch) -> Counter[object]:
    """Counts what is opened and parsed: chains of boxes and tile-part headers by their place in the file."""
    counter: Counter[object] = Counter()

    def count(module: Any, name: str, key: Callable[..., object]) -> None:
        original = getattr(module, name)

        def counted(*arguments: Any, **options: Any) -> Any:
            counter[key(*arguments)] += 1
            return original(*arguments, **options)

        monkeypatch.setattr(module, name, counted)

    for name in ("read_file_boxes", "read_main_header", "read_metadata", "_header"):
        count(engine.jp2.jp2_file, name, lambda *_, name=name: name)
    for module in (engine.jp2.boxes.file_boxes, engine.jp2.boxes.jp2_header, engine.jp2.boxes.metadata):
        count(module, "walk", lambda reader, start, end, *_: ("boxes", start, end))
    count(engine.jp2.validation.tile_parts, "_tile_part_at", lambda _, main, start, end: ("tile-part", start))
    count(FileReader, "open", lambda path: "open")
    return counter


def test_a_conversion_opens_its_source_once_and_parses_every_part_once(
    tmp_path: Path, parsed: Counter[object]
) -> None:
    convert(rich_jp2(tmp_path / "a.jp2"))
    assert parsed.keys() >= {"open", "read_file_boxes", "read_main_header", "read_metadata", "_header"}
    assert sum(isinstance(part, tuple) and part[0] == "boxes" for part in parsed) == 4
    assert sum(isinstance(part, tuple) and part[0] == "tile-part" for part in parsed) == 36
    assert set(parsed.values()) == {1}


def test_check_parses_every_part_once_and_reads_no_metadata(tmp_path: Path, parsed: Counter[object]) -> None:
    examine_source(SurveyRequest(1, str(rich_jp2(tmp_path / "a.jp2"))))
    assert set(parsed.values()) == {1}
    assert "read_metadata" not in parsed


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
    """Offset and length of every read from a file."""
    found: list[tuple[int, int]] = []
    original = os.pread

    def pread(descriptor: int, count: int, offset: int) -> bytes:
        data = original(descriptor, count, offset)
        found.append((offset, len(data)))
        return data

    monkeypatch.setattr(os, "pread", pread)
    return found


def test_a_header_is_one_read(tmp_path: Path, reads: list[tuple[int, int]]) -> None:
    make_jp2(tmp_path / "a.jp2", 500, 400, wrapping=Wrapping(icc=wide_gamut_profile()))
    read_header(tmp_path / "a.jp2")
    assert reads == [(0, 64 * 1024)]


def test_metadata_is_read_when_it_is_asked_for_and_not_before(
    tmp_path: Path, reads: list[tuple[int, int]]
) -> None:
    with Jp2File.open(rich_jp2(tmp_path / "a.jp2")) as file:
        assert file.header.container is Container.JP2
        assert sum(count for _, count in reads) < len(XMP)
        assert (file.metadata.xmp, file.metadata.exif) == (XMP, EXIF)
        before = len(reads)
        assert (file.metadata.xmp, file.header.width, file.main_header.style.levels) == (XMP, 300, 5)
        assert len(reads) == before


def test_a_raw_codestream_has_no_boxes_and_no_metadata(tmp_path: Path) -> None:
    make_codestream(tmp_path / "a.j2k", 40, 30)
    with Jp2File.open(tmp_path / "a.j2k") as file:
        assert file.header.container is Container.CODESTREAM
        assert file.boxes is None
        assert (file.metadata.xmp, file.metadata.exif, file.metadata.iptc) == (None, None, None)


def test_any_part_of_another_kind_of_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.jp2").write_bytes(b"II*\x00\x08\x00\x00\x00")
    with Jp2File.open(tmp_path / "a.jp2") as file:
        for part in ("boxes", "main_header", "header", "metadata"):
            with pytest.raises(ImageError) as refused:
                getattr(file, part)
            assert refused.value.failure.cause is Cause.NOT_JPEG2000


def test_two_windows_on_one_open_file_do_not_disturb_each_other(tmp_path: Path) -> None:
    content = bytes(range(256)) * 1024
    (tmp_path / "a").write_bytes(content)
    with FileReader.open(tmp_path / "a") as reader:
        narrow = reader.with_window(100)
        for offset in (0, 5000, 90, 200_000, 262_100):
            assert narrow.read(offset, 50) == content[offset : offset + 50]
            assert reader.read(offset, 3000) == content[offset : offset + 3000]
