"""The three ways in which a JPEG 2000 file is refused."""

from __future__ import annotations

from typing import NoReturn

from engine.failures import Cause, ImageError, Stage
from engine.jp2.file_reader import FileReader


def truncated(reader: FileReader, facts: str) -> NoReturn:
    """Bytes are missing; the message adds how many the file has."""
    raise ImageError(Cause.TRUNCATED, Stage.VALIDATING, f"{facts} (it has {reader.size:,} bytes)")


def corrupt(facts: str) -> NoReturn:
    """The file contradicts the standard or itself."""
    raise ImageError(Cause.CORRUPT, Stage.VALIDATING, facts)


def unsupported(facts: str) -> NoReturn:
    """The file may be right, and photostat or OpenJPEG cannot make a right JPEG of it."""
    raise ImageError(Cause.UNSUPPORTED, Stage.VALIDATING, facts)
