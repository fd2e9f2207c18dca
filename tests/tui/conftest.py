"""Fixtures for the tests of commands and app."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.app_pilot import DONE, FAILED, ROWS
from tests.support.ledgers import make_ledger


@pytest.fixture
def collection(tmp_path: Path) -> Path:
    """A workspace with ten images: five failed, two done."""
    return make_ledger(tmp_path / "ws", 10, failed=5, done=2).root


@pytest.fixture(scope="session")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace with a ledger that the tests only read."""
    return make_ledger(tmp_path_factory.mktemp("tui") / "workspace", ROWS, failed=FAILED, done=DONE).root
