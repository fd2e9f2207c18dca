"""Which GPUs are found, and what a person is told who has one that is not used."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.config import EngineSettings
from engine.gpu import cards as cards_module
from engine.gpu.cards import CPU_BACKEND, cards, why_no_cards
from engine.preflight.gpu_outlook import GpuOutlook
from tests.support.gpu_decoders import needs_library
from tui.commands.shared.gpu_outlook import gpu_document, gpu_fact


@needs_library
def test_cards_are_found_without_loading_anything(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(CPU_BACKEND, raising=False)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    assert cards(tmp_path) == []
    for name in ("nvidia0", "nvidia1", "nvidiactl", "nvidia-uvm"):
        (tmp_path / name).touch()
    assert [card.device for card in cards(tmp_path)] == [0, 1]
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1")
    assert [card.device for card in cards(tmp_path)] == [0]
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert cards(tmp_path) == []
    assert why_no_cards(tmp_path) == "CUDA_VISIBLE_DEVICES leaves out every GPU of this machine"
    monkeypatch.setenv(CPU_BACKEND, "cpu")
    assert [card.device for card in cards(tmp_path)] == [None]


@needs_library
def test_a_check_says_why_a_card_that_is_there_is_not_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(CPU_BACKEND, raising=False)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert GpuOutlook.of(EngineSettings(), tmp_path) is None, "there is none"
    assert why_no_cards(tmp_path).startswith("there is no GPU on this machine (no /dev/nvidia0")
    (tmp_path / "nvidia0").touch()
    assert GpuOutlook.of(EngineSettings(gpu="off"), tmp_path) is None
    outlook = GpuOutlook.of(EngineSettings(), tmp_path)
    assert outlook is not None
    assert gpu_fact(outlook) == "not used: CUDA_VISIBLE_DEVICES leaves out every GPU of this machine"
    assert (gpu_document(outlook)["cards"], gpu_document(outlook)["problem"]) == ([], None)
    assert gpu_document(outlook)["unused"].startswith("CUDA_VISIBLE_DEVICES")
    monkeypatch.setattr(cards_module, "is_installed", lambda: False)
    outlook = GpuOutlook.of(EngineSettings(), tmp_path)
    assert outlook is not None
    assert gpu_fact(outlook).startswith(
        "not used: the extra photostat[gpu] is not installed: `python3 -m pip"
    )
