"""Fixtures for the tests of the screens."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.app_pilot import DONE, FAILED, ROWS
from tests.support.ledgers import make_ledger


@pytest.fixture(scope="session")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A ledger that the tests only read."""
    return make_ledger(tmp_path_factory.mktemp("tui") / "workspace", ROWS, failed=FAILED, done=DONE).root
