"""What the driver says of a card, from an NVML that is made up: the right card, and whose memory is in use."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import pytest

from engine.gpu import card_gauge
from engine.gpu.card_gauge import CardGauge, CardUse
from engine.gpu.cards import BACKEND_MEMORY
from engine.gpu.memory import card_budget
from tests.support.gpu_decoders import needs_library

GIB = 1 << 30
FAST, SLOW = UUID(int=1), UUID(int=2)


class NVMLError(Exception):
    pass


@dataclass
class Nvml:
    """Two cards; NVML numbers the slow one 0, CUDA the fast one."""

    used: int = 5 * GIB
    processes: list[Any] = field(default_factory=list)
    utilisation: int | None = 40
    identifiers: tuple[str, ...] = (f"GPU-{SLOW}", f"GPU-{FAST}")
    NVMLError = NVMLError

    def nvmlInit(self) -> None:
        pass

    def nvmlDeviceGetHandleByIndex(self, index: int) -> str:
        return self.identifiers[index]

    def nvmlDeviceGetHandleByUUID(self, identifier: str) -> str:
        if identifier not in self.identifiers:
            raise NVMLError
        return identifier

    def nvmlDeviceGetName(self, handle: str) -> str:
        return f"card {handle[-1]}"

    def nvmlDeviceGetMemoryInfo(self, handle: str) -> SimpleNamespace:
        assert handle
        return SimpleNamespace(used=self.used, total=48 * GIB)

    def nvmlDeviceGetUtilizationRates(self, handle: str) -> SimpleNamespace:
        if self.utilisation is None:
            raise NVMLError(handle)
        return SimpleNamespace(gpu=self.utilisation)

    def nvmlDeviceGetComputeRunningProcesses(self, handle: str) -> list[Any]:
        assert handle
        return self.processes


@pytest.fixture
def nvml(monkeypatch: pytest.MonkeyPatch) -> Nvml:
    made_up = Nvml()
    monkeypatch.setitem(sys.modules, "pynvml", made_up)
    monkeypatch.setattr(card_gauge, "_identifier", lambda device: (FAST, SLOW)[device])
    return made_up


def test_the_card_is_the_one_that_cuda_means_and_not_that_of_the_same_number(
    nvml: Nvml, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert [CardGauge(device).name for device in (0, 1)] == ["card 1 0", "card 2 1"]
    nvml.identifiers = (f"MIG-{FAST}",)
    assert CardGauge(0).name == "card 1 0", "a part of a card"
    assert (CardGauge(1).name, CardGauge(1).use()) == ("GPU 1", None), "NVML knows no such card"
    monkeypatch.setattr(card_gauge, "_identifier", lambda _: None)
    assert CardGauge(0).name == "card 1 0", "by its number, if CUDA has no identifier to tell"


def test_memory_that_this_process_has_is_not_taken_for_that_of_others(nvml: Nvml) -> None:
    gauge = CardGauge(0)
    nvml.used = 25 * GIB
    nvml.processes = [SimpleNamespace(pid=os.getpid(), usedGpuMemory=20 * GIB)]
    use = gauge.use()
    assert use == CardUse(0.4, 25 * GIB, 20 * GIB, 48 * GIB)
    assert gauge.budget_bytes(use) == card_budget(48 * GIB, 5 * GIB)


@pytest.mark.parametrize("size", [None, 20 * GIB], ids=["unknown size", "pid of another namespace"])
def test_in_a_container_what_came_later_is_taken_for_this_process_s(nvml: Nvml, size: int | None) -> None:
    gauge = CardGauge(0)
    nvml.used, nvml.utilisation = 25 * GIB, None
    nvml.processes = [SimpleNamespace(pid=os.getpid() if size is None else -1, usedGpuMemory=size)]
    assert gauge.use() == CardUse(None, 25 * GIB, 20 * GIB, 48 * GIB)
    nvml.used = 4 * GIB
    assert gauge.use() == CardUse(None, 4 * GIB, 0, 48 * GIB)


def test_without_nvml_nothing_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pynvml", None)
    gauge = CardGauge(0)
    assert (gauge.name, gauge.use(), gauge.budget_bytes(None)) == ("GPU 0", None, None)
    monkeypatch.setenv(BACKEND_MEMORY, "7")
    assert (CardGauge(None).name, CardGauge(None).budget_bytes(None)) == ("CPU backend", 7)
    assert gauge.budget_bytes(None) is None


def test_without_a_driver_cuda_tells_no_identifier(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(card_gauge, "DRIVER", "libnone.so.1")
    assert card_gauge._identifier(0) is None


@needs_library
def test_a_card_without_a_driver_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    from engine.gpu.library import GpuLibrary, GpuUnavailable

    monkeypatch.setattr(card_gauge, "DRIVER", "libnone.so.1")
    with pytest.raises(
        GpuUnavailable, match=r"NVIDIA's driver is not there .*libnone.* install it, version 530"
    ):
        GpuLibrary(0)
