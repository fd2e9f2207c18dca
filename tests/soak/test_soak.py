"""Faults of every kind, drawn at random, for minutes or a night: `make soak MINUTES=120`, `SEED=N` repeats a draw."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
_MINUTES, _SEED = "PHOTOSTAT_SOAK_MINUTES", "PHOTOSTAT_SOAK_SEED"


@pytest.mark.soak
@pytest.mark.parametrize("module", ["tests.soak.run", "tests.soak.run_machines"])
def test_a_long_run_through_every_fault_ends_as_a_calm_one(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], module: str
) -> None:
    if os.geteuid() != 0 or not Path("/dev/fuse").exists():
        pytest.skip("only root mounts volumes and shares, and shares need /dev/fuse")
    minutes, seed = os.environ.get(_MINUTES) or "10", os.environ.get(_SEED, "")
    soak = [sys.executable, "-m", module, str(tmp_path), minutes, *([seed] if seed else [])]
    with capfd.disabled():
        done = subprocess.run(
            ["unshare", "--mount", "--propagation", "private", *soak], cwd=ROOT, check=False
        )
    assert done.returncode == 0, f"the soak's output above says why; its files are in {tmp_path}"
