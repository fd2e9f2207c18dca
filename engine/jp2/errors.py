"""The three ways a JPEG 2000 file is refused, each with its facts."""

from __future__ import annotations

from typing import NoReturn

from engine.failures import Cause, ImageError, Stage
from engine.jp2.file_reader import Source


def truncated(source: Source, what: str) -> NoReturn:
    message = f"{what} (it has {source.size:,} bytes)"
    raise ImageError(Cause.TRUNCATED, Stage.VALIDATING, message)


def corrupt(what: str) -> NoReturn:
    raise ImageError(Cause.CORRUPT, Stage.VALIDATING, what)


def unsupported(what: str) -> NoReturn:
    raise ImageError(Cause.UNSUPPORTED, Stage.VALIDATING, what)
