from __future__ import annotations

from pathlib import Path

import pytest

from engine.files.atomic_files import replacing, sync_directory


def test_a_file_takes_its_name_when_it_is_whole(tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    with replacing(page) as stream:
        stream.write("é\r\n")
        assert not page.exists()
    assert page.read_bytes() == "é\r\n".encode()
    assert list(tmp_path.iterdir()) == [page]


def test_an_error_leaves_the_earlier_file_as_it_was(tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    page.write_text("earlier")
    with pytest.raises(ZeroDivisionError), replacing(page) as stream:
        stream.write("later")
        raise ZeroDivisionError
    assert page.read_text() == "earlier"
    assert list(tmp_path.iterdir()) == [page]


def test_a_directory_that_is_not_there_cannot_be_made_durable(tmp_path: Path) -> None:
    sync_directory(tmp_path)
    with pytest.raises(FileNotFoundError):
        sync_directory(tmp_path / "none")
