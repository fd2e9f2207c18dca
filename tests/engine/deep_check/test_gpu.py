"""What a deep check finds of a GPU that decodes differently, cannot be used, or is not asked for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engine.config import EngineSettings
from engine.deep_check import gpu as gpu_module
from engine.deep_check.gpu import compared_with_gpu, gpu_for_check
from engine.deep_check.results import Outcome
from engine.gpu.cards import CPU_BACKEND, Card
from engine.gpu.client import GpuClient
from engine.gpu_messages import GpuOutcome, GpuUse
from engine.jp2.jp2_file import Jp2File
from tests.support.jp2_files import make_codestream


def test_a_sample_that_differs_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "image.j2k"
    pixels = make_codestream(path, 61, 47)
    samples = np.array(np.atleast_3d(pixels))
    answers: list[tuple[Any, GpuOutcome]] = [(samples, GpuOutcome()), (None, GpuOutcome(gone="it has ended"))]
    monkeypatch.setattr(GpuClient, "decode", lambda *asked: answers[0])
    use = GpuUse("nobody", compare=False, lossy=False)
    with Jp2File.open(path) as file:
        assert compared_with_gpu(file, use).outcome is Outcome.SAME
        samples[30, 20, 1] ^= 1
        differs = compared_with_gpu(file, use)
        assert (differs.outcome, differs.different, differs.place) == (
            Outcome.DIFFERS,
            1,
            "channel 2, column 20, row 30",
        )
        del answers[0]
        gone = compared_with_gpu(file, use)
        assert (gone.outcome, gone.message) == (Outcome.NO_OPINION, "it has ended")


def test_a_gpu_is_asked_where_a_run_would_use_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(CPU_BACKEND, "cpu")
    with gpu_for_check(EngineSettings(gpu="off")) as gpu:
        assert gpu is None
    monkeypatch.setattr(gpu_module, "cards", lambda: [Card(0, "GPU 0")])
    monkeypatch.setattr(gpu_module, "gpu_decoder_main", ends_at_once)
    with gpu_for_check(EngineSettings()) as gpu:
        assert gpu is not None
        assert gpu.use is None
        assert gpu.decoder.problem == "its process ended with exit code 3"


def ends_at_once(connection: object, parent_pid: int, device: int) -> None:
    raise SystemExit(3)
