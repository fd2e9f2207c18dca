"""Reads the .sql files beside this module: a file a subject, and in it `-- name: …` before each statement."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

_DIRECTORY = Path(__file__).parent / "sql"
_NAME = re.compile(r"^-- name: (\w+)\n", re.MULTILINE)


def statements(subject: str) -> Mapping[str, str]:
    """The statements of `sql/SUBJECT.sql` by name."""
    _, *parts = _NAME.split((_DIRECTORY / f"{subject}.sql").read_text("utf-8"))
    return dict(zip(parts[::2], (text.strip() for text in parts[1::2]), strict=True))
