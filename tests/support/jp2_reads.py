"""Opens a JPEG 2000 file in a test for one of its parts."""

from __future__ import annotations

from pathlib import Path

from engine.jp2.boxes.metadata import Metadata
from engine.jp2.codestream.main_header import MainHeader
from engine.jp2.jp2_file import Jp2File
from engine.jp2.validation.validate import check_structure


def structure_warnings(path: Path) -> tuple[str, ...]:
    with Jp2File.open(path) as file:
        return check_structure(file).warnings


def metadata_of(path: Path) -> Metadata:
    with Jp2File.open(path) as file:
        return file.metadata


def main_header_of(path: Path) -> MainHeader:
    with Jp2File.open(path) as file:
        return file.main_header
