"""What the ledger's tests share."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.workspace import Workspace
from tests.support.ledgers import make_ledger


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """Six pending images in batch newspapers."""
    return make_ledger(tmp_path / "ws", 6)
