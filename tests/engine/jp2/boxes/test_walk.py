"""Boxes in their order; what is told of those that break off."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.jp2.boxes.walk import BoxError, walk
from engine.jp2.file_reader import FileReader


def test_a_box_whose_type_is_no_text_is_named_by_its_bytes(tmp_path: Path) -> None:
    path = tmp_path / "a.jp2"
    path.write_bytes(b"\0\0\0\5\x1e\xceab")
    with FileReader.open(path) as reader, pytest.raises(BoxError) as caught:
        list(walk(reader, 0, reader.size))
    assert str(caught.value) == r"box '\x1e\xceab' at 0 has the impossible length 5"
