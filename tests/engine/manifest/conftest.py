"""What the manifest's tests share."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.exports import Collection


@pytest.fixture
def collection(tmp_path: Path) -> Collection:
    return Collection(tmp_path / "ws")
